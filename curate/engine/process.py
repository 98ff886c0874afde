"""One worker process as its supervisor sees it: started, given work, listened to, watched, killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

import psutil

from curate.engine.cursor import Cursor
from curate.engine.engine import Assignment
from curate.engine.messages import command_for
from curate.engine.store import Store
from curate.engine.task import READ, Position
from curate.recipe import Limits

WALL_FACTOR = 5
WALL_GRACE = 30.0
"""Wall time is only the last backstop, at five times the limit and these seconds: a busy machine must not change the
result."""
SHARE_OF_BATCHED_DOCUMENT = 0.01
"""Of a document's limit, what each document of a batch adds to the limit of a step's work on all of them."""
LONG_DOCUMENT = 10 << 20
"""Bytes that a document's limit is meant for; a longer one gets time in proportion."""
ASLEEP_CPU = 0.02
"""CPU seconds between two looks below which a process that the system calls sleeping does nothing."""
MAX_LOOK = 2.0
"""Seconds that one look at a sleeping process may count: a machine that stood still was not the document's fault."""

NOWHERE = Position()

SINGLE_THREADED = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "FASTOKENS_BPE_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
}
"""One process, one core: so workers do not fight, the account of CPU time is true, and sets have one order."""
FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""glibc keeps freed arrays for the next batch, which wants the same ones: giving them back to the system and faulting
them in again was a thirtieth of a run's CPU time. Other allocators do not read this."""


@dataclass(frozen=True, slots=True)
class Death:
    """Why a worker must go: "crash" (it is gone), "memory" or "timeout", and what was seen."""

    reason: str
    detail: str


def begin_process(errors: IO[bytes] | int, *loads: str) -> subprocess.Popen[bytes]:
    """A process for a worker, which loads what these functions do until it hears of a run; what it says before that
    goes to `errors`."""
    return subprocess.Popen(
        [sys.executable, "-m", "curate.engine.worker", str(os.getpid()), *loads],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=FREED_MEMORY | os.environ | SINGLE_THREADED,
        start_new_session=False,
    )


