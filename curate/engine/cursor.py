"""Where a worker is: a few numbers in a memory-mapped file that its supervisor reads while it works.

worker ── at(index) ──▶ [first, last, CPU seconds at start, documents done, bytes] ◀── supervisor looks every second
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import NamedTuple

LAYOUT = struct.Struct("<qqdqq")
IDLE = -1


class Position(NamedTuple):
    """Documents first…last of the split are at work since `started` seconds of CPU time; (-1, -1) means none is."""

    first: int
    last: int
    started: float
    documents: int
    size: int
    """Bytes of the documents at work: long ones may take longer."""


class Cursor:
    """The worker's side and, opened with the same path, the supervisor's."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(LAYOUT.pack(IDLE, IDLE, 0.0, 0, 0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), LAYOUT.size)

    def at(self, first: int, last: int | None = None, *, size: int = 0) -> None:
        """Before work on one document, or on a batch of several, of `size` bytes."""
        documents = max(self.read().documents, first)
        self._memory[:] = LAYOUT.pack(first, first if last is None else last, time.process_time(), documents, size)

    def idle(self) -> None:
        """Work that belongs to no document: no limit applies."""
        before = self.read()
        documents = max(before.documents, before.last + 1)
        self._memory[:] = LAYOUT.pack(IDLE, IDLE, time.process_time(), documents, 0)

    def reset(self) -> None:
        """Before the next split."""
        self._memory[:] = LAYOUT.pack(IDLE, IDLE, time.process_time(), 0, 0)

    def read(self) -> Position:
        return Position(*LAYOUT.unpack(self._memory[:]))
