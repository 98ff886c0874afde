"""Brings the tasks of a stage to an engine, and finds the document that breaks one.

pending tasks ─▶ engine ─▶ done
      ▲             │ broke at document i
      │             ▼
      │      document i alone ── passes: it was somebody else's kill ──▶ once more
      └───── breaks again: i is quarantined, the rest of the split is done without it
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from curate.engine.clock import add_seconds
from curate.engine.culprit import after_break, after_confirmation, hopeless
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Engine, Finished, Refused, Said, Spent
from curate.engine.records import read_one
from curate.engine.sampler import add_samples
from curate.engine.store import Store
from curate.engine.task import ALL_CORES, READ, Attempt, Position, Task
from curate.errors import MachineError, UsageError
from curate.interrupts import Note, noted
from curate.recipe import Limits

MAX_DEATHS = 8
"""Of workers over one task, before the machine is blamed; each culprit that is found may cost some more."""
MANY = 10
"""Documents on which a user's step has broken its worker before their share says anything."""
MAX_HOPELESS = 3
"""Documents of a split that pass alone, and are given up all the same."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is, for the one who shows it."""

    stage: str
    tasks_done: int
    tasks: int
    bytes_done: int
    bytes: int
    documents: int


Show = Callable[[Progress | Said], None]
"""Where the run says what happens: how far it is, and what users' own functions print."""


@dataclass(slots=True)
class Supervisor:
    """The stages of one run, one after the other, and the account of their time."""

    store: Store
    engine: Engine
    limits: Limits
    show: Show
    own_steps: frozenset[str] = frozenset()
    """Those that are the user's code: where they break on too many documents, they are at fault."""
    timing: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_profiled: bool = False
    """Whether workers tell where their CPU time goes."""
    samples: dict[str, dict[str, int]] = field(default_factory=dict)
    """What they told: microseconds by folded stack, of each stage."""

    def run_stage(self, tasks: Sequence[Task]) -> None:
        """Do all tasks, the largest first; returns when each is committed.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; what is committed stays.
            MachineError: the machine failed, or workers keep dying without a culprit.
            CurateError: a task refused to go on, for the reason that it gives.
        """
        if not tasks:
            return
        stage = _Stage(self, tasks)
        try:
            with noted() if self.engine.workers else nullcontext(Note()) as note:
                stage.run(note)
            note.check()
        except BaseException:
            self.engine.close()
            raise
        finally:
            stage.hear_last()
            self._account(stage)

    @property
    def cpu_in_this_process(self) -> float:
        """CPU seconds of tasks that were done here: they count as the workers' and not as the supervisor's."""
        if self.engine.workers:
            return 0.0
        return float(sum(cpu for stage in self.timing.values() for _, cpu in stage["steps"].values()))

    def close(self) -> None:
        self.engine.close()

    def _account(self, stage: _Stage) -> None:
        """Book what a stage took, whether it was finished or not."""
        timing = self.timing.setdefault(stage.tasks[0].stage, {"wall": 0.0, "workers": 0, "steps": {}})
        timing["wall"] += time.perf_counter() - stage.began
        timing["workers"] = max(timing["workers"], stage.most_at_once)
        add_seconds(timing["steps"], stage.steps)


