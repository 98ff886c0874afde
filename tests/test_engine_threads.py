"""Results come in the order of the items, a few at a time, and an exception comes where its item stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from curate.engine.threads import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_keep_the_order_of_their_items(threads: int) -> None:
    def slowly(number: int) -> int:
        time.sleep(0.01 if number % 3 == 0 else 0)
        return number * number

    assert list(in_order(slowly, range(20), threads)) == [number * number for number in range(20)]


def test_items_are_taken_only_a_few_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = in_order(lambda number: number, items(), 3)
    assert next(results) == 0
    assert taken <= 5


def test_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert len(list(in_order(lambda number: meeting.wait(), range(4), 2))) == 4


def test_an_exception_reaches_who_asks() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = in_order(work, range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
