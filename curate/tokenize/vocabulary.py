"""The vocabulary that a tokenizer.json writes down: read, measured before anything is built of it, and told in bytes.

content ─▶ table ─▶ ids dense, each once? ─▶ (library) ─▶ bytes of each id
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.tokenize.backends import library_errors, printable

FREE_IDS = 1 << 16
BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
"""How vocabularies of SentencePiece write a byte, for characters that they do not have."""

SPELLING = ("continuing_subword_prefix", "end_of_word_suffix")
"""What a model says of how it writes its tokens, besides the tokens."""

SIGNS, NO_BYTE = 512, -1
"""The byte-level alphabet is among the first signs of Unicode; the last of these is none of it."""


def read_table(content: str, place: Path) -> dict[str, Any]:
    """The JSON of a tokenizer.json whose ids can be counted: no library is asked about a file that is not.

    Raises:
        UsageError: it is no such table, or its ids leave gaps that would need memory for nothing.
    """
    with library_errors(f"{place} is no tokenizer.json"):
        table: dict[str, Any] = json.loads(content)
    model = table.get("model") if isinstance(table, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict | list):
        raise UsageError(f'{place} is no tokenizer.json: it has no "model" with a "vocab"')
    _check_ids(model["vocab"], place)
    _check_added(table.get("added_tokens"), len(model["vocab"]), place)
    _check_merges(model, place)
    return table


def ids_of(table: Mapping[str, Any]) -> dict[str, int]:
    """By token, the id that a table writes down for it, added tokens included."""
    vocab = table["model"]["vocab"]
    # A Unigram model's is a list of pieces with their scores; a piece's id is its place.
    known = vocab if isinstance(vocab, dict) else {piece[0]: number for number, piece in enumerate(vocab)}
    return {**known, **{added["content"]: added.get("id", 0) for added in table.get("added_tokens") or ()}}


def _check_added(added: Any, size: int, place: Path) -> None:
    entries = added if isinstance(added, list) else [] if added is None else [added]
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise UsageError(f'{place} is no tokenizer.json: an entry of "added_tokens" has no "content"')
        number = entry.get("id", 0)
        if type(number) is not int or number < 0:
            raise UsageError(f'{place} is no tokenizer.json: the id of "{printable(entry["content"])}" is no number')
        _check_far(entry["content"], number, size + len(entries), place)


def _check_far(token: str, number: int, size: int, place: Path) -> None:
    if number >= 2 * size + FREE_IDS:
        raise UsageError(f'{place}: "{printable(token)}" has the id {number:,} in a vocabulary of {size:,} tokens')


def _check_ids(vocab: dict[str, Any] | list[Any], place: Path) -> None:
    """The ids of a list are its places; those of a table are what it says."""
    if isinstance(vocab, list):
        if not all(isinstance(piece, list) and piece and isinstance(piece[0], str) for piece in vocab):
            raise UsageError(f"{place} is no tokenizer.json: its vocabulary is a list of something else than pieces")
        return
    for token, number in vocab.items():
        if type(number) is not int or number < 0:
            raise UsageError(f'{place} is no tokenizer.json: the id of "{printable(token)}" is no number from 0 on')
        _check_far(token, number, len(vocab), place)
    if len(set(vocab.values())) < len(vocab):
        raise UsageError(f"{place}: two tokens of its vocabulary have the same id")


def _check_merges(model: dict[str, Any], place: Path) -> None:
    """Pairs of tokens, the second one with the prefix of pieces that go on, which the library cuts off unseen."""
    merges, prefix = model.get("merges") or [], model.get("continuing_subword_prefix") or ""
    if not isinstance(merges, list) or not isinstance(prefix, str):
        raise UsageError(f"{place} is no tokenizer.json: its merges are no list")
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        # Written out, as there are a hundred thousand: `all` over a generator takes three times as long.
        is_pair = isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str)
        if not is_pair or not pair[1].startswith(prefix):
            raise UsageError(f"{place} is no tokenizer.json: the merge {printable(merge)} is no pair of tokens")


@dataclass(frozen=True, slots=True)
class Spelled:
    """What the ids of a vocabulary stand for, each written in the byte-level alphabet: a sign is a byte."""

    written: Sequence[str]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        return np.fromiter(map(len, self.written), np.int64, len(self.written))

    @property
    def pieces(self) -> Iterator[bytes]:
        data = _looked_up("".join(self.written)).astype(np.uint8).tobytes()
        places = np.cumsum(self.sizes).tolist()
        return (data[start:end] for start, end in zip([0, *places], places, strict=False))


def spell_ids(
    ids: Mapping[str, int], model: Mapping[str, Any], ordinary: Set[str], silent: Set[str], *, is_byte_level: bool
) -> Spelled:
    """What each id stands for; `ordinary` are added tokens that a text may hold as they are, `silent` ones are no text:
    control tokens, and the unknown one, which stands for a text of any length.

    Every token is put into the byte-level alphabet, in which most vocabularies have them, and all signs are looked up
    at once: a vocabulary has a hundred thousand tokens, and a run waits for this.
    """
    sign_of = {byte: sign for sign, byte in byte_alphabet().items()}
    spelled = np.full(max(ids.values()) + 1, "", dtype=object)
    spelled[np.fromiter(ids.values(), np.int64, len(ids))] = [*ids]
    for token in _foreign(ids) if is_byte_level else ids:
        spelled[ids[token]] = "".join(map(sign_of.__getitem__, _bytes_of(token, model)))
    for token in ordinary & ids.keys():
        spelled[ids[token]] = "".join(map(sign_of.__getitem__, token.encode()))
    for token in silent & ids.keys():
        spelled[ids[token]] = ""
    return Spelled(spelled.tolist())


def _foreign(tokens: Collection[str]) -> list[str]:
    """Those with a sign that the byte-level alphabet has not: mostly none, and nobody need look at each."""
    if (_looked_up("".join(tokens)) != NO_BYTE).all():
        return []
    return [token for token in tokens if (_looked_up(token) == NO_BYTE).any()]


def _looked_up(signs: str) -> npt.NDArray[np.int16]:
    """The byte that each sign of the byte-level alphabet stands for; these are all below U+0200, others NO_BYTE."""
    # A sign beyond U+FFFF is two numbers here, neither of them a sign of the alphabet.
    numbers = np.frombuffer(signs.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    found: npt.NDArray[np.int16] = _byte_at()[np.minimum(numbers, SIGNS - 1)]
    return found


@functools.cache
def _byte_at() -> npt.NDArray[np.int16]:
    byte_at = np.full(SIGNS, NO_BYTE, dtype=np.int16)
    for sign, byte in byte_alphabet().items():
        byte_at[ord(sign)] = byte
    return byte_at


def _bytes_of(token: str, model: Mapping[str, Any]) -> bytes:
    """Of a token that is written as text, or as one byte by its number."""
    found = BYTE_PIECE.fullmatch(token)
    return bytes([int(found[1], 16)]) if found else _text_of(token, model).encode()


def _text_of(token: str, model: Mapping[str, Any]) -> str:
    """Without the marks of SentencePiece (a space), of WordPiece (within a word) and of GPT's first BPE (its end)."""
    text = token.replace("▁", " ").removeprefix(model.get("continuing_subword_prefix") or "")
    end = model.get("end_of_word_suffix") or ""
    return text.removesuffix(end) + " " if end and text.endswith(end) else text


def byte_alphabet() -> dict[str, int]:
    """The printable stand-in of each byte in byte-level BPE files (GPT-2's encoder.py) -> the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return {chr(value): value for value in printable} | {chr(256 + i): value for i, value in enumerate(others)}
