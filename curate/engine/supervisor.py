"""Runs the splits of a stage over worker processes, and finds the document that breaks one.

    pending tasks ─▶ idle workers ─▶ done
          ▲                │ dies, hangs, or outgrows its memory at document i
          │                ▼
          │         document i alone in a fresh worker ── passes: it was somebody else's kill ──▶ once more
          └──────── breaks again: i is quarantined, the rest of the split is done without it

No pool of the standard library: one hangs and the other breaks when a worker dies.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate import errors
from curate.engine.clock import add_seconds
from curate.engine.culprit import after_break, after_confirmation, hopeless
from curate.engine.inline import InlineWorker
from curate.engine.process import Death, WorkerProcess
from curate.engine.store import is_done
from curate.engine.task import READ, Attempt, Position, Task
from curate.errors import CurateError, Interrupted, MachineError, UsageError
from curate.interrupts import GOES_ON, Note, noted, number_of
from curate.recipe import Limits

WATCH_SECONDS = 1.0
"""How often limits and progress are looked at; answers are dealt with at once."""
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


@dataclass(frozen=True, slots=True)
class Said:
    """A line that a task printed, and the step that did."""

    step: str
    line: str


@dataclass(frozen=True, slots=True)
class Assignment:
    task: Task
    attempt: Attempt
    deaths: int = 0

    def __str__(self) -> str:
        return f"{self.task.stage} of {self.task.key}"


Show = Callable[[Progress | Said], None]
"""Where the run says what happens: how far it is, and what users' own functions print."""


@dataclass(slots=True)
class Supervisor:
    """A set of workers that lives for one run, and the account of their time. No workers: all in this process."""

    run: Path
    workers: int
    limits: Limits
    show: Show
    own_steps: frozenset[str] = frozenset()
    """Those that are the user's code: where they break on too many documents, they are at fault."""
    timing: dict[str, dict[str, Any]] = field(default_factory=dict)
    inline: InlineWorker | None = None
    _pool: list[WorkerProcess] = field(default_factory=list)

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
            with noted() if self.workers else nullcontext(Note()) as note:
                stage.run(note)
            note.check()
        finally:
            self._account(stage)

    def worker(self) -> WorkerProcess | None:
        """An idle worker; a new one while fewer live than are wanted."""
        idle = [worker for worker in self._pool if worker.ready and worker.assignment is None]
        if idle:
            return idle[0]
        if len(self._pool) < self.workers:
            self._pool.append(WorkerProcess.start(self.run, len(self._pool)))
        return None

    def _account(self, stage: _Stage) -> None:
        """Book what a stage took, whether it was finished or not."""
        for worker in self._pool:
            stage.book_time(worker)
        timing = self.timing.setdefault(stage.tasks[0].stage, {"wall": 0.0, "workers": 0, "steps": {}})
        timing["wall"] += time.perf_counter() - stage.began
        timing["workers"] = max(timing["workers"], len(self._pool))
        add_seconds(timing["steps"], stage.steps)

    @property
    def pool(self) -> list[WorkerProcess]:
        return self._pool

    def discard(self, worker: WorkerProcess) -> None:
        worker.kill()
        self._pool.remove(worker)

    def close(self) -> None:
        """Kill the workers: whatever they have not committed did not happen."""
        for worker in list(self._pool):
            self.discard(worker)


