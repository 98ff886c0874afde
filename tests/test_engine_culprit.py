"""What is tried next after a worker broke, and how a walk goes through its documents: no process is started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.engine.culprit import after_break, after_confirmation
from curate.engine.cursor import Cursor
from curate.engine.task import READ, Attempt, Culprit, Position, attempt_from_json, attempt_to_json
from curate.engine.walk import Walk, bounded

AT_3 = Position(3, 3, "toxicity")


def test_a_batch_that_breaks_is_taken_one_at_a_time() -> None:
    assert after_break(Attempt(), Position(0, 9, "signals"), "crash") == Attempt(one_at_a_time=((0, 9),))


def test_batches_that_break_only_as_a_whole_do_not_take_turns() -> None:
    attempt = Attempt()
    for first in (0, 10, 20):
        attempt = after_break(attempt, Position(first, first + 9, "signals"), "timeout")
    assert attempt.one_at_a_time == ((0, 9), (10, 19), (20, 29))
    assert attempt.found == 3


def test_one_document_is_confirmed_before_it_is_quarantined_with_its_step() -> None:
    confirming = after_break(Attempt(one_at_a_time=((0, 9),)), AT_3, "crash", "signal 11 (SIGSEGV)")
    assert confirming.confirm == 3
    found = after_break(confirming, AT_3, "crash", "signal 11 (SIGSEGV)")
    assert found.quarantined == {3: Culprit("crash", "toxicity", "signal 11 (SIGSEGV)")}
    assert found.confirm is None


def test_a_document_that_outran_its_own_limit_needs_no_second_look() -> None:
    assert after_break(Attempt(), AT_3, "timeout").quarantined == {3: Culprit("timeout", "toxicity")}


def test_a_document_that_passes_alone_is_innocent() -> None:
    attempt = after_confirmation(after_break(Attempt(), AT_3, "crash", "signal 9 (SIGKILL)"))
    assert (attempt.confirm, attempt.quarantined) == (None, {})


def test_a_document_is_not_blamed_for_a_few_kills_in_a_row_but_for_a_killer_that_never_fails_to_come() -> None:
    attempt, tries = Attempt(), 0
    while not attempt.quarantined:
        attempt, tries = after_break(attempt, AT_3, "crash", "signal 9 (SIGKILL)"), tries + 1
    assert tries == 5


def test_a_document_that_only_breaks_in_company_is_given_up_at_last_but_not_for_kills_from_outside() -> None:
    def often(detail: str) -> Attempt:
        attempt = Attempt()
        for _ in range(3):
            attempt = after_break(attempt, AT_3, "crash", detail)
            attempt = after_confirmation(attempt) if attempt.confirm is not None else attempt
        return attempt

    assert list(often("exit code 9").quarantined) == [3]
    assert often("signal 9 (SIGKILL)").quarantined == {}


def test_a_reader_that_breaks_costs_the_rest_of_its_file() -> None:
    attempt = after_break(Attempt(), Position(7, 7, READ, piece=2), "timeout")
    assert attempt.given_up == {2: (7, Culprit("timeout", READ))}
    assert attempt.quarantined == {}


culprits = st.builds(Culprit, st.text(), st.text(), st.text())
attempts = st.builds(
    Attempt,
    quarantined=st.dictionaries(st.integers(0, 99), culprits),
    given_up=st.dictionaries(st.integers(0, 99), st.tuples(st.integers(0, 99), culprits)),
    confirm=st.none() | st.integers(0, 99),
    one_at_a_time=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=3).map(tuple),
    acquitted=st.dictionaries(st.integers(0, 99), st.integers(1, 9)),
    kills=st.integers(0, 9),
    cores=st.integers(1, 9),
)


@given(attempts)
def test_an_attempt_goes_to_json_and_back(attempt: Attempt) -> None:
    assert attempt_from_json(json.loads(json.dumps(attempt_to_json(attempt)))) == attempt


@pytest.fixture(scope="module")
def cursor(tmp_path_factory: pytest.TempPathFactory) -> Cursor:
    return Cursor.shared(tmp_path_factory.mktemp("cursor") / "c")


def test_the_cursor_tells_what_is_at_work_and_a_pulse_renews_its_time(tmp_path: Path) -> None:
    worker = Cursor.shared(tmp_path / "c")
    supervisor = Cursor.shared(tmp_path / "c")
    worker.at(4, 6, step="my_filters:no_recipes", size=123)
    before = supervisor.read()
    assert (before.first, before.last, before.step, before.size) == (4, 6, "my_filters:no_recipes", 123)
    sum(range(200_000))
    worker.pulse()
    assert supervisor.read().started > before.started
    assert replace(supervisor.read(), started=before.started) == before
    worker.idle()
    assert supervisor.read().is_idle
    assert supervisor.read().documents == 7


@given(
    st.lists(st.integers(0, 100), max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=3).map(tuple),
    st.sets(st.integers(0, 60), max_size=5),
)
def test_every_document_is_walked_once_but_for_the_culprits(
    cursor: Cursor, sizes: list[int], alone: tuple[tuple[int, int], ...], bad: set[int]
) -> None:
    attempt = Attempt(one_at_a_time=alone, quarantined={number: Culprit("crash", "scrub") for number in bad})
    documents = pl.DataFrame({"text": ["x" * size for size in sizes]}, schema={"text": pl.String})
    stretches = list(Walk(attempt, cursor).through(documents, max_documents=7, max_bytes=150))
    walked = [number for stretch, _ in stretches for number in stretch.numbers.tolist()]
    assert walked == [number for number in range(len(sizes)) if number not in bad]
    for stretch, part in stretches:
        assert part["text"].to_list() == [documents["text"][number] for number in stretch.numbers.tolist()]
        assert len(stretch.numbers) <= 7
        if any(first <= number <= last for number in stretch.numbers for first, last in alone):
            assert len(stretch.numbers) == 1


@given(st.lists(st.integers(0, 100)))
def test_bounded_ranges_cover_all_and_keep_their_limits(sizes: list[int]) -> None:
    ranges = list(bounded(np.array(sizes, dtype=np.int64), 5, 120))
    assert [number for start, end in ranges for number in range(start, end)] == list(range(len(sizes)))
    for start, end in ranges:
        assert end - start <= 5
        assert sum(sizes[start:end]) <= 120 or end - start == 1