class _Stage:
    """One stage in progress: what waits, what runs, what is done."""

    def __init__(self, supervisor: Supervisor, tasks: Sequence[Task]) -> None:
        self.supervisor, self.engine = supervisor, supervisor.engine
        self.tasks = tasks
        # The largest first, so that none of them begins when all others are done; then by key, so that runs are alike.
        by_size = sorted(tasks, key=lambda task: (-task.size, task.key))
        cores = ALL_CORES if len(tasks) == 1 else 1
        # A task in this process is seen by whoever looks at this process.
        is_sampled = supervisor.is_profiled and bool(self.engine.workers)
        self.pending = deque(Assignment(task, Attempt(cores=cores), is_sampled=is_sampled) for task in by_size)
        self.at_work = self.most_at_once = 0
        self.bytes = sum(task.size for task in tasks)
        self.bytes_done = self.tasks_done = self.documents_done = 0
        self.began = time.perf_counter()
        self.steps: dict[str, list[float]] = {}

    def run(self, note: Note) -> None:
        while self.tasks_done < len(self.tasks):
            note.check()
            # No more than the engine can be at: what is to be tried next must not wait behind others.
            while self.pending and self.at_work < max(self.engine.workers, 1):
                self.engine.submit(self.pending.popleft())
                self.at_work += 1
            self.most_at_once = max(self.most_at_once, self.at_work)
            for answer in self.engine.wait():
                self._hear(answer)

    def hear_last(self) -> None:
        """What the engine has still to say of its time once nothing is at work any more."""
        for answer in self.engine.wait():
            if isinstance(answer, Spent):
                self._hear(answer)

    def _hear(self, answer: Answer) -> None:
        match answer:
            case Finished():
                self.at_work -= 1
                add_seconds(self.steps, answer.seconds)
                self._add_samples(answer.samples)
                self._finished(answer.assignment, answer.documents)
            case Broke():
                self.at_work -= 1
                self._broken(answer)
            case Refused():
                raise answer.error
            case Said():
                self.supervisor.show(answer)
            case Spent():
                add_seconds(self.steps, {answer.step: [answer.wall, answer.cpu]})
                self._add_samples({f"({answer.step})": round(answer.cpu * 1e6)})
            case AtWork():
                self._show(answer.documents)

    def _add_samples(self, samples: Mapping[str, int]) -> None:
        if self.supervisor.is_profiled:
            add_samples(self.supervisor.samples.setdefault(self.tasks[0].stage, {}), samples)

    def _finished(self, assignment: Assignment, documents: int) -> None:
        if assignment.attempt.confirm is not None:
            # In front, here and below: a split that is being looked into must not wait until all others are done.
            self.pending.appendleft(replace(assignment, attempt=after_confirmation(assignment.attempt)))
            return
        self.tasks_done += 1
        self.bytes_done += assignment.task.size
        self.documents_done += documents

    def _broken(self, broke: Broke) -> None:
        task, position = broke.assignment.task, broke.position
        if read_one(self.supervisor.store, task.stage, task.key) is not None:
            self._finished(broke.assignment, position.documents)  # it died between its commit and its answer
        elif position.is_idle:
            self._again(broke.assignment, broke.assignment.attempt, broke.detail)
        else:
            self._look_closer(broke)

    def _look_closer(self, broke: Broke) -> None:
        """Documents were at work when a worker broke: look closer at many, confirm one, or go on without it."""
        assignment, position = broke.assignment, broke.position
        attempt = after_break(assignment.attempt, position, broke.reason, broke.detail)
        # Of the attempts that come, only those that find something are free: the others count as deaths.
        if attempt.culprits > assignment.attempt.culprits:
            self._check_culprits(assignment, attempt, position)
        if attempt.found > assignment.attempt.found:
            self.pending.appendleft(replace(assignment, attempt=attempt))
        else:
            self._again(assignment, attempt, f"{broke.reason} in {position.step}: {broke.detail}")

    def _check_culprits(self, assignment: Assignment, attempt: Attempt, position: Position) -> None:
        """A step that breaks on nearly all, or more and more documents that pass alone, is at fault itself: each would
        cost seconds, and the run would lose them all."""
        step, own = position.step, self.supervisor.own_steps
        last = attempt.quarantined.get(position.first)
        broken = sum(culprit.step == step for culprit in attempt.quarantined.values())
        reached, allowed = position.first + 1, self.supervisor.limits.max_errors
        if last is None or position.step == READ:
            return
        told = f"{last.reason}: {last.detail}" if last.detail else last.reason
        if step in own and broken >= MANY and broken > allowed * reached:
            raise UsageError(
                f'step "{step}" broke its worker on {broken:,} of the first {reached:,} documents of '
                f"{assignment.task.key}, more than [limits] max_errors = {allowed:g} allows; the last: {told}"
            )
        if hopeless(attempt) >= MAX_HOPELESS:
            raise MachineError(
                f'step "{step}" breaks its worker again and again, on documents that pass alone ({told}): does it keep '
                "something from one document to the next, or is a limit too low for a whole split?"
            )

    def _again(self, assignment: Assignment, attempt: Attempt, why: str) -> None:
        """Once more, as long as it is not always in vain; each culprit that was found has cost a few tries."""
        if assignment.deaths >= MAX_DEATHS + 5 * attempt.culprits:
            tries = f"{assignment} was given up after {assignment.deaths} tries that no document explains"
            raise MachineError(f"{tries}; the last: {why}. The same command goes on from here.")
        self.pending.appendleft(replace(assignment, attempt=attempt, deaths=assignment.deaths + 1))

    def _show(self, documents_at_work: int) -> None:
        self.supervisor.show(
            Progress(
                stage=self.tasks[0].stage,
                tasks_done=self.tasks_done,
                tasks=len(self.tasks),
                bytes_done=self.bytes_done,
                bytes=self.bytes,
                documents=self.documents_done + documents_at_work,
            )
        )
