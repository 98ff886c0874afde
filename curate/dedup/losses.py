"""What goes with near-duplicates: how much of each the copy that stays contains, and how many words it has of its own.

pairs of a copy and what stays ─▶ their texts, read once ─▶ sets of n-grams, of words ─▶ shares, numbers of novel words
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.dedup.copies import UNKNOWN
from curate.dedup.sets import Gram, Sets, Texts, write_sets
from curate.dedup.signatures import SignatureFiles
from curate.recipe import Dedup
from curate.text.compiled import inner, kernel


class Losses(NamedTuple):
    """A row for each pair: float32 and int64[pairs]; nan and UNKNOWN where a text is not there."""

    similarity: npt.NDArray[np.float32]
    containment: npt.NDArray[np.float32]
    novel: npt.NDArray[np.int64]


def measure_losses(
    files: SignatureFiles,
    copy: npt.NDArray[np.int64],
    original: npt.NDArray[np.int64],
    similarity: npt.NDArray[np.float32],
    texts: Texts,
    dedup: Dedup,
    *,
    scratch: Path,
    cores: int,
) -> Losses:
    """Jaccard similarity (where that did not decide; else it is the one that is given), containment and novel words."""
    documents, place = np.unique(np.concatenate([copy, original]), return_inverse=True)
    grams = [Gram(dedup.verification.ngram, "words"), Gram(1, "words")]
    if not dedup.verification.jaccard:
        grams.append(Gram(dedup.ngram, dedup.unit))
    sets = write_sets(files, documents, texts, grams, dedup.normalise, scratch=scratch, cores=cores)
    one, other = place[: len(copy)], place[len(copy) :]
    contained, found = _count(sets[0], one, other), _count(sets[1], one, other)
    share = np.where(contained.known, _divided(contained.shared, contained.first), np.nan).astype(np.float32)
    novel = np.where(found.known, found.first - found.shared, UNKNOWN)
    if len(sets) > 2:
        likeness = _count(sets[2], one, other)
        union = likeness.first + likeness.second - likeness.shared
        exact = np.where(likeness.known, _divided(likeness.shared, union), np.nan).astype(np.float32)
        similarity = np.where(np.isnan(exact), similarity, exact)
    return Losses(similarity, share, novel)


class _Counts(NamedTuple):
    """Of each pair: are both sets known; elements of the first, of the second, of both."""

    known: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    shared: npt.NDArray[np.int64]


def _count(sets: Sets, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> _Counts:
    first, second = sets.sizes[one], sets.sizes[other]
    shared = np.zeros(len(one), dtype=np.int64)
    _count_shared(sets.values.array, sets.offsets[one], first, sets.offsets[other], second, shared)
    sets.values.forget()
    return _Counts((first >= 0) & (second >= 0), first, second, shared)


def _divided(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """1 where there is nothing: of no n-grams none is lost."""
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)


@kernel
def _count_shared(values, starts, sizes, others, counts, shared):  # type: ignore[no-untyped-def]
    for pair in range(len(shared)):
        if sizes[pair] > 0 and counts[pair] > 0:
            shared[pair] = _shared(values, starts[pair], sizes[pair], others[pair], counts[pair])


@inner
def _shared(values, first, many, second, more):  # type: ignore[no-untyped-def]
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
