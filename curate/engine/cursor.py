"""Where a worker is: a few numbers in a memory-mapped file that its supervisor reads while it works.

worker ── at(index, step) ──▶ [first, last, piece, CPU seconds at start, documents done, bytes, step]
                                              ◀── the supervisor looks every second
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from curate.engine.task import NOBODY, Position

STEP_BYTES = 120
LAYOUT = struct.Struct(f"<qqqdqq{STEP_BYTES}s")
NOWHERE = LAYOUT.pack(NOBODY, NOBODY, NOBODY, 0.0, 0, 0, b"")


class Cursor:
    """A position in some memory. `shared` is the worker's side of it and, opened with the same path, the supervisor's;
    `private` is for one process."""

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        self._memory = memory
        self._documents = 0
        self._last = NOBODY

    @classmethod
    def shared(cls, path: Path) -> Cursor:
        if not path.exists():
            path.write_bytes(NOWHERE)
        with path.open("r+b") as file:
            return cls(mmap.mmap(file.fileno(), LAYOUT.size))

    @classmethod
    def private(cls) -> Cursor:
        return cls(bytearray(NOWHERE))

    def at(self, first: int, last: int | None = None, *, step: str, size: int = 0, piece: int = NOBODY) -> None:
        """Before a step's work on one document, or on a batch of several, of `size` bytes."""
        if first > self._documents:  # steps go back to the start of each batch; what is shown as done does not
            self._documents = first
        self._last = first if last is None else last
        self._put(first, self._last, piece, size, _padded(step))

    def pulse(self) -> None:
        """The work goes on, and its time begins anew: a reader has come through another stretch of its file."""
        # The time alone: documents and step stay, so that for the supervisor it is other work of the same document.
        self._memory[TIME_AT : TIME_AT + 8] = struct.pack("<d", time.process_time())

    @contextmanager
    def without_limit(self) -> Iterator[None]:
        """What is done here takes its time, and is no document's fault; should the process die of it, its work is still
        known."""
        self._memory[TIME_AT : TIME_AT + 8] = struct.pack("<d", math.inf)
        try:
            yield
        finally:
            self.pulse()

    def idle(self) -> None:
        """Work that belongs to no document: no limit applies."""
        self._documents = max(self._documents, self._last + 1)
        self._put(*IDLE)

    def reset(self) -> None:
        """Before the next split."""
        self._documents, self._last = 0, NOBODY
        self._put(*IDLE)

    def read(self) -> Position:
        first, last, piece, started, documents, size, step = LAYOUT.unpack(self._memory[:])
        return Position(first, last, step.rstrip(b"\0").decode(errors="ignore"), piece, started, documents, size)

    def _put(self, first: int, last: int, piece: int, size: int, step: bytes) -> None:
        # Twice a record, so the numbers are packed as they are; and copied in one piece, as the other side looks on.
        self._memory[:] = LAYOUT.pack(first, last, piece, time.process_time(), self._documents, size, step)


TIME_AT = struct.calcsize("<qqq")
"""Where `started` stands."""
IDLE = (NOBODY, NOBODY, NOBODY, 0, b"")


@cache
def _padded(step: str) -> bytes:
    return step.encode()[:STEP_BYTES].ljust(STEP_BYTES, b"\0")
