"""Parts of texts that stand somewhere else, too: lines, sentences, paragraphs, or any run of so many words.

    texts, once: a sketch of what may occur twice ─▶ texts, again: those windows, spilled by hash
      ─▶ of equal ones the best stays ─▶ the others, spilled by document ─▶ merged ─▶ Cuts

The sketch only spares work: what is cut is exactly what occurs again. Every place in a run of at least N repeated words
begins or lies in a repeated window of N words, so windows find what a suffix array finds (Lee et al. 2022,
arXiv:2107.06499), with memory for the sketch and one part of what repeats.

The best is the one in the document of the best rank, in it the first. So whatever is cut stays where it is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.cuts import Cuts, join_cuts
from curate.dedup.scratch import Spill
from curate.text.buffers import text_buffers
from curate.text.compiled import kernel
from curate.text.units import Span, new_sketch, see_windows, take_windows

Readings = Callable[[], Iterator[tuple[npt.NDArray[np.int64], pl.Series]]]
"""A new reading of all texts: documents (int64) and their texts, batch by batch."""
SLOTS_A_WINDOW = 8
"""Then one window in eight that occurs once looks as if it occurred twice."""
CHARACTERS_A_WINDOW = {"word": 5, "line": 40, "sentence": 60, "paragraph": 150}
ROWS_AT_ONCE = 1 << 23
"""Windows, or cuts, that are sorted in memory: some 600 MB with what sorting needs."""
MOST_PARTS = 1024
START_BITS = 31
WINDOW = np.dtype([("hash", np.uint64), ("document", np.int64), ("start", np.int32), ("end", np.int32)])
CUT = np.dtype([("document", np.int64), ("holder", np.int64), ("start", np.int32), ("end", np.int32)])


def find_repeats(
    readings: Readings,
    rank: npt.NDArray[np.int64],
    *,
    span: Span,
    method: int,
    characters: int,
    max_memory: int,
    scratch: Path,
) -> Cuts:
    """What is to be cut out of the texts of some documents, so that every window of `span` stays once.

    `rank` is int64[n], by document: the smallest keeps a window; `characters` how many there are, roughly;
    `max_memory` bytes the sketch may take: with less, more is spilled to the folder `scratch`; the cuts are the same.
    """
    expected = characters // CHARACTERS_A_WINDOW[span.kind] + 1
    sketch = new_sketch(min(SLOTS_A_WINDOW * expected, 4 * max_memory))
    windows = sum(see_windows(text_buffers(texts), span, sketch) for _, texts in readings())
    repeated = Spill.make(scratch / "windows", _parts(windows), WINDOW)
    for documents, texts in readings():
        found = take_windows(text_buffers(texts), span, sketch)
        repeated.add(
            _part(found.hashes, repeated.parts), rows_as(WINDOW, found.hashes, documents[found.documents], *found[2:])
        )
    cuts = Spill.make(scratch / "cuts", _parts(windows), CUT)
    for rows in repeated.each():
        more = keep_best(rows, rank)
        # By document: what overlaps in one must meet in one part.
        cuts.add(more["document"] * cuts.parts // max(len(rank), 1), more)
    return join_method([merge_cuts(rows) for rows in cuts.each()], method)


def _parts(windows: int) -> int:
    return min(1 + windows // ROWS_AT_ONCE, MOST_PARTS)


def _part(hashes: npt.NDArray[np.uint64], parts: int) -> npt.NDArray[np.int64]:
    """By the low bits: a hash's high ones said which slot of the sketch it has."""
    return np.asarray((hashes & np.uint64(0xFFFFFFFF)) * np.uint64(parts) >> np.uint64(32)).astype(np.int64)


def rows_as(dtype: np.dtype[np.void], *columns: npt.NDArray[Any]) -> npt.NDArray[np.void]:
    """One array of columns, in the order of the names of `dtype`."""
    rows = np.empty(len(columns[0]), dtype=dtype)
    for name, column in zip(dtype.names or (), columns, strict=True):
        rows[name] = column
    return rows


def keep_best(rows: npt.NDArray[np.void], rank: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """The windows that are not the best of those equal to them, each with the document that has the best."""
    order = np.argsort(np.ascontiguousarray(rows["hash"]))  # in which order equal ones come does not matter
    cut = np.empty(len(rows), dtype=CUT)
    count = _cut_others(rows, order, rank, cut)
    return cut[:count]


def merge_cuts(rows: npt.NDArray[np.void]) -> Cuts:
    """Cuts that overlap or touch become one, with the holder of the first; of two that begin there, the smaller one."""
    # One key of both: a start is an int32 and at least 0.
    order = np.argsort(rows["document"] << START_BITS | rows["start"])
    columns = (rows[name][order].astype(np.int64) for name in ("document", "start", "end", "holder"))
    document, start, end, holder = columns
    heads = np.empty(len(rows), dtype=np.int64)
    first = heads[: _close(document, start, end, holder, heads)]
    return Cuts(document[first], start[first], end[first], np.zeros(len(first), np.int8), holder[first])


@kernel
def _cut_others(rows, order, rank, cut):
    count = first = 0
    while first < len(rows):
        best = order[first]
        last = first + 1
        while last < len(rows) and rows[order[last]].hash == rows[order[first]].hash:
            row = order[last]
            here, there = rank[rows[row].document], rank[rows[best].document]
            if here < there or (here == there and rows[row].start < rows[best].start):
                best = row
            last += 1
        for at in range(first, last):
            row = order[at]
            start = rows[row].start
            if rows[row].document == rows[best].document:
                # In the text that keeps it, the part that stays is not cut by one that overlaps it ("ha ha ha ha").
                start = max(start, rows[best].end)
            if row != best and start < rows[row].end:
                cut[count].document, cut[count].holder = rows[row].document, rows[best].document
                cut[count].start, cut[count].end = start, rows[row].end
                count += 1
        first = last
    return count


@kernel
def _close(document, start, end, holder, heads):
    """Lengthen the first row of each run of ranges that hang together; returns how many runs there are."""
    count = 0
    for row in range(len(document)):
        head = heads[count - 1] if count else -1
        if head >= 0 and document[head] == document[row] and start[row] <= end[head]:
            end[head] = max(end[head], end[row])
            if start[row] == start[head]:
                holder[head] = min(holder[head], holder[row])
        else:
            heads[count] = row
            count += 1
    return count


def join_method(pieces: list[Cuts], method: int) -> Cuts:
    joined = join_cuts(pieces)
    return joined._replace(method=np.full(len(joined.document), method, dtype=np.int8))
