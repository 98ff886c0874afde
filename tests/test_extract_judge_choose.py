"""The choice of blocks: no other set of them is expected to have a greater F1."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.extract.judge.choose import MIN_MOST, choose_blocks
from curate.extract.judge.surroundings import SPAN_UNITS, SPANS_WIDTH

BLOCKS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300)), min_size=1, max_size=7)


def chosen(pages: list[list[tuple[int, int]]]) -> tuple[list[list[bool]], list[int]]:
    rows = [row for page in pages for row in page]
    starts = np.cumsum([0, *map(len, pages)], dtype=np.int64)
    spans = np.zeros((len(rows), SPANS_WIDTH), dtype=np.int32)
    spans[:, SPAN_UNITS] = [units for _, units in rows]
    keep, expected = choose_blocks(np.array([score for score, _ in rows], dtype=np.int16), spans, starts)
    parts = [keep[begin:end].tolist() for begin, end in pairwise(starts)]
    return parts, expected.tolist()


def expected_f1(page: list[tuple[int, int]], kept: tuple[int, ...]) -> float:
    right = sum(page[block][0] * (page[block][1] + 1) for block in kept) / 1000
    size = sum(page[block][1] + 1 for block in kept)
    whole = sum(score * (units + 1) for score, units in page) / 1000
    return 2 * right / (size + whole) if size + whole else 0.0


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first call may compile
@given(BLOCKS)
def test_no_other_choice_promises_more(page: list[tuple[int, int]]) -> None:
    (keep,), (expected,) = chosen([page])
    every = range(len(page))
    best = max(expected_f1(page, kept) for size in range(len(page) + 1) for kept in combinations(every, size))
    assert expected <= 1000 * best + 1e-6
    assert 1000 * best < expected + 1
    if max(score for score, _ in page) >= MIN_MOST:
        found = expected_f1(page, tuple(block for block in every if keep[block]))
        assert found > best - 0.001  # F1 is compared in per mille
    else:
        assert not any(keep)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first call may compile
@given(st.lists(BLOCKS, min_size=2, max_size=4))
def test_a_page_is_chosen_from_as_if_it_were_alone(pages: list[list[tuple[int, int]]]) -> None:
    together = chosen(pages)
    alone = [chosen([page]) for page in pages]
    assert together == ([keep for (keep,), _ in alone], [expected for _, (expected,) in alone])


def test_one_sure_paragraph_is_kept_and_a_menu_is_not() -> None:
    assert chosen([[(20, 8), (30, 12), (950, 400), (60, 9)]])[0] == [[False, False, True, False]]
