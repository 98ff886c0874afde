"""What a worker does while nobody has work for it: it loads, piece by piece, what later tasks of its run need.

no task for a moment ─▶ a piece ─▶ still no task ─▶ the next piece … ─▶ nothing is left, and it only waits
"""

from __future__ import annotations

import io
import selectors
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curate.engine.store import Store

LULL_SECONDS = 0.05
"""A supervisor that has work gives it within a few milliseconds; who has waited longer will wait for longer still."""

Pieces = Callable[[Store], Iterator[None]]
"""What loads for a run: each step of it a piece, after which a task that has come meanwhile goes first."""


@dataclass(slots=True)
class Idle:
    """Of one worker. `cpu`: seconds that it took to load and that no task's account has yet."""

    pieces: Iterator[None]
    cpu: float = 0.0

    def until_told(self, tasks: io.FileIO) -> None:
        """Returns when there is something to read, or nothing left to load."""
        with selectors.DefaultSelector() as selector:
            selector.register(tasks, selectors.EVENT_READ)
            while not selector.select(LULL_SECONDS) and self._load():
                pass

    def _load(self) -> bool:
        before = time.process_time()
        try:
            next(self.pieces)
        except Exception:  # the last was loaded; or one cannot be, and the task that needs it will say why
            return False
        finally:
            self.cpu += time.process_time() - before
        return True

    def taken(self) -> float:
        """`cpu`, once: for the account of the next task."""
        cpu, self.cpu = self.cpu, 0.0
        return cpu
