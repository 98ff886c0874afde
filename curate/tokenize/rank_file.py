"""A file of tiktoken: a base64 token and its rank on each line, under a name that says how words are split.

lines ─▶ rank: bytes ─▶ ranks without gaps? ─▶ fastokens
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError, nearest
from curate.tokenize.backends import END_OF_TEXT, NO_BYTES, Encoded, flat, join, library_errors, sizes_of

LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} [0-9]{1,10}\r?(?:\n|$)")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A well-known vocabulary of tiktoken: its split, how many ranks its file has, end-of-text, and ids in all."""

    name: str
    ranks: int
    end_of_text: int
    vocab_size: int
    control: tuple[tuple[str, int], ...] = ()
    """Of its other control tokens."""


OF_CL100K = (
    ("<|fim_prefix|>", 100_258),
    ("<|fim_middle|>", 100_259),
    ("<|fim_suffix|>", 100_260),
    ("<|endofprompt|>", 100_276),
)
ENCODINGS = (
    Encoding("gpt2", 50_256, 50_256, 50_257),
    Encoding("r50k_base", 50_256, 50_256, 50_257),
    Encoding("p50k_base", 50_280, 50_256, 50_281),
    Encoding("cl100k_base", 100_256, 100_257, 100_277, OF_CL100K),
    Encoding("o200k_base", 199_998, 199_999, 200_019, (("<|endofprompt|>", 200_018),)),
)


class RankFile:
    """The vocabulary of such a file. Its end-of-text is `<|endoftext|>`, which no rank stands for."""

    end_of_text_token = END_OF_TEXT
    splits_at_spaces = True
    encoder = "fastokens"

    def __init__(self, content: bytes, path: Path, end_of_text: str | None = None) -> None:
        if end_of_text not in (None, END_OF_TEXT):
            raise UsageError(f'a tiktoken file has the end-of-text "{END_OF_TEXT}", not "{end_of_text}"')
        encoding = _encoding_of(path)
        pieces = _read_ranks(content, path)
        is_known = len(pieces) == encoding.ranks
        self.end_of_text = encoding.end_of_text if is_known else len(pieces)
        self.vocab_size = encoding.vocab_size if is_known else len(pieces) + 1
        self.control: Mapping[str, int] = {END_OF_TEXT: self.end_of_text, **dict(encoding.control if is_known else ())}
        _check_ranks(pieces, self.end_of_text, self.vocab_size, path)
        self.pieces = tuple(pieces.get(rank, NO_BYTES) for rank in range(self.vocab_size))
        base = "r50k_base" if encoding.name == "gpt2" else encoding.name
        with library_errors(f"{path} is no tiktoken file"):
            import fastokens

            special = {END_OF_TEXT: self.end_of_text}
            self._fast = fastokens.Tokenizer.from_tiktoken(str(path), special_tokens=special, encoding=base)
            flat(self._fast, ["a probe"])

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        return sizes_of(self.pieces)

    def encode(self, texts: list[str]) -> Encoded:
        return flat(self._fast, texts)

    encode_inside = encode

    def decode(self, ids: list[int]) -> str:
        return join(self.pieces, ids, self.control)


def is_rank_file(content: bytes) -> bool:
    """Whether the first line is a token and its rank."""
    return LINE.match(content) is not None


def _encoding_of(path: Path) -> Encoding:
    for encoding in ENCODINGS:
        if encoding.name.removesuffix("_base") in path.name:
            return encoding
    known = [encoding.name for encoding in ENCODINGS]
    raise UsageError(
        f"{path} does not say in its name how it splits words: name it after its encoding{nearest(path.stem, known)}"
    )


def _read_ranks(content: bytes, path: Path) -> dict[int, bytes]:
    pieces: dict[int, bytes] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        token, _, rank = line.partition(b" ")
        try:
            piece, place = base64.b64decode(token, validate=True), int(rank)
        except (ValueError, binascii.Error) as error:
            raise UsageError(f"{path}:{number}: not a base64 token and a rank") from error
        if not piece or place in pieces:
            raise UsageError(f"{path}:{number}: an empty token, or a rank that stands above as well")
        pieces[place] = piece
    if len(pieces) < 256:
        raise UsageError(f"{path} has {len(pieces)} ranks; a tiktoken file has at least the 256 bytes")
    return pieces


def _check_ranks(pieces: dict[int, bytes], end_of_text: int, vocab_size: int, path: Path) -> None:
    """Every byte has a rank, as there would be text without tokens; and ranks go on without gaps, but for end-of-text:
    a table for a far rank would need its memory."""
    least, most = min(pieces), max(pieces)
    if least < 0 or most >= vocab_size or end_of_text in pieces:
        raise UsageError(f"{path} has {len(pieces):,} tokens with ranks from {least:,} to {most:,}: some are missing")
    if len(set(pieces.values())) < len(pieces):
        raise UsageError(f"{path} has a token that stands twice, under two ranks")
    missing = {bytes([value]) for value in range(256)} - set(pieces.values())
    if missing:
        raise UsageError(f"{path} has no rank for {len(missing)} of the 256 bytes: 0x{min(missing).hex()}")
