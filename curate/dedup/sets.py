"""Sets of n-grams of some documents in scratch files, for what candidates really have in common.

texts of the members, split by split ─▶ n-grams ─▶ sorted, each once ─▶ values on disk; offset and size of each member
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.scratch import Scratch
from curate.dedup.signatures import SignatureFiles
from curate.engine.threads import in_order
from curate.text.compiled import kernel
from curate.text.folding import Normalize
from curate.text.shingles import Shingles, Unit, shingles_of_lengths

Texts = Callable[[int, npt.NDArray[np.int64]], pl.Series]
"""The texts of some rows (int64) of signature file number k, in their order."""
Batch = tuple[npt.NDArray[np.int64], pl.Series]
Written = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]
"""Sets one after the other, and the size of each."""
TEXT_BYTES_AT_ONCE = 16 << 20
UNKNOWN = -1


class Gram(NamedTuple):
    """What sets consist of: n-grams of words, or of characters."""

    ngram: int
    unit: Unit


class Sets(NamedTuple):
    """Sorted sets, one after the other in a scratch file; offset and size of each, -1 where a set is not known."""

    values: Scratch
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def unknown(cls, count: int) -> Sets:
        return cls(Scratch(np.empty(0, np.uint32), None), np.zeros(count, np.int64), np.full(count, UNKNOWN))


def write_sets(
    files: SignatureFiles,
    members: npt.NDArray[np.int64],
    texts: Texts,
    grams: Sequence[Gram],
    normalize: Normalize,
    *,
    scratch: Path,
    cores: int = 1,
) -> list[Sets]:
    """For each kind of n-grams the sets of `members` (documents), whose texts are read once for all kinds. Those of
    earlier documents, whose texts are not there, are not known. `scratch` is an empty folder's place."""
    scratch.mkdir()
    found, written = [Sets.unknown(len(members)) for _ in grams], [0] * len(grams)
    with ExitStack() as stack:
        opened = [stack.enter_context((scratch / str(kind)).open("wb")) for kind in range(len(grams))]
        work = partial(_sets, grams, normalize)
        for which, parts in in_order(work, _batches(files, members, texts), cores):
            for kind, (values, counts) in enumerate(parts):
                ends = written[kind] + np.cumsum(counts)
                found[kind].offsets[which], found[kind].sizes[which] = ends - counts, counts
                written[kind] += len(values)
                opened[kind].write(values.data)
    kinds = enumerate(found)
    return [sets._replace(values=Scratch.open(scratch / str(kind), np.uint32)) for kind, sets in kinds]


def _batches(files: SignatureFiles, members: npt.NDArray[np.int64], texts: Texts) -> Iterator[Batch]:
    """Places in `members`, and their texts."""
    for number, places, rows in files.places(members):
        if files.documents["earlier"][int(members[places[0]])]:
            break  # the last files
        for batch, found in batches_of(texts, number, rows):
            yield places[batch], found


def batches_of(
    texts: Texts,
    number: int,
    rows: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64] | None = None,
    at_once: int = TEXT_BYTES_AT_ONCE,
) -> Iterator[tuple[npt.NDArray[np.int64], pl.Series]]:
    """The texts of some rows of one file, a bounded number of bytes at a time: places in `rows`, and their texts. The
    places are in the order that is given, or that of the rows."""
    order = np.argsort(rows, kind="stable") if order is None else order
    found = texts(number, rows[order])
    for part in _parts(found, at_once):
        yield order[part], found[part]


def _parts(texts: pl.Series, at_once: int) -> list[slice]:
    """Slices of some so many bytes of text each, one document at least."""
    ends = texts.str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum().to_numpy()
    bounds = [0]
    while bounds[-1] < len(ends):
        before = ends[bounds[-1] - 1] if bounds[-1] else 0
        bounds.append(max(int(np.searchsorted(ends, before + at_once, "right")), bounds[-1] + 1))
    return [slice(start, end) for start, end in itertools.pairwise(bounds)]


def _sets(grams: Sequence[Gram], normalize: Normalize, batch: Batch) -> tuple[npt.NDArray[np.int64], list[Written]]:
    """The places of a batch, and for each kind of n-grams the sets of its texts."""
    which, texts = batch
    found: dict[Gram, Shingles] = {}
    for unit in {gram.unit: None for gram in grams}:
        kinds = [gram for gram in grams if gram.unit == unit]
        lengths = [gram.ngram for gram in kinds]
        found |= dict(zip(kinds, shingles_of_lengths(texts, lengths, unit=unit, normalize=normalize), strict=True))
    return which, [_sorted_once(found[gram]) for gram in grams]


def _sorted_once(found: Shingles) -> Written:
    sizes = np.empty(len(found.offsets) - 1, dtype=np.int64)
    values = np.array(found.values)
    for start, end in pairwise(found.offsets.tolist()):
        values[start:end].sort()  # numpy's sort is vectorized, the compiler's is not: ten times as fast
    length = _close_gaps(values, found.offsets, sizes)
    return values[:length], sizes


@kernel
def _close_gaps(values, offsets, sizes):
    """Keep each of a document's sorted values once, all of them one after the other; returns how many are left."""
    written = 0
    for document in range(len(sizes)):
        begin = written
        for at in range(offsets[document], offsets[document + 1]):
            if at == offsets[document] or values[at] != values[written - 1]:
                values[written] = values[at]  # in place: `written` never passes `at`
                written += 1
        sizes[document] = written - begin
    return written