class _Stage:
    """One stage in progress: what waits, what runs, what is done."""

    def __init__(self, supervisor: Supervisor, tasks: Sequence[Task]) -> None:
        self.supervisor = supervisor
        self.tasks = tasks
        by_size = sorted(tasks, key=lambda task: (-task.size, task.key))
        cores = max(supervisor.workers, 1) if len(tasks) == 1 else 1
        self.pending = deque(Assignment(task, Attempt(cores=cores)) for task in by_size)
        self.bytes_done = self.tasks_done = self.documents_done = self.lost = 0
        self.watched = 0.0
        self.began = time.perf_counter()
        self.steps: dict[str, list[float]] = {}

    def run(self, note: Note) -> None:
        if self.supervisor.workers == 0:
            self._run_inline()
            return
        while self.tasks_done < len(self.tasks):
            note.check()
            self._assign()
            self._listen()
            is_due = time.monotonic() - self.watched >= WATCH_SECONDS
            if is_due or self.tasks_done == len(self.tasks) or any(worker.hung_up for worker in self.supervisor.pool):
                self.watched = time.monotonic()
                self._watch()
                self._show()

    def _run_inline(self) -> None:
        inline = self.supervisor.inline = self.supervisor.inline or InlineWorker.start(self.supervisor.run)
        try:
            while self.pending:
                self._answered(inline, inline.do(self.pending.popleft()))
                self._show()
        except KeyboardInterrupt as interrupt:
            raise Interrupted(GOES_ON, number_of(interrupt)) from interrupt

    def _assign(self) -> None:
        while self.pending:
            worker = self.supervisor.worker()
            if worker is None:
                return
            self.book_time(worker)
            worker.assign(self.pending.popleft())

    def book_time(self, worker: WorkerProcess) -> None:
        """The time since a worker got its task or gave its answer: "waiting", or "unfinished" where it has a task that
        will not be answered. One that is not ready yet has its own "start"."""
        step = "waiting" if worker.assignment is None else "unfinished"
        if worker.ready:
            add_seconds(self.steps, {step: [time.perf_counter() - max(worker.since, self.began), 0.0]})

    def _listen(self) -> None:
        """Wait for answers a little, and deal with those that came."""
        with selectors.DefaultSelector() as selector:
            for worker in self.supervisor.pool:
                selector.register(worker.answers, selectors.EVENT_READ, worker)
            for key, _ in selector.select(WATCH_SECONDS):
                for answer in key.data.read():
                    self._heard(key.data, answer)

    def _heard(self, worker: WorkerProcess, answer: Mapping[str, Any]) -> None:
        if "ready" in answer:
            add_seconds(self.steps, {"start": worker.started_in(answer["ready"])})
        elif "said" in answer:
            is_first = worker.assignment is not None and worker.assignment.attempt.confirm is None
            if is_first:  # a document that is confirmed has said it before
                self.supervisor.show(Said(answer["step"], answer["said"]))
        else:
            self._answered(worker, answer)

    def _answered(self, worker: WorkerProcess | InlineWorker, answer: Mapping[str, Any]) -> None:
        assignment: Assignment = worker.assignment
        worker.assignment = None
        if "done" in answer:
            add_seconds(self.steps, answer["done"])
            self._finished(assignment, answer["documents"])
        elif "failed" in answer:
            raise getattr(errors, answer["failed"], CurateError)(*answer["arguments"])
        else:
            position = Position(**answer["position"])
            if position.is_idle:
                raise CurateError(f"internal error in {assignment}: {answer['message']} (traceback in {worker.log})")
            self._broke(assignment, position, answer["broke"], answer["message"])

    def _finished(self, assignment: Assignment, documents: int) -> None:
        if assignment.attempt.confirm is not None:
            self.pending.appendleft(replace(assignment, attempt=after_confirmation(assignment.attempt)))
            return
        self.tasks_done += 1
        self.bytes_done += assignment.task.size
        self.documents_done += documents

    def _watch(self) -> None:
        """Kill what hangs or grows; notice what died."""
        for worker in list(self.supervisor.pool):
            death = worker.death(self.supervisor.limits)
            if death is None:
                continue
            assignment: Assignment | None = worker.assignment
            position = worker.cursor.read()
            self.book_time(worker)
            self.supervisor.discard(worker)
            if assignment is None:
                self._worker_lost(death)
            elif is_done(self.supervisor.run, assignment.task.stage, assignment.task.key):
                self._finished(assignment, position.documents)  # it died between its commit and its answer
            elif position.is_idle:
                self._again(assignment, assignment.attempt, death.detail)
            else:
                self._broke(assignment, position, death.reason, death.detail)

    def _worker_lost(self, death: Death) -> None:
        """A worker that dies before it takes work: once or twice may be somebody's kill, always is a fault."""
        self.lost += 1
        if self.lost > MAX_DEATHS:
            words = self.supervisor.run / "work" / "workers"
            raise MachineError(f"workers die before they start ({death.detail}); their last words are in {words}")

    def _broke(self, assignment: Assignment, position: Position, reason: str, detail: str) -> None:
        """Documents were at work when a worker broke: look closer at many, confirm one, or go on without it."""
        attempt = after_break(assignment.attempt, position, reason, detail)
        if attempt.culprits > assignment.attempt.culprits:
            self._check_culprits(assignment, attempt, position)
        if attempt.found > assignment.attempt.found:
            self.pending.appendleft(replace(assignment, attempt=attempt))
        else:
            self._again(assignment, attempt, f"{reason} in {position.step}: {detail}")

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

    def _show(self) -> None:
        at_work = sum(worker.cursor.read().documents for worker in self.supervisor.pool if worker.assignment)
        self.supervisor.show(
            Progress(
                stage=self.tasks[0].stage,
                tasks_done=self.tasks_done,
                tasks=len(self.tasks),
                bytes_done=self.bytes_done,
                bytes=sum(task.size for task in self.tasks),
                documents=self.documents_done + at_work,
            )
        )
