"""From a training sample to the documents it is made of, and from a document to the samples that show it.

position ─▶ SampleRows.locate ─▶ runs of tokens of a source ─▶ spans of documents
document ─▶ its tokens ─▶ SampleRows.find ─▶ positions, every epoch
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from curate.tokenize.epoch_order import TokenRuns
from curate.tokenize.run_rows import LocatedRow
from curate.tokenize.shards import TokenArray


class SampleRows(Protocol):
    """A training sequence: rows of so many tokens and the one that follows, each of one source's tokens."""

    @property
    def sources(self) -> Sequence[str]: ...

    @property
    def rows(self) -> int:
        """Of the whole plan."""
        ...

    def locate(self, position: int) -> LocatedRow: ...

    def find(self, source: int, first: int, last: int) -> npt.NDArray[np.int64]:
        """The positions whose rows hold one of the tokens [first, last) of a source, in order."""
        ...


class InOrder:
    """The rows of one ring of tokens from front to back: a materialized mixture, for trainers that do not draw."""

    def __init__(self, name: str, tokens: int, row_length: int) -> None:
        self.sources, self.row_length = (name,), row_length
        self.rows = max(tokens // row_length, 1)

    def locate(self, position: int) -> LocatedRow:
        epoch, row = divmod(position, self.rows)
        whole = TokenRuns(np.array([row * self.row_length]), np.array([self.row_length + 1]), np.array([0, 1]))
        return LocatedRow(0, epoch, whole)

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

    rows: SampleRows
    arrays: Mapping[str, TokenArray]

    def spans(self, position: int) -> Iterator[DocumentSpan]:
        """The documents of which a row has tokens, in its order; the last token is the target of the one before."""
        source, epoch, runs = self.rows.locate(position)
        name, filled = self.rows.sources[source], 0
        for start, length in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True):
            for document, begin, end in self._parts(self.arrays[name], start, length):
                yield DocumentSpan(position, name, epoch, document, filled, filled + end - begin, begin, end)
                filled += end - begin

    def _parts(self, array: TokenArray, start: int, length: int) -> Iterator[tuple[int, int, int]]:
        """The documents of a run of tokens: the number of each, and which of its tokens are there."""
        while length:
            document = int(np.searchsorted(array.ends, start, side="right"))
            begin = int(array.ends[document - 1]) if document else 0
            taken = min(int(array.ends[document]) - start, length)
            yield document, start - begin, start - begin + taken
            length -= taken
            start = (start + taken) % len(array)

    def positions(self, source: str, document: int) -> npt.NDArray[np.int64]:
        """Where a document is seen, once for every row of every epoch that has a token of it."""
        ends = self.arrays[source].ends
        first, last = int(ends[document - 1]) if document else 0, int(ends[document])
        return self.rows.find(list(self.rows.sources).index(source), first, last)
