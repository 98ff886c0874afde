"""What goes with near-duplicates: how much of each the copy that stays contains, and how many words it has of its own.

pairs of a copy and what stays, sets of n-grams and of words ─▶ what both have ─▶ shares, numbers of novel words
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.dedup.duplicates import UNKNOWN
from curate.dedup.sets import Sets
from curate.text.compiled import inner, kernel


def jaccard(sets: Sets, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """|A ∩ B| / |A ∪ B| of pairs (places in `sets`); nan where a set is not known."""
    counts = _count(sets, one, other)
    return counts.share_of(counts.first + counts.second - counts.shared)


def containment(sets: Sets, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Of each pair, the share of the first one's set that stands in the other's."""
    counts = _count(sets, one, other)
    return counts.share_of(counts.first)


def novel(sets: Sets, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How much of the first one's set does not stand in the other's; UNKNOWN where one is not known."""
    counts = _count(sets, one, other)
    return np.where(counts.known, counts.first - counts.shared, UNKNOWN)


class _Counts(NamedTuple):
    """Of each pair: are both sets known; elements of the first, of the second, of both."""

    known: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    shared: npt.NDArray[np.int64]

    def share_of(self, whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """1 where there is nothing: of no n-grams none is lost."""
        share = np.where(whole > 0, self.shared / np.maximum(whole, 1), 1.0)
        return np.where(self.known, share, np.nan).astype(np.float32)


def _count(sets: Sets, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> _Counts:
    first, second = sets.sizes[one], sets.sizes[other]
    shared = np.zeros(len(one), dtype=np.int64)
    _count_shared(sets.values.array, sets.offsets[one], first, sets.offsets[other], second, shared)
    sets.values.forget()
    return _Counts((first >= 0) & (second >= 0), first, second, shared)


@kernel
def _count_shared(values, starts, sizes, others, counts, shared):
    for pair in range(len(shared)):
        if sizes[pair] > 0 and counts[pair] > 0:
            shared[pair] = _shared(values, starts[pair], sizes[pair], others[pair], counts[pair])


@inner
def _shared(values, first, many, second, more):
    """|A ∩ B| of two sorted runs of `values`."""
    one, other = first, second
    shared = 0
    while one < first + many and other < second + more:
        for _ in range(min(first + many - one, second + more - other)):  # at most one step in each run a turn
            a, b = values[one], values[other]
            shared += a == b
            one += a <= b
            other += b <= a
    return shared
