"""Near-duplicates around anchors: who is similar to a document that stays, and not only to somebody in a chain.

    members, the best first ─▶ the anchors that its buckets know ─▶ enough of it in one? its copy : an anchor itself
                                             ▲                                                          │
                                             └──────── tells its buckets which anchor it has ───────────┘

A bucket (documents with one band in common) only proposes; what member and anchor have in common decides: their Jaccard
similarity, the share of the member's own n-grams that the anchor contains, or both. So a template that puts a hundred
thousand unrelated pages into one bucket joins none of them, and a ~ b ~ c never makes c a copy of a.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.dedup.clusters import first_equal
from curate.text.compiled import inner, kernel

KNOWN_TO_BUCKET = 16
"""Anchors that a bucket remembers, the latest ones: members come by rank, mostly by length, and near-duplicates have
nearly the same length. It bounds the work on a bucket of k unrelated pages to 16 k comparisons."""
NONE = -1


class SetsOf(NamedTuple):
    """Sorted sets of n-grams of some members. values: uint32, one set after the other; offsets: int64[members], where
    each starts; sizes: int64[members], -1 where a member's set is not known."""

    values: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]


class Evidence(NamedTuple):
    """What decides: sets for Jaccard similarity, others for containment, and instead of sets that are not known
    signatures, uint32[members, permutations], of no permutations where all are known."""

    similar: SetsOf
    contained: SetsOf
    signatures: npt.NDArray[np.uint32]


class Anchored(NamedTuple):
    """For each member its anchor (itself, where it is one), int64[members]; how similar it is to that, and how much of
    it that contains, float32[members]: 1 for itself, nan where nobody asked."""

    anchor: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]
    containment: npt.NDArray[np.float32]


def anchor_members(
    buckets: npt.NDArray[np.int32],
    evidence: Evidence,
    *,
    min_similarity: float = 0.0,
    min_containment: float = 0.0,
    always: npt.NDArray[np.bool_] | None = None,
) -> Anchored:
    """Give each member the anchor that its buckets know and that contains most of it (or, where containment is not
    asked for, is most similar), if it is enough. Members that stand in `always` are anchors in any case.

    `buckets` is int32[bands, members], the members in order of rank: which bucket of the band each is in, counted
    through all bands; -1 where it is alone in it.
    """
    members = buckets.shape[1]
    found = Anchored(np.empty(members, np.int64), np.ones(members, np.float32), np.ones(members, np.float32))
    always = np.zeros(members, dtype=bool) if always is None else always
    count = int(buckets.max(initial=NONE)) + 1
    least = (min_similarity, min_containment)
    _anchor(buckets, count, *evidence.similar, *evidence.contained, evidence.signatures, *least, always, *found)
    for asked, values in zip(least, found[1:], strict=True):
        if not asked:
            values[found.anchor != np.arange(members)] = np.nan
    return found


