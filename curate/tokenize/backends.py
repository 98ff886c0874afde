"""The three kinds of vocabulary, each behind the same few functions: bytes, a tokenizer.json, a tiktoken file.

Where fastokens gives the same ids as the tokenizer's own library on a probe, it encodes; else the library does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tokenizers

from curate.errors import UsageError, nearest

END_OF_TEXT_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>")
LIBRARY_BATCH_CHARACTERS = 1 << 20
"""The reference library takes about 100 bytes of memory a byte of text; it gets no more at a time."""
PROBE = (
    "Don't stop: 12345 naïve cafés — 日本語 हिन्दी\n\n\tint x = 3;  \r\n<|endoftext|> it'S 'LL",
    "e\u0301 \u00a0\u3000z ½ \t\tend ",
    "The same text, one word after another, in Ελληνικά and русский языка.\nThe end",
)
NO_BYTES = b""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A well-known vocabulary of tiktoken: its split, how many ranks its file has, end-of-text, and ids in all."""

    name: str
    ranks: int
    end_of_text: int
    vocab_size: int


ENCODINGS = (
    Encoding("gpt2", 50_256, 50_256, 50_257),
    Encoding("r50k_base", 50_256, 50_256, 50_257),
    Encoding("p50k_base", 50_280, 50_256, 50_281),
    Encoding("cl100k_base", 100_256, 100_257, 100_277),
    Encoding("o200k_base", 199_998, 199_999, 200_019),
)


