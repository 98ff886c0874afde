"""Samples and their documents: the draw and the draw backwards agree, for sources, documents, epochs and turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.tokenize.draw import assign_sources, derive, permute
from curate.tokenize.mix import Draw, plan_mixture
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


HELD = {"web": 5_003, "books": 640, "code": 97}


def draw(row_length: int, tokens: int) -> Draw:
    mixture = plan_mixture(HELD, weights={"web": 0.5, "books": 0.4, "code": 0.1}, tokens=tokens, max_epochs=8)
    return Draw(mixture, seed=5, row_length=row_length, held=HELD)


@pytest.mark.parametrize("row_length", [1, 7, 64, 97, 500])
def test_a_token_is_found_where_rows_show_it_and_nowhere_else(row_length: int) -> None:
    drawn = draw(row_length, 6_000)
    source, _, start = drawn.locate(np.arange(drawn.rows, dtype=np.int64))
    for number, name in enumerate(drawn.sources):
        held = HELD[name]
        for first, last in ((0, 1), (held - 1, held), (held // 3, held // 3 + 40), (0, held)):
            wanted = np.arange(first, last)
            expected = [
                position
                for position in np.flatnonzero(source == number).tolist()
                if np.isin((start[position] + np.arange(row_length + 1)) % held, wanted).any()
            ]
            assert drawn.find(number, first, last).tolist() == expected


@given(st.integers(1, 400), st.integers(1, 50), st.data())
def test_a_sequence_in_order_shows_a_token_in_its_row_and_as_the_target_of_the_one_before(
    tokens: int, row_length: int, data: st.DataObject
) -> None:
    rows = InOrder("mixed", tokens, row_length)
    first = data.draw(st.integers(0, tokens - 1))
    last = data.draw(st.integers(first + 1, tokens))
    _, _, start = rows.locate(np.arange(rows.rows, dtype=np.int64))
    expected = [row for row, at in enumerate(start.tolist()) if at < last and at + row_length >= first]
    assert rows.find(0, first, last).tolist() == expected
