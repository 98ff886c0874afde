"""What a vocabulary can do, and the simplest one: bytes. Files of vocabularies stand in `json_file` and `rank_file`.

texts ─▶ encode ─▶ ids in one array, bounds of each text;  ids ─▶ decode ─▶ text
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError, UsageError

END_OF_TEXT = "<|endoftext|>"
"""The name of the mark in the vocabularies that are made here, and in those of tiktoken."""
NO_BYTES = b""
MAX_TOKEN = 60
MAX_SENTENCE = 300
"""Characters of a library's own error that are repeated."""
Encoded = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]


class Backend(Protocol):
    """What a vocabulary can do."""

    end_of_text: int
    end_of_text_token: str
    vocab_size: int
    control: Mapping[str, int]
    """The ids of control tokens, by their texts."""
    splits_at_spaces: bool
    """No token reaches from a letter over a single space or newline to a letter, so texts may be cut there."""

    @property
    def encoder(self) -> str:
        """The library that encodes."""

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of each id, none for control tokens."""

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """int64[vocab_size]: how many bytes these are."""

    def encode(self, texts: list[str]) -> Encoded:
        """All ids in one array, and n + 1 offsets; no control token, whatever the text says."""

    def encode_inside(self, texts: list[str]) -> Encoded:
        """The same for texts that do not begin a document: no space is put before them that they have not."""

    def decode(self, ids: list[int]) -> str:
        """Text; bytes that are no UTF-8 become U+FFFD, control tokens their names."""


def sizes_of(pieces: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """int64[n] lengths in bytes."""
    return np.array([len(piece) for piece in pieces], dtype=np.int64)


class Bytes:
    """Ids 0 to 255 are the bytes of UTF-8, 256 is end-of-text."""

    end_of_text = 256
    end_of_text_token = END_OF_TEXT
    vocab_size = 257
    control: Mapping[str, int] = MappingProxyType({END_OF_TEXT: 256})
    encoder = "curate"
    pieces = (*(bytes([value]) for value in range(256)), NO_BYTES)
    sizes = sizes_of(pieces)
    splits_at_spaces = True

    def encode(self, texts: list[str]) -> Encoded:
        encoded = [text.encode() for text in texts]
        ids = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(np.uint32)
        return ids, bounds([len(part) for part in encoded])

    encode_inside = encode

    def decode(self, ids: list[int]) -> str:
        return join(self.pieces, ids, self.control)


def flat(fast: Any, texts: list[str]) -> Encoded:
    """The ids of fastokens, to which control tokens in a text are text."""
    ids, offsets = fast.encode_batch_flat(texts, split_special_tokens=True)
    return np.frombuffer(ids, dtype="<u4"), np.frombuffer(offsets, dtype="<u8").astype(np.int64)


def bounds(lengths: list[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def join(pieces: tuple[bytes, ...], ids: list[int], control: Mapping[str, int]) -> str:
    names = {number: name.encode() for name, number in control.items()}
    return b"".join(names[token] if token in names else pieces[token] for token in ids).decode("utf-8", "replace")


@contextmanager
def library_errors(sentence: str, kind: type[CurateError] = UsageError) -> Iterator[None]:
    """Whatever a library raises over a broken file is one sentence; a panic of Rust is no Exception, so all is caught.

    Raises:
        UsageError, or `kind`: `sentence`, and the first line of what the library says.
    """
    try:
        yield
    except (CurateError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        lines = str(error).split("\n")
        raise kind(f"{sentence}: {lines[0][:MAX_SENTENCE] or type(error).__name__}") from error


def printable(token: object) -> str:
    """A token of somebody else's file, fit for a sentence: lone surrogates cannot be written, and some are long."""
    text = str(token).encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_TOKEN else text[:MAX_TOKEN] + "…"