class Backend(Protocol):
    """What a vocabulary can do. `pieces` are the bytes of each id, none for control tokens."""

    end_of_text: int
    pieces: tuple[bytes, ...]
    splits_at_spaces: bool
    """No token reaches from a letter over a single space or newline to a letter, so texts may be cut there."""

    def encode(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        """All ids in one array, and n + 1 offsets; no control token, whatever the text says."""

    def decode(self, ids: list[int]) -> str:
        """Text; bytes that are no UTF-8 become U+FFFD, control tokens their names."""


class Bytes:
    """Ids 0 to 255 are the bytes of UTF-8, 256 is end-of-text."""

    end_of_text = 256
    pieces = (*(bytes([value]) for value in range(256)), NO_BYTES)
    splits_at_spaces = True

    def encode(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        encoded = [text.encode() for text in texts]
        ids = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(np.uint32)
        return ids, _offsets([len(part) for part in encoded])

    def decode(self, ids: list[int]) -> str:
        return _join(self.pieces, ids, self.end_of_text)


class JsonFile:
    """A tokenizer.json of Hugging Face's `tokenizers`."""

    def __init__(self, content: str, place: Path) -> None:
        try:
            self._library = tokenizers.Tokenizer.from_str(content)
        except Exception as error:  # the binding raises plain Exception
            raise UsageError(f"{place} is no tokenizer.json: {error}") from error
        self._library.encode_special_tokens = True
        self._library.no_truncation()
        self._library.no_padding()
        self._fast = self._checked_fast(content)
        vocabulary: dict[str, int] = self._library.get_vocab(with_added_tokens=True)
        self.end_of_text = _find_end_of_text(vocabulary, place)
        self.pieces = _json_pieces(vocabulary, self._library, is_byte_level='"ByteLevel"' in content)
        self.splits_at_spaces = self._probe_spaces()

    def encode(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        return _flat(self._fast, texts) if self._fast is not None else self._encode_by_library(texts)

    def decode(self, ids: list[int]) -> str:
        return str(self._library.decode(ids, skip_special_tokens=False))

    def _encode_by_library(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        parts = [np.zeros(0, dtype=np.uint32)]
        for group in _groups(texts):
            encodings = self._library.encode_batch_fast(group, add_special_tokens=False)
            parts += [np.array(encoding.ids, dtype=np.uint32) for encoding in encodings]
        return np.concatenate(parts), _offsets([len(part) for part in parts[1:]])

    def _checked_fast(self, content: str) -> Any:
        """The fast encoder, or None where it does not know this tokenizer or differs on the probe."""
        import fastokens

        try:
            fast = fastokens.Tokenizer.from_json_str(_without_limits(content))
            found = _flat(fast, list(PROBE))
        except Exception:  # it refuses kinds of tokenizers that it does not know; the library then encodes
            return None
        expected = self._encode_by_library(list(PROBE))
        same = np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])
        return fast if same else None

    def _probe_spaces(self) -> bool:
        """Whether its own split cuts between a letter and a space or newline before a letter."""
        splitter = self._library.pre_tokenizer
        if splitter is None or self._library.normalizer is not None:
            return False
        probe = "Ab cd\nef gé\nÉ 日 本\nи a"
        bounds = {end for _, (_, end) in splitter.pre_tokenize_str(probe)}
        return all(place in bounds for place, character in enumerate(probe) if character.isspace())


class TiktokenFile:
    """A file of tiktoken: a base64 token and its rank on each line. The split follows from the file's name."""

    def __init__(self, path: Path) -> None:
        encoding = _encoding_of(path)
        pieces = _read_ranks(path)
        is_known = len(pieces) == encoding.ranks
        self.end_of_text = encoding.end_of_text if is_known else len(pieces)
        vocab_size = encoding.vocab_size if is_known else len(pieces) + 1
        table = [pieces.get(rank, NO_BYTES) for rank in range(vocab_size)]
        self.pieces = tuple(table)
        self.splits_at_spaces = True
        import fastokens

        special = {END_OF_TEXT_NAMES[0]: self.end_of_text}
        base = "r50k_base" if encoding.name == "gpt2" else encoding.name
        self._fast = fastokens.Tokenizer.from_tiktoken(str(path), special_tokens=special, encoding=base)

    def encode(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        return _flat(self._fast, texts)

    def decode(self, ids: list[int]) -> str:
        return _join(self.pieces, ids, self.end_of_text)


def _flat(fast: Any, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    ids, offsets = fast.encode_batch_flat(texts, split_special_tokens=True)
    return np.frombuffer(ids, dtype="<u4"), np.frombuffer(offsets, dtype="<u8").astype(np.int64)


def _offsets(lengths: list[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _groups(texts: list[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        if group and size + len(text) > LIBRARY_BATCH_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield group


def _join(pieces: tuple[bytes, ...], ids: list[int], end_of_text: int) -> str:
    name = END_OF_TEXT_NAMES[0].encode()
    return b"".join(name if token == end_of_text else pieces[token] for token in ids).decode("utf-8", "replace")


def _without_limits(content: str) -> str:
    """Truncation and padding are settings of a model's caller, never of a corpus."""
    return json.dumps(json.loads(content) | {"truncation": None, "padding": None})


def _find_end_of_text(vocabulary: dict[str, int], place: Path) -> int:
    for name in END_OF_TEXT_NAMES:
        if name in vocabulary:
            return vocabulary[name]
    raise UsageError(f"{place} has no token for end-of-text (looked for {', '.join(END_OF_TEXT_NAMES)})")


def _json_pieces(vocabulary: dict[str, int], library: Any, *, is_byte_level: bool) -> tuple[bytes, ...]:
    pieces = [NO_BYTES] * (max(vocabulary.values()) + 1)
    byte_of = _byte_alphabet()
    for token, number in vocabulary.items():
        if is_byte_level and all(character in byte_of for character in token):
            pieces[number] = bytes(byte_of[character] for character in token)
        elif token.startswith("<0x") and token.endswith(">") and len(token) == 6:
            pieces[number] = bytes([int(token[3:5], 16)])
        else:
            pieces[number] = token.replace("▁", " ").encode()
    for number, added in library.get_added_tokens_decoder().items():
        pieces[number] = NO_BYTES if added.special else added.content.encode()
    return tuple(pieces)


def _byte_alphabet() -> dict[str, int]:
    """The printable stand-in of each byte in byte-level BPE files (GPT-2's encoder.py) -> the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return {chr(value): value for value in printable} | {chr(256 + i): value for i, value in enumerate(others)}


def _encoding_of(path: Path) -> Encoding:
    for encoding in ENCODINGS:
        if encoding.name.removesuffix("_base") in path.name:
            return encoding
    known = [encoding.name for encoding in ENCODINGS]
    raise UsageError(
        f"{path} does not say in its name how it splits words: name it after its encoding{nearest(path.stem, known)}"
    )


def _read_ranks(path: Path) -> dict[int, bytes]:
    pieces = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        token, _, rank = line.partition(b" ")
        try:
            pieces[int(rank)] = base64.b64decode(token, validate=True)
        except (ValueError, binascii.Error) as error:
            raise UsageError(f"{path}:{number}: not a base64 token and a rank") from error
    if len(pieces) < 256:
        raise UsageError(f"{path} has {len(pieces)} ranks; a tiktoken file has at least the 256 bytes")
    return pieces
