"""Bands for a threshold, beside datasketch's choice."""

from __future__ import annotations

import pytest
from datasketch import MinHashLSH

from curate.dedup.s_curve import candidate_probability, split_permutations
from curate.errors import UsageError


@pytest.mark.parametrize("permutations", [32, 64, 128])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9])
def test_the_split_is_datasketchs(threshold: float, permutations: int) -> None:
    theirs = MinHashLSH(threshold=threshold, num_perm=permutations)
    assert split_permutations(threshold, permutations) == (theirs.b, theirs.r)


def test_the_curve_rises_from_never_to_always() -> None:
    assert candidate_probability(0.0, bands=14, rows=8) == 0.0
    assert candidate_probability(1.0, bands=14, rows=8) == 1.0
    assert candidate_probability(0.8, bands=14, rows=8) == pytest.approx(0.924, abs=0.001)


def test_impossible_thresholds_are_refused() -> None:
    with pytest.raises(UsageError, match=r"threshold 1\.5 of 128 permutations"):
        split_permutations(1.5, 128)