def number_buckets(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """int32[bands, members] from the band keys, uint64[bands, members]: equal keys of a band get one number."""
    buckets = np.full(keys.shape, NONE, dtype=np.int32)
    count = 0
    for band, row in enumerate(keys):
        firsts = first_equal(np.ascontiguousarray(row))
        sizes = np.bincount(firsts, minlength=len(row))
        is_shared = sizes > 1
        # Those of this band follow those of the bands before.
        numbers = np.where(is_shared, np.cumsum(is_shared) - 1 + count, NONE)
        buckets[band] = numbers[firsts]
        count += int(is_shared.sum())
    return buckets


@kernel
def _anchor(
    buckets, count, values, offsets, sizes, parts, begins, lengths, signatures,
    minimum, least, always, anchor, similarity, containment,
):  # fmt: skip
    """`values, offsets, sizes` are the sets for similarity, of at least `minimum`; `parts, begins, lengths` those for
    containment, of `least`."""
    bands, members = buckets.shape
    heads, pushes = np.full(count, NONE, np.int32), np.zeros(count, np.int32)
    known, links = np.empty(bands * members, np.int32), np.empty(bands * members, np.int32)
    # The last member that an anchor was compared with: never cleared, as each member comes once.
    asked = np.full(members, NONE, np.int32)
    entries = 0
    for member in range(members):
        best, likeness, share = member, 0.0, 0.0
        for band in range(0 if not always[member] else bands, bands):  # no band, where it is an anchor in any case
            entry = heads[buckets[band, member]] if buckets[band, member] >= 0 else NONE
            while entry != NONE:
                other = known[entry]
                entry = links[entry]
                if asked[other] == member:
                    continue
                asked[other] = member
                found = _similarity(values, offsets, sizes, signatures, other, member, minimum) if minimum > 0 else 1.0
                if found < minimum:
                    continue
                held = _containment(parts, begins, lengths, signatures, other, member, least) if least > 0 else found
                if held >= least and (held > share or (held == share and other < best)):
                    best, likeness, share = other, found, held
        anchor[member] = best
        if best != member:
            similarity[member], containment[member] = likeness, share
        for band in range(bands):
            bucket = buckets[band, member]
            if bucket >= 0:
                entries = _tell(bucket, best, heads, pushes, known, links, entries)


@inner
def _tell(bucket, anchor, heads, pushes, known, links, entries):
    """Add an anchor to a bucket that does not know it, in the place of the oldest once it is full."""
    entry = heads[bucket]
    while entry != NONE:
        if known[entry] == anchor:
            return entries
        entry = links[entry]
    if pushes[bucket] < KNOWN_TO_BUCKET:
        known[entries], links[entries] = anchor, heads[bucket]
        heads[bucket] = entries
        entries += 1
    else:
        entry = heads[bucket]  # the newest of the first sixteen: the oldest one is at the end of the chain
        for _ in range(KNOWN_TO_BUCKET - 1 - pushes[bucket] % KNOWN_TO_BUCKET):
            entry = links[entry]
        known[entry] = anchor
    pushes[bucket] += 1
    return entries


@inner
def _similarity(values, offsets, sizes, signatures, one, other, minimum):
    """Of two members; 0 as soon as it is clear that it is below the minimum."""
    if sizes[one] < 0 or sizes[other] < 0:
        equal = 0
        for at in range(signatures.shape[1]):
            equal += signatures[one, at] == signatures[other, at]
        return equal / signatures.shape[1]
    return _jaccard(values, offsets[one], sizes[one], offsets[other], sizes[other], minimum)


@inner
def _jaccard(values, first, many, second, more, minimum):
    """|A ∩ B| / |A ∪ B| of two sorted runs of `values`."""
    if min(many, more) < minimum * max(many, more):  # J is at most that of a set and a part of it
        return 0.0
    # J >= m means |A ∩ B| >= m / (1 + m) · (|A| + |B|); a sum that is just enough must not fail by rounding.
    needed = minimum / (1.0 + minimum) * (many + more) - 1e-6
    one, other = first, second
    shared = 0
    while one < first + many and other < second + more:
        left = min(first + many - one, second + more - other)
        if shared + left < needed:
            return 0.0
        for _ in range(min(left, 16)):  # at most one step in each run a turn: none runs over
            a, b = values[one], values[other]
            shared += a == b
            one += a <= b  # both go on where they are equal, without a branch to guess wrongly at
            other += b <= a
    total = many + more - shared
    return shared / total if total else 1.0


@inner
def _containment(values, offsets, sizes, signatures, one, other, least):
    """The share of the other's set that stands in the one's; 0 as soon as it is clear that it is below the least."""
    if sizes[one] < 0 or sizes[other] < 0:
        return _estimated(signatures, one, other)
    return _share(values, offsets[one], sizes[one], offsets[other], sizes[other], least)


@inner
def _share(values, first, many, second, more, least):
    """|A ∩ B| / |B| of two sorted runs of `values`."""
    needed = least * more - 1e-6  # one that is just enough must not fail by rounding
    one, other = first, second
    shared = 0
    while one < first + many and other < second + more:
        if shared + min(first + many - one, second + more - other) < needed:
            return 0.0
        a, b = values[one], values[other]
        shared += a == b
        one += a <= b
        other += b <= a
    return shared / more if more else 1.0


@inner
def _estimated(signatures, one, other):
    """|A ∩ B| / |B| from signatures: |A ∩ B| is J / (1 + J) of |A| + |B|, and the sizes are as the inverse sums of the
    minima, each of which is about 2^32 / |A|."""
    permutations = signatures.shape[1]
    equal, ours, theirs = 0, 1.0, 1.0
    for at in range(permutations):
        equal += signatures[one, at] == signatures[other, at]
        ours += signatures[one, at]
        theirs += signatures[other, at]
    similarity = equal / permutations
    return min(similarity / (1.0 + similarity) * (1.0 + theirs / ours), 1.0)
