"""Which hashes stand often among those of all splits, found one range of hashes at a time.

a split's hashes ─▶ by range: one object of slices                            (`hashes_by_range`, a task a split)
range r of all splits ─▶ equal hashes counted ─▶ a bit for each, by split     (`often_in_range`, a task a range)
bits of all ranges ─▶ a bool for each hash of the split, in its own order     (`Answers`)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curate.dedup.clusters import first_equal
from curate.dedup.meeting import ranges_of

HASH_BYTES = 8


def hashes_by_range(hashes: npt.NDArray[np.uint64], counts: npt.NDArray[np.bool_] | None, ranges: int) -> list[bytes]:
    """Of each range the hashes of a split that lie there, and a bit of each: whether it counts (default: all do), or
    only asks."""
    order, bounds = in_ranges(hashes, ranges)
    hashes = hashes[order]
    counts = np.ones(len(hashes), dtype=bool) if counts is None else counts[order]
    parts = (slice(first, last) for first, last in pairwise(bounds))
    return [hashes[part].tobytes() + np.packbits(counts[part]).tobytes() for part in parts]


def in_ranges(hashes: npt.NDArray[np.uint64], ranges: int) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Their order by ranges, and where each range begins in it; the last bound is their number."""
    which = ranges_of(hashes, ranges)
    order = np.argsort(which, kind="stable")  # of 16 bits: numpy counts, and does not compare
    return order, np.searchsorted(which[order], np.arange(ranges + 1)).tolist()


def often_in_range(slices: Iterable[bytes], least: int) -> list[bytes]:
    """Of one range, split by split, a bit for each hash: whether at least so many that count are equal to it."""
    hashes, counts = [np.empty(0, np.uint64)], [np.empty(0, bool)]
    for content in slices:
        found, count = _opened(content)
        hashes.append(found)
        counts.append(count)
    bounds = np.cumsum([len(found) for found in hashes]).tolist()
    firsts = first_equal(np.concatenate(hashes))
    hashes.clear()
    times = np.bincount(firsts, weights=np.concatenate(counts), minlength=len(firsts))
    is_often = (times >= least)[firsts]
    return [np.packbits(is_often[first:last]).tobytes() for first, last in pairwise(bounds)]


def _opened(content: bytes) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    count = 8 * len(content) // (8 * HASH_BYTES + 1)  # of 65 bits each, and up to seven more
    hashes = np.frombuffer(content, np.uint64, count)
    bits = np.frombuffer(content, np.uint8, offset=HASH_BYTES * count)
    return hashes, np.unpackbits(bits, count=count).astype(bool)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What all ranges have said of the hashes of a split, which come again in the same order, batch by batch."""

    _bits: npt.NDArray[np.uint8]
    _next: npt.NDArray[np.int64]
    """Of each range, the bit that is the next one's."""

    @classmethod
    def opened(cls, answers: Sequence[bytes]) -> Answers:
        starts = 8 * np.cumsum([0, *map(len, answers)])[:-1]
        return cls(np.unpackbits(np.frombuffer(b"".join(answers), np.uint8)), starts)

    def of(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Of the hashes that come next."""
        order, bounds = in_ranges(hashes, len(self._next))
        counts = np.diff(bounds)
        found = np.empty(len(hashes), dtype=bool)
        found[order] = self._bits[np.repeat(self._next - bounds[:-1], counts) + np.arange(len(hashes))]
        self._next[:] += counts
        return found