@dataclass(slots=True)
class WorkerProcess:
    process: subprocess.Popen[bytes]
    cursor: Cursor
    log: Path
    began: float
    _watched: psutil.Process
    ready: bool = False
    assignment: Assignment | None = None
    since: float = 0.0
    """When it became ready, got its task, or gave its last answer."""
    assigned: tuple[float, float] = (0.0, 0.0)
    """When it got its task, and the CPU seconds that it had taken until then."""
    heard: float = 0.0
    """When it last said something."""
    hung_up: bool = False
    """Its pipe is closed: it is dead, or will be in a moment."""
    _unread: bytes = b""
    _seen: Position = NOWHERE
    _seen_at: float = field(default_factory=time.monotonic)
    _looked_at: float = field(default_factory=time.monotonic)
    _cpu: float = 0.0
    _asleep: float = 0.0
    """Seconds for which the process has slept over the same work."""

    @classmethod
    def start(cls, store: Store, name: str, begun: subprocess.Popen[bytes] | None = None) -> WorkerProcess:
        """A worker for a run: a new process, or one that was begun before."""
        folder = store.scratch / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        # A cursor of its own for each: one that is being killed may still write to the one before.
        cursor = folder / f"{os.getpid()}.{time.monotonic_ns()}.cursor"
        log = folder / f"{name}.log"
        shared = Cursor.shared(cursor)
        if begun is None:
            with log.open("ab") as errors:
                begun = begin_process(errors)
        # One loop listens to all: a worker that has written half a line must not hold it up.
        os.set_blocking(begun.stdout.fileno(), False)  # type: ignore[union-attr]
        worker = cls(begun, shared, log, time.perf_counter(), psutil.Process(begun.pid))
        worker.tell({"store": store.address, "cursor": str(cursor), "log": str(log)})
        return worker

    @property
    def fence(self) -> str:
        """Of what it is at."""
        return self.assignment.fence if self.assignment else ""

    @property
    def answers(self) -> BinaryIO:
        assert self.process.stdout is not None
        return self.process.stdout  # type: ignore[return-value]

    def assign(self, assignment: Assignment, cores: int) -> None:
        """Send a task. `cores`: as `command_for` has them."""
        self.assignment = assignment
        self.since = time.perf_counter()
        self.assigned = self.since, self._cpu_seconds()
        self._seen, self._seen_at = NOWHERE, time.monotonic()
        self.cursor.reset()  # before the task is sent: the place of the task before must not be blamed on this one
        self.tell(command_for(assignment, cores))

    def tell(self, message: Mapping[str, Any]) -> None:
        """One that died meanwhile, too: that is found by the next look."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def read(self) -> Iterator[Mapping[str, Any]]:
        """The answers that have arrived whole."""
        chunk = self.answers.read(1 << 16)
        self.hung_up = chunk == b""  # None is a pipe that has nothing yet, and no bytes one that is closed
        # What stands behind the last line end is a line that has not come whole.
        *lines, self._unread = (self._unread + (chunk or b"")).split(b"\n")
        for line in lines:
            if (answer := _answer_in(line)) is None:
                continue
            self.ready = self.ready or "ready" in answer
            self.since = self.heard = time.perf_counter()
            yield answer

    def started_in(self, cpu: float) -> list[float]:
        """Wall and CPU seconds until its first answer: the former since it was started for the run, the latter all that
        the process has taken, also where it was begun before."""
        return [time.perf_counter() - self.began, cpu]

    def spent_on_task(self) -> tuple[float, float]:
        """Wall and CPU seconds since it got its task."""
        began, cpu = self.assigned
        return time.perf_counter() - began, max(self._cpu_seconds() - cpu, 0.0)

    def _cpu_seconds(self) -> float:
        """0 of one that is gone."""
        try:
            times = self._watched.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def death(self, limits: Limits) -> Death | None:
        """Why this worker must go; None: it may work on."""
        if self.process.poll() is not None:
            return Death("crash", _told(self.process.returncode))
        if self.assignment is None:
            return None
        try:
            with self._watched.oneshot():
                times, memory = self._watched.cpu_times(), self._watched.memory_info().rss
                is_asleep = self._watched.status() == psutil.STATUS_SLEEPING
        except psutil.NoSuchProcess:
            return Death("crash", "it is gone")
        # Looked at before the time: what outgrows its memory is swapped, and would be called slow.
        if memory > limits.worker_memory:
            return Death("memory", f"{memory >> 20:,} MB, at most {limits.worker_memory >> 20:,} are allowed")
        return self._lateness(times.user + times.system, is_asleep, limits)

    def _lateness(self, cpu: float, is_asleep: bool, limits: Limits) -> Death | None:
        """Whether the work that the cursor names has taken too long: computing, asleep, or at all."""
        position, now = self.cursor.read(), time.monotonic()
        # Each document has the CPU time of its start in its position: equal ones are the same work.
        if position != self._seen:
            self._seen, self._seen_at, self._asleep = position, now, 0.0
        elif is_asleep and cpu - self._cpu < ASLEEP_CPU:
            self._asleep += min(now - self._looked_at, MAX_LOOK)
        self._cpu, self._looked_at = cpu, now  # also while idle: the next document must not pay for the time before it
        if not position.has_limit:
            return None
        limit = limit_of(position, limits.document_seconds)
        if cpu - position.started > limit:
            return Death("timeout", f"over {limit:.3g} s of CPU time in {position.step}")
        if self._asleep > limit and position.step != READ:  # a reader may wait for the network
            return Death("timeout", f"asleep for over {limit:.3g} s in {position.step}")
        if now - self._seen_at > WALL_FACTOR * limit + WALL_GRACE:
            return Death("timeout", f"over {WALL_FACTOR * limit + WALL_GRACE:.3g} s in {position.step}")
        return None

    def kill(self) -> None:
        """The process, and the programs that a user's function has started and waits for."""
        started = []
        with contextlib.suppress(psutil.Error):
            # Before the kill: those of a dead process are somebody else's.
            started = self._watched.children(recursive=True)
        self.process.kill()
        for child in started:
            with contextlib.suppress(psutil.Error):
                child.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _answer_in(line: bytes) -> Mapping[str, Any] | None:
    """None for what something printed before the worker took its pipe for itself, as site hooks do."""
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def limit_of(position: Position, document_seconds: float) -> float:
    """Seconds that one step may take over the documents at work."""
    count = position.last - position.first + 1
    # A document that is alone has its limit and no more; in company each adds a little, as no one of them is slow.
    batched = SHARE_OF_BATCHED_DOCUMENT * count if count > 1 else 0.0
    return document_seconds * (max(1.0, position.size / LONG_DOCUMENT) + batched)


def _told(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"exit code {code}"  # a negative one is the signal that ended the process
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
