"""From a training sample to the documents it is made of, and from a document to the samples that show it.

position ─▶ Sequence.locate ─▶ tokens of a source ─▶ spans of documents
document ─▶ its tokens ─▶ Sequence.find ─▶ positions, every epoch
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from curate.tokenize.mix import Draw
from curate.tokenize.shards import TokenArray


class SampleRows(Protocol):
    """A training sequence: rows of `row_length` tokens and the one that follows, each of one ring of tokens."""

    row_length: int
    sources: Sequence[str]

    def locate(self, positions: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
        """Of each position: index into `sources`, epoch, first token."""
        ...

    def find(self, source: int, first: int, last: int) -> npt.NDArray[np.int64]:
        """The positions whose rows hold one of the tokens [first, last) of a source, in order."""
        ...


class InOrder:
    """The rows of one ring of tokens from front to back: a materialized mixture, for trainers that do not draw."""

    def __init__(self, name: str, tokens: int, row_length: int) -> None:
        self.sources, self.row_length = (name,), row_length
        self.rows = max(tokens // row_length, 1)

    def locate(self, positions: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
        epoch, row = np.divmod(positions, self.rows)
        return np.zeros_like(epoch), epoch, row * self.row_length

    def find(self, source: int, first: int, last: int) -> npt.NDArray[np.int64]:
        low, high = -(-(first - self.row_length) // self.row_length), (last - 1) // self.row_length
        return np.arange(max(low, 0), min(high, self.rows - 1) + 1, dtype=np.int64)


class DocumentSpan(NamedTuple):
    """A part of a document in a row: tokens [first, last) of the row are [begin, end) of the document."""

    position: int
    source: str
    epoch: int
    document: int
    """Its number among the documents of the source."""
    first: int
    last: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Tracer:
    """A training sequence and the tokens that it is of."""

    rows: Draw | InOrder
    arrays: Mapping[str, TokenArray]

    def spans(self, position: int) -> Iterator[DocumentSpan]:
        """The documents of which a row has tokens, in its order; the last token is the target of the one before."""
        sources, epochs, starts = self.rows.locate(np.array([position], dtype=np.int64))
        name = self.rows.sources[int(sources[0])]
        array, at, filled = self.arrays[name], int(starts[0]), 0
        length = self.rows.row_length + 1
        while filled < length:
            document = int(np.searchsorted(array.ends, at, side="right"))
            begin = int(array.ends[document - 1]) if document else 0
            taken = min(int(array.ends[document]) - at, length - filled)
            yield DocumentSpan(
                position, name, int(epochs[0]), document, filled, filled + taken, at - begin, at - begin + taken
            )
            filled += taken
            at = (at + taken) % len(array)

    def positions(self, source: str, document: int) -> npt.NDArray[np.int64]:
        """Where a document is seen, once for every row of every epoch that has a token of it."""
        ends = self.arrays[source].ends
        first, last = int(ends[document - 1]) if document else 0, int(ends[document])
        return self.rows.find(list(self.rows.sources).index(source), first, last)
