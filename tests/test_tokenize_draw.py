"""The permutation: a bijection for every size, and as irregular as numpy's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.tokenize.draw import WEIGHT_BITS, count_rows, permute


def permutation(size: int, key: int) -> npt.NDArray[np.int64]:
    return permute(np.arange(size), np.full(size, size), np.full(size, key, dtype=np.uint64))


@settings(deadline=None, max_examples=80)
@given(size=st.integers(1, 3000), key=st.integers(0, 2**64 - 1))
def test_every_size_and_key_give_a_permutation(size: int, key: int) -> None:
    assert np.array_equal(np.sort(permutation(size, key)), np.arange(size))


def test_sizes_and_keys_may_differ_from_one_to_the_next() -> None:
    together = permute(np.array([3, 3, 0]), np.array([10, 77, 1]), np.array([5, 6, 7], dtype=np.uint64))
    alone = [permutation(10, 5)[3], permutation(77, 6)[3], 0]
    assert together.tolist() == alone


@pytest.mark.parametrize("size", [4096, 5003])
def test_halves_and_parity_vary_as_in_a_random_permutation(size: int) -> None:
    """Variance over keys of how many odd, and how many low, values stand in the first half, against the exact one."""
    half = size // 2
    odd, low = [], []
    for key in range(300):
        first = permutation(size, key * 7919 + 1)[:half]
        odd.append(int((first % 2).sum()))
        low.append(int((first < size // 10).sum()))
    for counts, marked in ((odd, size // 2), (low, size // 10)):
        share = marked / size
        exact = half * share * (1 - share) * (size - half) / (size - 1)
        assert 0.7 < np.var(counts) / exact < 1.4
        assert abs(np.mean(counts) - half * share) < 4 * (exact / 300) ** 0.5 + 1


def test_neighbors_are_not_tied() -> None:
    values = permutation(20_011, 12345)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(values % 2, np.arange(20_011) % 2)[0, 1]) < 0.03


def test_row_counts_sum_to_the_position_and_never_fall() -> None:
    weights = np.array([6, 3, 1], dtype=np.int64) * ((1 << WEIGHT_BITS) // 10)
    weights[0] += (1 << WEIGHT_BITS) - weights.sum()
    counts = count_rows(weights, np.arange(0, 64_000, 64))
    assert np.array_equal(counts.sum(axis=1), np.arange(0, 64_000, 64))
    assert (np.diff(counts, axis=0) >= 0).all()
    assert np.abs(counts - np.arange(0, 64_000, 64)[:, None] * [0.6, 0.3, 0.1]).max() < 1
