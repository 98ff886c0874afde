"""Worker processes of this machine: given work, listened to, watched over, and killed where a document hangs or grows.

    submitted ─▶ idle workers ─▶ answers
                    │ dies · over its time · over its memory
                    └─▶ killed ─▶ Broke, at the position that its cursor names

No pool of the standard library: one hangs and the other breaks when a worker dies.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.engine.choice import EngineChoice
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Engine, Refused, Said, Spent
from curate.engine.messages import answer_of, error_of
from curate.engine.process import Death, WorkerProcess
from curate.engine.speculation import SPECULATION
from curate.engine.store import Store
from curate.errors import MachineError, RunLocked, UsageError
from curate.recipe import Limits

WATCH_SECONDS = 1.0
"""How often limits and progress are looked at; answers are dealt with at once."""
MAX_LOST = 8
"""Workers that die before they take work, before the machine is blamed."""


def local_engine(store: Store, limits: Limits, choice: EngineChoice) -> Engine:
    """Of this machine alone; with 0 workers all is done in this process.

    Raises:
        UsageError: a cluster was named.
    """
    if choice.ray_address or choice.is_insecure:
        raise UsageError("--ray-address and --insecure-cluster are for --engine ray")
    count = available_cores() if choice.workers is None else choice.workers
    if not count:
        from curate.engine.inline import InlineEngine  # only here: it loads what tasks need

        return InlineEngine(store)
    return LocalEngine(store, count, limits, begun=choice.ahead if isinstance(choice.ahead, list) else [])


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class LocalEngine:
    """A set of worker processes that live from the first task to `close`."""

    store: Store
    workers: int
    limits: Limits
    place: str = ""
    """What the logs of its workers begin with, where several machines write into one folder."""
    wake: int | None = None
    """A file that ends a wait at once when it can be read: whoever owns the engine has something for it."""
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Processes for workers that were begun before there was a run (ahead.py): taken out one by one."""
    _pool: list[WorkerProcess] = field(default_factory=list)
    _pending: deque[Assignment] = field(default_factory=deque)
    _spent: list[Spent] = field(default_factory=list)
    _watched: float = 0.0
    _lost: int = 0

    def submit(self, assignment: Assignment) -> None:
        if not self._is_at_work():  # the time between two stages is nobody's
            for worker in self._pool:
                worker.since = max(worker.since, time.perf_counter())
        self._pending.append(assignment)
        self._assign()

    def ask(self, function: str) -> Any:
        """What a function says of the run, in a worker, which has loaded then what that needs; before any task.

        Raises:
            CurateError: the function does, or a worker cannot be had.
        """
        worker = self._started(len(self._pool))
        self._pool.append(worker)
        worker.tell({"ask": function})
        while not worker.hung_up:
            with selectors.DefaultSelector() as selector:
                selector.register(worker.answers, selectors.EVENT_READ)
                selector.select()
            for answer in worker.read():
                if "ready" in answer:  # whoever asks knows how long it has waited
                    self._spent.append(Spent("start", 0.0, answer["ready"]))
                elif "failed" in answer:
                    raise error_of(answer)
                elif "said_of_run" in answer:
                    return answer["said_of_run"]
        raise MachineError(f"a worker has died before it could say anything; its last words are in {worker.log}")

    def wait(self) -> Sequence[Answer]:
        answers: list[Answer] = []
        if self._is_at_work():
            self._assign()
            answers += self._listen()
            is_due = time.monotonic() - self._watched >= WATCH_SECONDS
            # A death is dealt with at once, too.
            if is_due or not self._is_at_work() or any(worker.hung_up for worker in self._pool):
                self._watched = time.monotonic()
                answers += [*self._watch(), AtWork(self._documents_at_work())]
        if not self._is_at_work():  # the stage ends with this answer: its waiting is booked now, not with the next one
            for worker in self._pool:
                self._book_time(worker)
        answers += self._spent  # last, so that whoever hears of the last task's end hears of the waiting after it, too
        self._spent = []
        return answers

    def doubtful(self) -> Mapping[str, float]:
        now, at_work = time.perf_counter(), [worker for worker in self._pool if worker.assignment]
        if len(at_work) + len(self._pending) >= self.workers:
            return {}
        times = Counter(worker.fence for worker in at_work)
        return {worker.fence: now - worker.assigned[0] for worker in at_work if times[worker.fence] == 1}

    def withdraw(self, fence: str) -> None:
        self._pending = deque(assignment for assignment in self._pending if assignment.fence != fence)
        for number, worker in enumerate(self._pool):
            if worker.assignment is not None and worker.fence == fence:
                self._spent.append(Spent(SPECULATION, *worker.spent_on_task()))
                worker.kill()
                self._pool[number] = self._started(number)  # at once: the next task need not wait for it

    def close(self) -> None:
        self._pending.clear()
        for worker in list(self._pool):  # a copy, as each is taken out of the pool
            self._discard(worker)

    def _is_at_work(self) -> bool:
        return bool(self._pending) or any(worker.assignment for worker in self._pool)

    def _documents_at_work(self) -> int:
        at_work = [worker for worker in self._pool if worker.assignment]
        # Of two that are at the same the one that is further.
        documents = sorted((worker.fence, worker.cursor.read().documents) for worker in at_work)
        return sum(dict(documents).values())

    def _assign(self) -> None:
        """Give work to whoever is idle; start workers as long as some is left."""
        while self._pending:
            idle = [worker for worker in self._pool if worker.ready and worker.assignment is None]
            if not idle:
                starting = sum(not worker.ready for worker in self._pool)
                # No more that start than there are tasks for.
                if len(self._pool) < self.workers and starting < len(self._pending):
                    self._pool.append(self._started(len(self._pool)))
                    continue
                return
            chosen = max(idle, key=lambda worker: worker.heard)  # who waits for longer may be loading something
            self._book_time(chosen)
            chosen.assign(self._pending.popleft(), self.workers)

    def _started(self, number: int) -> WorkerProcess:
        while self.begun:
            if (begun := self.begun.pop()).poll() is None:
                return WorkerProcess.start(self.store, f"{self.place}{number}", begun)
            with begun:  # it has died meanwhile
                pass
        return WorkerProcess.start(self.store, f"{self.place}{number}")

    def _book_time(self, worker: WorkerProcess) -> None:
        """The time since a worker got its task or gave its answer: "waiting", or "unfinished" where it has a task that
        will not be answered. One that is not ready yet has its own "start"."""
        now = time.perf_counter()
        if worker.ready:
            self._spent.append(Spent("unfinished" if worker.assignment else "waiting", now - worker.since))
        worker.since = now

    def _listen(self) -> Iterator[Answer]:
        """Wait for answers a little, and take those that came."""
        with selectors.DefaultSelector() as selector:
            for worker in self._pool:
                selector.register(worker.answers, selectors.EVENT_READ, worker)
            if self.wake is not None:
                selector.register(self.wake, selectors.EVENT_READ)
            for worker in (key.data for key, _ in selector.select(WATCH_SECONDS) if key.data):
                for answer in worker.read():
                    yield from self._heard(worker, answer)

    def _heard(self, worker: WorkerProcess, answer: Mapping[str, Any]) -> Iterator[Answer]:
        if "ready" in answer:
            yield Spent("start", *worker.started_in(answer["ready"]))
        elif "said" in answer:
            if worker.assignment is not None and worker.assignment.attempt.confirm is None:
                yield Said(answer["step"], answer["said"])  # a document that is confirmed has said it before
        elif worker.assignment is not None:
            assignment, worker.assignment = worker.assignment, None  # before the answer: it may bring the next task
            answered = answer_of(assignment, answer, worker.log)
            if isinstance(answered, Refused) and isinstance(answered.error, RunLocked):
                yield Spent(SPECULATION, *worker.spent_on_task())  # somebody else has done it
            yield answered

    def _watch(self) -> Iterator[Answer]:
        """Kill what hangs or grows; notice what died."""
        for worker in list(self._pool):
            death = worker.death(self.limits)
            if death is None:
                continue
            # Read before the kill, which waits: a worker that dies slowly goes on writing to it.
            assignment, position = worker.assignment, worker.cursor.read()
            self._discard(worker)
            if assignment is None:
                self._worker_lost(death)
            else:
                yield Broke(assignment, position, death.reason, death.detail)

    def _discard(self, worker: WorkerProcess) -> None:
        self._book_time(worker)
        worker.kill()
        self._pool.remove(worker)

    def _worker_lost(self, death: Death) -> None:
        """A worker that dies before it takes work: once or twice may be somebody's kill, always is a fault."""
        self._lost += 1
        if self._lost > MAX_LOST:
            words = self.store.scratch / "workers"
            raise MachineError(f"workers die before they start ({death.detail}); their last words are in {words}")
