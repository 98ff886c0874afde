"""Leases: which of the processes that share a run is at which task, so that no two do the same.

claimed by one alone ─▶ written again every few seconds ─▶ given back
                             └─ still as it was after a minute: its holder is gone, and whoever wants may claim it

A lease saves work, and nothing rests on it: two processes at one task would commit the same bytes twice. No clock but
one's own is asked: what tells a living holder is that what stands there changes.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from curate.engine.store import Stamp, Store
from curate.run_files import lease

HEARTBEAT = 10.0
"""Seconds between two signs of life."""
PATIENCE = 60.0
"""Seconds without one after which a task is anyone's."""


@dataclass(slots=True)
class Leases:
    """Those of one process. `patience` in seconds: several heartbeats of all others."""

    store: Store
    patience: float = PATIENCE
    heartbeat: float = HEARTBEAT
    _held: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    """By lease of another: what stood there, and since when it has not changed, by this process's clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, stage: str, keys: Iterable[str], most: int) -> list[str]:
        """As many of these tasks as nobody else is at, in their order; at most `most`."""
        taken: list[str] = []
        for key in keys:
            if len(taken) >= most:
                break
            if self._take(lease(stage, key)):
                taken.append(key)
        return taken

    def give_back(self, stage: str, keys: Iterable[str]) -> None:
        for key in keys:
            with self._lock:  # else a heartbeat that is under way would write it once more
                self._held.discard(lease(stage, key))
                self.store.remove(lease(stage, key))

    @contextmanager
    def alive(self) -> Iterator[None]:
        """As long as this lasts, others are told that the holder lives; at the end nothing is held."""
        is_over = threading.Event()
        beating = threading.Thread(target=self._beat, args=(is_over,), daemon=True)
        beating.start()
        try:
            yield
        finally:
            is_over.set()
            beating.join()
            for name in [*self._held]:
                self.store.remove(name)

    def _take(self, name: str) -> bool:
        if not self._is_free(name) or not self.store.claim(name, _sign_of_life(0)):
            return False
        with self._lock:
            self._held.add(name)
        return True

    def _is_free(self, name: str) -> bool:
        stamp, now = self.store.stamp(name), time.monotonic()
        if stamp is None:
            return True
        before, since = self._seen.get(name, (None, now))
        if before != stamp:
            self._seen[name] = (stamp, now)
            return False
        if now - since < self.patience:
            return False
        del self._seen[name]
        self.store.remove(name)  # where two see this at once, one of both claims what the other has removed: both work
        return True

    def _beat(self, is_over: threading.Event) -> None:
        for number in count(1):
            if is_over.wait(self.heartbeat):
                return
            # A disk that is full is told by the work itself; a sign of life that is missed costs at most work twice.
            with self._lock, contextlib.suppress(OSError):
                for name in self._held:
                    self.store.write(name, _sign_of_life(number))


def _sign_of_life(number: int) -> bytes:
    """Another each time, so that an object store, too, has another version of it."""
    return f"{platform.node()} {os.getpid()} {number}\n".encode()
