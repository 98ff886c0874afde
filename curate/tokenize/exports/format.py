"""What a format of export must answer: it is one object, and a row of `curate.tokenize.exports.formats`.

shards of a source, or of the mixed sequence ─▶ Format.write ─▶ files as another trainer reads them, and how
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from curate.tokenize.mix import Vocabulary
from curate.tokenize.shards import Shard

Part = Literal["train", "validation"]
PARTS: tuple[Part, ...] = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands together in the files of a format: the documents of one source, or the mixture in its order."""

    name: str
    train: tuple[Shard, ...]
    validation: tuple[Shard, ...]
    """Of several sources for the mixture: numbers of shards stand twice there, so files are numbered anew."""

    def shards(self, part: Part) -> tuple[Shard, ...]:
        return self.train if part == "train" else self.validation


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a format may need besides the shards."""

    vocabulary: Vocabulary
    row_length: int
    """Tokens of a sample, in the formats that hold samples."""
    texts: Callable[[Unit, Part], Iterator[pl.Series]]
    """The final texts (String) of a unit's documents, in the order of its shards, some thousands at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which trainers have their tokens on disk."""

    name: str
    about: str
    write: Callable[[Path, Unit, Wanted], Sequence[str]]
    """Into an existing, empty folder; sentences on what is not in the files, and why.

    Raises:
        UsageError: this format cannot hold these tokens.
    """
    snippet: str
    """Some ten lines of Python that load what was written, run in the folder; `{row_length}`, `{dtype}`,
    `{end_of_text}`, `{vocab_size}` and `{part}` are filled in."""
    is_linked: bool = False
    """Whether the payload is the run's own, by a second name: no byte of it is copied."""


def snippet_of(format: Format, wanted: Wanted, parts: Sequence[Part]) -> str:
    """How what was written is loaded."""
    vocabulary = wanted.vocabulary
    filled = {
        "row_length": wanted.row_length,
        "dtype": vocabulary.dtype,
        "end_of_text": vocabulary.end_of_text,
        "vocab_size": vocabulary.size,
        "part": parts[0],
    }
    text = format.snippet
    for name, value in filled.items():  # not str.format: the code has braces of its own
        text = text.replace(f"{{{name}}}", str(value))
    return text
