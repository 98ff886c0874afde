"""Epochs of one source: every token once, documents in another order each time, and rows found by their tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.tokenize import epoch_order
from curate.tokenize.draw import Int64s
from curate.tokenize.epoch_order import EpochOrder

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=120)
KEY = np.uint64(7)


@pytest.fixture(autouse=True)
def several_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows as small as the examples, so that there are several of them."""
    monkeypatch.setattr(epoch_order, "WINDOW_DOCUMENTS", 9)
    monkeypatch.setattr(epoch_order, "MIN_WINDOW_ROWS", 2)


def order_of(sizes: list[int], row_length: int, key: np.uint64 = KEY) -> EpochOrder:
    return EpochOrder(np.cumsum(sizes, dtype=np.int64), row_length=row_length, key=key)


def rows_of(order: EpochOrder, epoch: int, held: int) -> list[Int64s]:
    """By row, the tokens of the ring that it is made of."""
    runs = order.runs(np.full(order.rows, epoch), np.arange(order.rows))
    assert runs.starts.min() >= 0
    assert runs.lengths.min() >= 1
    parts = [start + np.arange(length) for start, length in zip(runs.starts, runs.lengths, strict=True)]
    assert max(part[-1] for part in parts) < held
    return [np.concatenate(parts[first:last]) for first, last in pairwise(runs.bounds)]


@given(SIZES, st.integers(1, 200), st.integers(0, 5))
def test_an_epoch_shows_every_token_once_but_for_less_than_a_row(sizes: list[int], row_length: int, epoch: int) -> None:
    held = sum(sizes)
    rows = rows_of(order_of(sizes, row_length), epoch, held)
    assert {len(row) for row in rows} == {row_length + 1}
    shown = np.concatenate([row[:-1] for row in rows])
    if held >= row_length:
        assert len(np.unique(shown)) == len(shown) > held - row_length
    else:  # the ring goes round in the row
        assert np.bincount(shown, minlength=held).min() >= row_length // held


@given(SIZES, st.integers(1, 200), st.integers(0, 3), st.data())
def test_a_token_is_found_in_the_rows_that_show_it_and_in_no_other(
    sizes: list[int], row_length: int, epoch: int, data: st.DataObject
) -> None:
    held = sum(sizes)
    order = order_of(sizes, row_length)
    first = data.draw(st.integers(0, held - 1))
    last = data.draw(st.integers(first + 1, held))
    wanted = np.arange(first, last)
    rows = rows_of(order, epoch, held)
    assert order.find(epoch, first, last).tolist() == [at for at, row in enumerate(rows) if np.isin(row, wanted).any()]


@given(SIZES, st.integers(1, 60))
def test_a_row_goes_on_where_the_one_before_has_stopped_and_at_a_windows_end_as_the_source_does(
    sizes: list[int], row_length: int
) -> None:
    order, held = order_of(sizes, row_length), sum(sizes)
    rows = rows_of(order, 0, held)
    for number in range(order.rows):
        inner = (number + 1) % order._window_rows and number + 1 < order.rows
        follows = rows[number + 1][0] if inner else (rows[number][-2] + 1) % held
        ends = np.cumsum(sizes) % held
        assert rows[number][-1] == follows or (not inner and rows[number][-1] in ends)


def test_documents_stand_whole_between_the_borders_of_windows_and_have_other_neighbors_each_time() -> None:
    sizes = np.random.default_rng(3).integers(3, 30, size=400).tolist()
    ends = np.cumsum(sizes)
    order = order_of(sizes, 16)
    neighbors: list[set[tuple[int, int]]] = []
    for epoch in range(3):
        shown = np.concatenate([row[:-1] for row in rows_of(order, epoch, int(ends[-1]))])
        seams = np.flatnonzero(np.diff(shown) != 1)
        windows = -(-order.rows // order._window_rows)
        cut = [seam for seam in seams if shown[seam] + 1 not in ends]  # a run that stops within a document
        assert len(cut) <= windows
        document = np.searchsorted(ends, shown, side="right")
        neighbors.append({(int(document[seam]), int(document[seam + 1])) for seam in seams})
    assert all(len(pairs) > 300 for pairs in neighbors)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert len(neighbors[one] & neighbors[other]) < 0.2 * len(neighbors[one])


@given(SIZES, st.integers(1, 60), st.data())
def test_rows_are_the_same_whichever_are_asked_for_together(
    sizes: list[int], row_length: int, data: st.DataObject
) -> None:
    order = order_of(sizes, row_length)
    row = st.tuples(st.integers(0, 9), st.integers(0, order.rows - 1))
    asked = np.array(data.draw(st.lists(row, min_size=1, max_size=20)), dtype=np.int64)
    together = order.runs(asked[:, 0], asked[:, 1])
    for at, (first, last) in enumerate(pairwise(together.bounds)):
        alone = order.runs(asked[at : at + 1, 0], asked[at : at + 1, 1])
        assert np.array_equal(alone.starts, together.starts[first:last])
        assert np.array_equal(alone.lengths, together.lengths[first:last])


def test_what_does_not_fit_into_one_number_is_ordered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    order = order_of([5, 9, 2, 14, 7] * 30, 16)
    rows = np.arange(epoch_order.MAX_GROUPS + 5) % order.rows
    once = rows[: order.rows]
    many, few = order.runs(np.zeros_like(rows), rows), order.runs(np.zeros_like(once), once)
    assert np.array_equal(many.starts[: len(few.starts)], few.starts)
    monkeypatch.setattr(epoch_order, "PLACE_BITS", 1)
    assert np.array_equal(order.runs(np.zeros_like(once), once).starts, few.starts)


def test_another_key_is_another_order() -> None:
    sizes = [5, 9, 2, 14, 7] * 30
    one, same, other = (rows_of(order_of(sizes, 16, np.uint64(key)), 0, sum(sizes)) for key in (7, 7, 8))
    assert np.array_equal(one, same)
    assert (np.array(one) == np.array(other)).mean() < 0.2
