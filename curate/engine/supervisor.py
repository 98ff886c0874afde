"""Brings the tasks of a stage to an engine, and finds the document that breaks one.

pending tasks ─▶ engine ─▶ done
      ▲             │ broke at document i
      │             ▼
      │      document i alone ── passes: it was somebody else's kill ──▶ once more
      └───── breaks again: i is quarantined, the rest of the split is done without it

Where nothing is pending and a worker is free, a task that takes far longer than its peers is begun by another, too; the
first to commit has done it (speculation.py, fences.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from curate.engine.clock import add_seconds
from curate.engine.culprit import after_break, after_confirmation
from curate.engine.engine import (
    LOST,
    Answer,
    Assignment,
    AtWork,
    Broke,
    Engine,
    Finished,
    Refused,
    Said,
    Spent,
    StoppingEngine,
)
from curate.engine.faulty_steps import check_culprits
from curate.engine.fences import Fences
from curate.engine.progress import Progress, Show
from curate.engine.records import read_one
from curate.engine.sampler import add_samples
from curate.engine.speculation import SPECULATION, Overdue, Peers, can_be_copied
from curate.engine.store import Store
from curate.engine.task import ALL_CORES, Attempt, Position, Task
from curate.errors import MachineError, RunLocked
from curate.interrupts import Note, noted
from curate.recipe import Limits

MAX_DEATHS = 8
"""Of workers over one task, before the machine is blamed; each culprit that is found may cost some more."""
SETTLE_SECONDS = 20.0
"""For a commit that was under way when its attempt was given up."""


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
    is_shared: bool = False
    """Whether other processes work on the run, too."""
    rule: Overdue = field(default_factory=Overdue)
    """When a task is begun by another worker, too."""
    fences: Fences = field(init=False)

    def __post_init__(self) -> None:
        self.fences = Fences(self.store, self.is_shared)

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
            if isinstance(self.engine, StoppingEngine):
                self.fences.open()
            with noted() if self.engine.workers else nullcontext(Note()) as note:
                stage.run(note)
            note.check()
        except BaseException:
            self.close()
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
        self.fences.close()  # first: what commits after this moment is refused
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
        self.attempts: dict[str, tuple[Assignment, int]] = {}
        """By their names those at work, and how many workers are at each."""
        self.settling: dict[str, tuple[Broke, float]] = {}
        """Those given up whose worker may be committing, and until when."""
        self.peers = Peers(supervisor.rule)
        self.bytes = sum(task.size for task in tasks)
        self.bytes_done = self.tasks_done = self.documents_done = 0
        self.began = time.perf_counter()
        self.steps: dict[str, list[float]] = {}

    def run(self, note: Note) -> None:
        while self.tasks_done < len(self.tasks):
            note.check()
            # No more than the engine can be at: what is to be tried next must not wait behind others.
            while self.pending and self.at_work < max(self.engine.workers, 1):
                self._submit(self.pending.popleft())
            self.most_at_once = max(self.most_at_once, self.at_work)
            for answer in self.engine.wait():
                self._hear(answer)
            self._settle()

    def hear_last(self) -> None:
        """What the engine has still to say of its time once nothing is at work any more."""
        for answer in self.engine.wait():
            if isinstance(answer, Spent):
                self._hear(answer)

    def _submit(self, assignment: Assignment) -> None:
        fence = self.supervisor.fences.next() if isinstance(self.engine, StoppingEngine) else ""
        assignment = replace(assignment, fence=fence, is_copy=False)
        self.attempts[assignment.name] = assignment, 1
        self.at_work += 1
        self.engine.submit(assignment)

    def _copy_overdue(self, engine: StoppingEngine) -> None:
        """Free workers begin what takes too long at others."""
        seconds = engine.doubtful()
        known = {fence: self.attempts[fence][0] for fence in seconds if fence in self.attempts}
        at_work = {fence: (one.task, seconds[fence]) for fence, one in known.items() if can_be_copied(one.attempt)}
        for fence, expected in self.peers.overdue(at_work).items():
            if self.at_work >= engine.workers or fence not in engine.doubtful():
                continue
            told = f"{known[fence]} has taken {seconds[fence]:.0f} s, and its peers {expected:.1f} s"
            self.supervisor.show(Said(SPECULATION, f"{told}: another worker begins it, too"))
            self.attempts[fence] = known[fence], 2
            self.at_work += 1
            engine.submit(replace(known[fence], is_copy=True))

    def _hear(self, answer: Answer) -> None:
        match answer:
            case Finished() | Broke() | Refused():
                self._hear_end(answer)
            case Said():
                self.supervisor.show(answer)
            case Spent():
                add_seconds(self.steps, {answer.step: [answer.wall, answer.cpu]})
                self._add_samples({f"({answer.step})": round(answer.cpu * 1e6)})
            case AtWork():
                self._show(answer.documents)
                if not self.pending and isinstance(self.engine, StoppingEngine):
                    self._copy_overdue(self.engine)

    def _hear_end(self, answer: Finished | Broke | Refused) -> None:
        """Of an attempt, which may have a copy, or be one."""
        fence = answer.assignment.name
        if fence not in self.attempts:  # the other one was heard before, in the same moment
            if isinstance(answer, Finished):
                wall, cpu = (sum(column) for column in zip(*answer.seconds.values(), strict=True))
                add_seconds(self.steps, {SPECULATION: [wall, cpu]})
            return
        assignment, workers = self.attempts.pop(fence)
        self.at_work -= 1
        if isinstance(answer, Refused):
            answer = self._as_late(answer)
        if workers > 1 and isinstance(answer, Broke) and answer.position.is_idle:
            self.attempts[fence] = assignment, workers - 1  # it says nothing of the task, which the other goes on with
            return
        if workers > 1 and isinstance(self.engine, StoppingEngine):  # no other has copies
            self.at_work -= workers - 1
            self.engine.withdraw(fence)
        if isinstance(answer, Finished):
            self._passed(answer)
        elif workers > 1 or answer.reason == LOST:
            self.settling[fence] = answer, time.monotonic() + SETTLE_SECONDS
        else:
            self._broken(answer)

    def _as_late(self, refused: Refused) -> Broke:
        """Another one at its task commits, or has; whatever else it says ends the run."""
        if not isinstance(refused.error, RunLocked) or not self.supervisor.fences.is_open:
            raise refused.error
        return Broke(refused.assignment, Position(), LOST, str(refused.error))

    def _settle(self) -> None:
        """A commit that was under way ends in a moment, or never will; then it is seen whether there is a record."""
        for fence, (broke, until) in [*self.settling.items()]:
            if self.supervisor.fences.revoke(fence) or time.monotonic() > until:
                del self.settling[fence]
                self._broken(broke)
        if self.settling and not self.at_work:
            time.sleep(0.1)  # nobody else waits then

    def _add_samples(self, samples: Mapping[str, int]) -> None:
        if self.supervisor.is_profiled:
            add_samples(self.supervisor.samples.setdefault(self.tasks[0].stage, {}), samples)

    def _passed(self, finished: Finished) -> None:
        assignment = finished.assignment
        add_seconds(self.steps, finished.seconds)
        self._add_samples(finished.samples)
        if assignment.attempt.confirm is not None:
            # In front, here and below: a split that is being looked into must not wait until all others are done.
            self.pending.appendleft(replace(assignment, attempt=after_confirmation(assignment.attempt)))
            return
        if can_be_copied(assignment.attempt):
            self.peers.add(assignment.task, sum(wall for wall, _ in finished.seconds.values()))
        self._done(assignment.task, finished.documents)

    def _done(self, task: Task, documents: int) -> None:
        self.tasks_done += 1
        self.bytes_done += task.size
        self.documents_done += documents

    def _broken(self, broke: Broke) -> None:
        task, position = broke.assignment.task, broke.position
        if read_one(self.supervisor.store, task.stage, task.key) is not None:
            self._done(task, position.documents)  # it died between its commit and its answer
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
            limits, own = self.supervisor.limits, self.supervisor.own_steps
            check_culprits(assignment, attempt, position, own, limits.max_errors)
        if attempt.found > assignment.attempt.found:
            self.pending.appendleft(replace(assignment, attempt=attempt))
        else:
            self._again(assignment, attempt, f"{broke.reason} in {position.step}: {broke.detail}")

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
