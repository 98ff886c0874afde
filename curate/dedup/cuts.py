"""Parts of texts that are taken out: where they are, and a text without them.

cuts found in texts that were cut before ─▶ restored to places in the whole texts ─▶ Cuts, disjoint and in order
texts, cuts ─▶ texts without these parts
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import TextBuffers, text_buffers, texts_of
from curate.text.compiled import kernel

NOBODY = -1


class Cuts(NamedTuple):
    """Sorted by document and start, no two overlap. Bytes [start, end) of the text of a document, which method took
    them out (place in a list of its names), and the document that keeps the same words (NOBODY: none is known)."""

    document: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    method: npt.NDArray[np.int8]
    holder: npt.NDArray[np.int64]

    @classmethod
    def none(cls) -> Cuts:
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, np.empty(0, np.int8), empty)

    def bounds(self, documents: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each document the first of its cuts and the one behind its last."""
        return np.searchsorted(self.document, documents), np.searchsorted(self.document, documents, "right")


def add_cuts(cuts: Cuts, more: Cuts) -> Cuts:
    """Both together. Places of `more` are in the texts that `cuts` left; it is sorted, and its parts are disjoint."""
    if not len(more.document):
        return cuts
    first, last = cuts.bounds(more.document)
    most = len(more.document) + int((last - first).sum())
    row, start, end = (np.empty(most, np.int64) for _ in range(3))
    count = _restore(more.start, more.end, first, last, cuts.start, cuts.end, row, start, end)
    which = row[:count]
    restored = Cuts(more.document[which], start[:count], end[:count], more.method[which], more.holder[which])
    return join_cuts([cuts, restored])


def join_cuts(pieces: Sequence[Cuts]) -> Cuts:
    """All of them in order; no two overlap."""
    joined = [np.concatenate(columns) for columns in zip(Cuts.none(), *pieces, strict=True)]
    order = np.lexsort((joined[1], joined[0]))  # by document, then by start: lexsort takes the last key first
    return Cuts._make(column[order] for column in joined)


def cut_texts(texts: pl.Series, cuts: Cuts, documents: npt.NDArray[np.int64]) -> pl.Series:
    """The texts of some documents without the parts that are cut."""
    first, last = cuts.bounds(documents)
    if (first == last).all():
        return texts
    return texts_of(_without(text_buffers(texts), first, last, cuts)).rename(texts.name)


def _without(texts: TextBuffers, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], cuts: Cuts) -> TextBuffers:
    data = np.empty(int(texts.offsets[-1] - texts.offsets[0]), dtype=np.uint8)
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    _copy(*texts, first, last, cuts.start, cuts.end, data, offsets)
    return TextBuffers(data[: offsets[-1]], offsets)


@kernel
def _copy(data, offsets, first, last, starts, ends, kept, bounds):
    written = 0
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        for cut in range(first[document], last[document] + 1):
            # One stretch more than cuts: the last goes up to the end.
            end = offsets[document] + starts[cut] if cut < last[document] else stop
            for place in range(at, end):
                kept[written] = data[place]
                written += 1
            if cut < last[document]:
                at = offsets[document] + ends[cut]
        bounds[document + 1] = written


@kernel
def _restore(new_starts, new_ends, first, last, old_starts, old_ends, row, start, end):
    """Each new range in the places of the whole text: in pieces, where an old cut lies within it."""
    count = 0
    for number in range(len(new_starts)):
        removed = kept_from = 0
        for cut in range(first[number], last[number] + 1):
            is_last = cut == last[number]  # one gap more than cuts: behind the last of them
            # Places in the text that the old cuts left, up to here shorter by `removed`.
            low = max(new_starts[number], kept_from - removed)
            high = new_ends[number] if is_last else min(new_ends[number], old_starts[cut] - removed)
            if low < high:
                row[count], start[count], end[count] = number, low + removed, high + removed
                count += 1
            if not is_last:
                removed += old_ends[cut] - old_starts[cut]
                kept_from = old_ends[cut]
    return count
