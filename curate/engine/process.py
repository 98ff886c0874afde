"""One worker process as its supervisor sees it: started, given work, listened to, watched, killed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from curate.engine.cursor import IDLE, Cursor, Position
from curate.recipe import Limits

WALL_FACTOR = 5
"""Wall time is only the backstop for a document that sleeps: a busy machine must not change the result."""
BATCH_FACTOR = 10
SECONDS_PER_BATCHED_DOCUMENT = 0.1
LONG_DOCUMENT = 10 << 20
"""Bytes that a document's limit is meant for; a longer one gets time in proportion."""

NOWHERE = Position(IDLE, IDLE, 0.0, 0, 0)

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


def command_for(assignment: Any) -> dict[str, Any]:
    """What a worker is told: the task's function and key, and how to go through the split."""
    task, attempt = assignment.task, assignment.attempt
    return {
        "function": task.function,
        "key": task.key,
        "skip": attempt.skip,
        "cores": attempt.cores,
        "only": attempt.only,
        "careful": attempt.careful,
    }


@dataclass(slots=True)
class WorkerProcess:
    process: subprocess.Popen[bytes]
    cursor: Cursor
    log: Path
    began: float
    _watched: psutil.Process
    ready: bool = False
    assignment: Any = None
    since: float = 0.0
    """When it became ready, got its task, or gave its last answer."""
    hung_up: bool = False
    """Its pipe is closed: it is dead, or will be in a moment."""
    _unread: bytes = b""
    _seen: Position = NOWHERE
    _seen_at: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, run: Path, number: int) -> WorkerProcess:
        folder = run / "work" / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        cursor = folder / f"{os.getpid()}.{time.monotonic_ns()}.cursor"
        log = folder / f"{number}.log"
        command = [sys.executable, "-m", "curate.engine.worker", str(run), str(cursor), str(os.getpid())]
        shared = Cursor(cursor)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | SINGLE_THREADED,
                start_new_session=False,
            )
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        return cls(process, shared, log, time.perf_counter(), psutil.Process(process.pid))

    @property
    def answers(self) -> BinaryIO:
        assert self.process.stdout is not None
        return self.process.stdout  # type: ignore[return-value]

    def assign(self, assignment: Any) -> None:
        """Send a task; a worker that died meanwhile is found by the next look."""
        self.assignment = assignment
        self.since = time.perf_counter()
        self._seen, self._seen_at = NOWHERE, time.monotonic()
        self.cursor.reset()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(command_for(assignment)).encode() + b"\n")
            self.process.stdin.flush()

    def read(self) -> Iterator[Mapping[str, Any]]:
        """The answers that have arrived whole."""
        chunk = self.answers.read(1 << 16)
        self.hung_up = chunk == b""
        *lines, self._unread = (self._unread + (chunk or b"")).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self.ready = self.ready or "ready" in answer
            self.since = time.perf_counter()
            yield answer

    def started_in(self, cpu: float) -> list[float]:
        """Wall and CPU seconds from the start of the process to its first answer."""
        return [time.perf_counter() - self.began, cpu]

    def verdict(self, limits: Limits) -> str | None:
        """Why this worker must go: "crash" (it is gone), "memory", "timeout"; None: it may work on."""
        if self.process.poll() is not None:
            return "crash"
        if self.assignment is None:
            return None
        try:
            with self._watched.oneshot():
                times, memory = self._watched.cpu_times(), self._watched.memory_info().rss
        except psutil.NoSuchProcess:
            return "crash"
        if memory > limits.worker_memory:
            return "memory"
        return "timeout" if self._is_late(times.user + times.system, limits) else None

    def _is_late(self, cpu: float, limits: Limits) -> bool:
        position = self.cursor.read()
        if position != self._seen:
            self._seen, self._seen_at = position, time.monotonic()
        if position.first == IDLE:
            return False
        count = position.last - position.first + 1
        batch = 0.0 if count == 1 else BATCH_FACTOR * limits.document_seconds + SECONDS_PER_BATCHED_DOCUMENT * count
        limit = limits.document_seconds * max(1.0, position.size / LONG_DOCUMENT) + batch
        wall = time.monotonic() - self._seen_at
        return cpu - position.started > limit or wall > WALL_FACTOR * limit + 30

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
