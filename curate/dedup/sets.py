"""The shingle sets of some documents in a scratch file, for the exact similarity of candidates.

texts of the members, split by split ─▶ shingles ─▶ sorted, each once ─▶ values on disk; offset and size a member
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.scratch import Scratch
from curate.dedup.signatures import SignatureFiles
from curate.engine.threads import in_order
from curate.recipe import Dedup
from curate.text.compiled import kernel
from curate.text.shingles import shingles

Texts = Callable[[int, npt.NDArray[np.int64]], pl.Series]
"""The texts of some rows (int64) of signature file number k, in their order."""
Batch = tuple[npt.NDArray[np.int64], pl.Series]
TEXT_BYTES_AT_ONCE = 16 << 20
UNKNOWN = -1


def write_sets(
    files: SignatureFiles,
    members: npt.NDArray[np.int64],
    texts: Texts,
    dedup: Dedup,
    *,
    scratch: Path,
    cores: int = 1,
) -> tuple[Scratch, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The sets of `members` (documents): values (mapped from `scratch`), and offset and size of each member's set, -1
    for earlier documents, whose texts are not there."""
    offsets, sizes = np.zeros(len(members), dtype=np.int64), np.full(len(members), UNKNOWN, dtype=np.int64)
    written = 0
    with scratch.open("wb") as file:
        for which, values, counts in in_order(partial(_sets, dedup), _batches(files, members, texts), cores):
            offsets[which], sizes[which] = written + np.cumsum(counts) - counts, counts
            written += len(values)
            file.write(values.data)
    return Scratch.open(scratch, np.uint32), offsets, sizes


def _batches(files: SignatureFiles, members: npt.NDArray[np.int64], texts: Texts) -> Iterator[Batch]:
    """Places in `members`, and their texts."""
    for number, places, rows in files.places(members):
        if files.documents["earlier"][int(members[places[0]])]:
            break  # the last files
        for batch, found in batches_of(texts, number, rows):
            yield places[batch], found


def batches_of(
    texts: Texts, number: int, rows: npt.NDArray[np.int64], order: npt.NDArray[np.int64] | None = None
) -> Iterator[tuple[npt.NDArray[np.int64], pl.Series]]:
    """The texts of some rows of one file, a bounded number of bytes at a time: places in `rows`, and their texts. The
    places are in the order that is given, or that of the rows."""
    order = np.argsort(rows, kind="stable") if order is None else order
    found = texts(number, rows[order])
    for part in _parts(found):
        yield order[part], found[part]


def _parts(texts: pl.Series) -> list[slice]:
    """Slices of some 16 MB of text each, one document at least."""
    ends = texts.str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum().to_numpy()
    bounds = [0]
    while bounds[-1] < len(ends):
        before = ends[bounds[-1] - 1] if bounds[-1] else 0
        bounds.append(max(int(np.searchsorted(ends, before + TEXT_BYTES_AT_ONCE, "right")), bounds[-1] + 1))
    return [slice(start, end) for start, end in zip(bounds, bounds[1:], strict=False)]


def _sets(
    dedup: Dedup, batch: Batch
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The places of a batch, the sets of its texts one after the other, and the size of each."""
    which, texts = batch
    found = shingles(texts, ngram=dedup.ngram, unit=dedup.unit, normalise=dedup.normalise)
    sizes = np.empty(len(texts), dtype=np.int64)
    values = np.array(found.values)
    for start, end in pairwise(found.offsets.tolist()):
        values[start:end].sort()  # numpy's sort is vectorised, the compiler's is not: ten times as fast
    length = _close_gaps(values, found.offsets, sizes)
    return which, values[:length], sizes


@kernel
def _close_gaps(values, offsets, sizes):  # type: ignore[no-untyped-def]
    """Keep each of a document's sorted values once, all of them one after the other; returns how many are left."""
    written = 0
    for document in range(len(sizes)):
        begin = written
        for at in range(offsets[document], offsets[document + 1]):
            if at == offsets[document] or values[at] != values[written - 1]:
                values[written] = values[at]
                written += 1
        sizes[document] = written - begin
    return written
