"""Samples and their documents: the draw and the draw backwards agree, for sources, documents, epochs and turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.tokenize.draw import assign_sources, derive, permute
from curate.tokenize.mix import plan_mixture
from curate.tokenize.run_rows import RunRows
from curate.tokenize.shards import Shard, TokenArray
from curate.tokenize.trace import InOrder
from curate.tokenize.undraw import unassign_sources, unpermute


@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_a_permutation_is_undone(size: int, key: int) -> None:
    index = np.arange(size, dtype=np.int64)
    sizes, keys = np.full(size, size, dtype=np.int64), np.full(size, key, dtype=np.uint64)
    assert np.array_equal(unpermute(permute(index, sizes, keys), sizes, keys), index)


@given(st.integers(1, 3000), st.lists(st.integers(1, 1000), min_size=1, max_size=4), st.integers(0, 2**32))
def test_a_row_is_found_at_the_position_that_it_was_drawn_for(rows: int, parts: list[int], seed: int) -> None:
    weights = np.array([part * (1 << 30) // sum(parts) for part in parts], dtype=np.int64)
    weights[0] += (1 << 30) - weights.sum()
    key = derive(np.uint64(seed), np.array([0]))[0]
    block = 1 << max((4 << 30) // int(weights.min()), 16).bit_length()  # as a draw has it: four rows of each at least
    positions = np.arange(2 * rows, dtype=np.int64)  # the plan, and once more
    source, drawn = assign_sources(positions, rows=rows, block=block, weights=weights, key=key)
    for number in np.unique(source):
        mine = source == number
        found = unassign_sources(int(number), drawn[mine], rows=rows, block=block, weights=weights, key=key)
        assert np.array_equal(found, positions[mine])


SIZES = {"web": [37, 5, 210] * 20, "books": [600, 40], "code": [97]}


def array_of(sizes: list[int], first: int) -> TokenArray:
    """Documents of so many tokens, none of which stands twice."""
    tokens = np.arange(first, first + sum(sizes), dtype=np.uint16)
    return TokenArray((Shard(Path("00000.bin"), tokens, np.cumsum(sizes).astype(np.uint64)),))


def rows_of(row_length: int, tokens: int) -> RunRows:
    arrays = {name: array_of(sizes, 10_000 * number) for number, (name, sizes) in enumerate(SIZES.items())}
    held = {name: len(array) for name, array in arrays.items()}
    mixture = plan_mixture(held, weights={"web": 0.5, "books": 0.4, "code": 0.1}, tokens=tokens, max_epochs=8)
    return RunRows(mixture, arrays, row_length=row_length, seed=5)


@pytest.mark.parametrize("row_length", [1, 7, 64, 97, 500])
def test_a_token_is_found_where_rows_show_it_and_nowhere_else(row_length: int) -> None:
    drawn = rows_of(row_length, 6_000)
    source, tokens, _ = drawn.gather(np.arange(drawn.rows, dtype=np.int64))
    for number, name in enumerate(drawn.sources):
        held = sum(SIZES[name])
        for first, last in ((0, 1), (held - 1, held), (held // 3, held // 3 + 40), (0, held)):
            wanted = 10_000 * number + np.arange(first, last)
            expected = np.flatnonzero((source == number) & np.isin(tokens, wanted).any(axis=1))
            assert drawn.find(number, first, last).tolist() == expected.tolist()


def test_a_located_row_is_what_is_gathered_beyond_the_end_of_the_plan_too() -> None:
    drawn = rows_of(64, 6_000)
    for position in (0, 5, drawn.rows - 1, drawn.rows, 3 * drawn.rows + 7):
        [source], [tokens], _ = drawn.gather(np.array([position], dtype=np.int64))
        located = drawn.locate(position)
        runs = [
            start + np.arange(length) for start, length in zip(located.runs.starts, located.runs.lengths, strict=True)
        ]
        assert located.source == source
        assert np.array_equal(10_000 * source + np.concatenate(runs), tokens)


@given(st.integers(1, 400), st.integers(1, 50), st.data())
def test_a_sequence_in_order_shows_a_token_in_its_row_and_as_the_target_of_the_one_before(
    tokens: int, row_length: int, data: st.DataObject
) -> None:
    rows = InOrder("mixed", tokens, row_length)
    first = data.draw(st.integers(0, tokens - 1))
    last = data.draw(st.integers(first + 1, tokens))
    starts = [int(rows.locate(row).runs.starts[0]) for row in range(rows.rows)]
    expected = [row for row, at in enumerate(starts) if at < last and at + row_length >= first]
    assert rows.find(0, first, last).tolist() == expected
