"""The search for documents that break a worker: supervisor, culprits, walk and cursor as they are, over an engine that
only pretends to have processes. Whatever breaks, exactly that is quarantined, and the run comes to its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engine.cursor import Cursor
from curate.engine.engine import Answer, Assignment, Broke, Finished, Refused
from curate.engine.posix import PosixStore
from curate.engine.progress import Progress
from curate.engine.supervisor import MAX_DEATHS, Supervisor
from curate.engine.task import NOBODY, READ, Attempt, Position, Task, attempt_from_json, attempt_to_json
from curate.engine.walk import Walk
from curate.errors import CheckFailed, MachineError
from curate.recipe import Limits

SEGFAULT, KILL = "signal 11 (SIGSEGV)", "signal 9 (SIGKILL)"
STEPS = ("extract", "signals", "sign")


@dataclass
class Pretended:
    """Documents 0 … `documents` go through all steps in batches; a worker breaks at those of `breaks`, by their step.
    `kills` says, attempt by attempt, at which document somebody from outside kills it."""

    documents: int
    batch: int
    breaks: dict[int, str]
    kills: deque[int] = field(default_factory=deque)
    workers: int = 1
    waiting: deque[Assignment] = field(default_factory=deque)
    finished: list[Attempt] = field(default_factory=list)
    attempts: int = 0

    def submit(self, assignment: Assignment) -> None:
        assert len(self.waiting) < max(self.workers, 1), "no more than it can be at"
        self.waiting.append(assignment)

    def wait(self) -> Sequence[Answer]:
        return [self._do(self.waiting.popleft())] if self.waiting else []

    def close(self) -> None:
        self.waiting.clear()

    def _do(self, assignment: Assignment) -> Answer:
        self.attempts += 1
        attempt = attempt_from_json(attempt_to_json(assignment.attempt))
        walk, killed = Walk(attempt, Cursor.private()), self.kills.popleft() if self.kills else None
        for first in range(0, self.documents, self.batch):
            numbers = [at for at in range(first, min(first + self.batch, self.documents)) if walk.wants(at)]
            for step in STEPS if numbers else ():
                if broke := self._step(walk, np.array(numbers), step, killed):
                    return Broke(assignment, walk.cursor.read(), "crash", broke)
        walk.idle()
        if not walk.is_confirming:
            self.finished.append(attempt)
        return Finished(assignment, {"all": [1.0, 1.0]}, self.documents)

    def _step(self, walk: Walk, numbers: np.ndarray, step: str, killed: int | None) -> str | None:  # type: ignore[type-arg]
        for stretch in walk.stretches(numbers):
            stretch.at(step)
            known = walk.attempt.quarantined
            at_work = [number for number in stretch.numbers.tolist() if number not in known]
            if killed in at_work:
                return KILL
            if any(self.breaks.get(number) == step for number in at_work):
                return SEGFAULT
        return None


def run_over(engine: Pretended, folder: Path, *, size: int = 10) -> Attempt:
    supervisor = Supervisor(PosixStore(folder), engine, Limits(), lambda progress: None)
    supervisor.run_stage([Task("filter", "web-00000", "module:function", size)])
    [finished] = engine.finished
    return finished


BREAKS = st.dictionaries(st.integers(0, 39), st.sampled_from(STEPS), max_size=6)


@settings(deadline=None, max_examples=150)
@given(BREAKS, st.integers(1, 40), st.integers(1, 40))
def test_exactly_the_documents_that_break_are_quarantined_with_their_steps(
    breaks: dict[int, str], documents: int, batch: int
) -> None:
    there = {number: step for number, step in breaks.items() if number < documents}
    engine = Pretended(documents, batch, there)
    found = run_over(engine, Path("nowhere"))
    assert {number: culprit.step for number, culprit in found.quarantined.items()} == there
    assert all(culprit.detail == SEGFAULT for culprit in found.quarantined.values())
    # At most one look at each step's batch, and two at each document: alone, and once more to confirm it.
    assert engine.attempts <= 1 + 3 * len(there) * len(STEPS)


@settings(deadline=None, max_examples=150)
@given(BREAKS, st.integers(1, 12), st.lists(st.integers(0, 39), max_size=4))
def test_kills_from_outside_cost_no_innocent_document(breaks: dict[int, str], batch: int, kills: list[int]) -> None:
    found = run_over(Pretended(40, batch, breaks, deque(kills)), Path("nowhere"))
    assert set(found.quarantined) == set(breaks)


def test_a_task_that_always_dies_without_a_document_ends_the_run_and_says_how_often() -> None:
    class Dying(Pretended):
        def _do(self, assignment: Assignment) -> Answer:
            self.attempts += 1
            return Broke(assignment, Position(), "crash", KILL)

    engine = Dying(10, 10, {})
    with pytest.raises(MachineError, match=rf"given up after {MAX_DEATHS} tries.*SIGKILL.*goes on from here"):
        run_over(engine, Path("nowhere"))
    assert engine.attempts == MAX_DEATHS + 1
    assert not engine.waiting, "the engine was closed"


def test_a_refusal_ends_the_stage_with_its_own_error() -> None:
    class Refusing(Pretended):
        def _do(self, assignment: Assignment) -> Answer:
            return Refused(assignment, CheckFailed("the account does not close"))

    with pytest.raises(CheckFailed, match="does not close"):
        run_over(Refusing(10, 10, {}), Path("nowhere"))


def test_a_reader_that_breaks_is_confirmed_and_costs_the_rest_of_its_file_alone() -> None:
    class Reading(Pretended):
        """Two files of ten records; the reader of the first dies at its seventh."""

        def _do(self, assignment: Assignment) -> Answer:
            self.attempts += 1
            walk = Walk(assignment.attempt, Cursor.private())
            number = 0
            for piece in range(2):
                for record in range(10):
                    if walk.given_up(piece, number):
                        number += 1
                        break
                    walk.reading(number, piece)
                    if (piece, record) == (0, 6):
                        return Broke(assignment, walk.cursor.read(), "crash", SEGFAULT)
                    number += 1
            self.finished.append(assignment.attempt)
            self.documents = number
            return Finished(assignment, {}, number)

    engine = Reading(0, 1, {})
    found = run_over(engine, Path("nowhere"))
    after, culprit = found.given_up[0]
    assert (after, culprit.step, found.quarantined) == (6, READ, {})
    assert engine.documents == 6 + 1 + 10, "what was read, the record that says what is lost, and the other file"


def test_the_largest_task_is_done_first_and_progress_is_told_in_bytes() -> None:
    order: list[str] = []

    class Noting(Pretended):
        def _do(self, assignment: Assignment) -> Answer:
            order.append(assignment.task.key)
            return super()._do(assignment)

    shown: list[object] = []
    supervisor = Supervisor(PosixStore(Path("nowhere")), Noting(3, 3, {}), Limits(), shown.append)
    sizes = {"a": 5, "b": 50, "c": 20, "d": 50}
    supervisor.run_stage([Task("filter", key, "module:function", size) for key, size in sizes.items()])
    assert order == ["b", "d", "c", "a"]
    assert all(isinstance(progress, Progress) for progress in shown)
    assert supervisor.timing["filter"]["steps"] == {"all": [4.0, 4.0]}
    assert supervisor.timing["filter"]["workers"] == 1


def test_no_tasks_need_no_engine() -> None:
    engine = Pretended(1, 1, {})
    Supervisor(PosixStore(Path("nowhere")), engine, Limits(), lambda progress: None).run_stage([])
    assert (engine.attempts, Position().first) == (0, NOBODY)
