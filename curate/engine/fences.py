"""Fences: of several attempts at a task one commits, and once it is given to others none of them does.

a fence, claimed by one alone ─┬─ by a worker, before its files get their names ─▶ committed
  (a copy has that of its      └─ by the supervisor, before the task is given to others, or gone through in another
   original)                      way ─▶ who has that fence commits nothing now

Two attempts may quarantine different documents, and so write different bytes: files of one under the record of the
other would be damage. A machine that is cut off and comes back an hour later finds its session gone, and leaves.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from curate.engine.records import read_one
from curate.engine.store import Store
from curate.errors import RunLocked
from curate.run_files import FENCES

OPEN = "open"
TOO_LATE = "this attempt came too late: its task was given to another worker"
DONE_ALREADY = "this attempt came too late: another worker has done its task"


@dataclass(slots=True)
class Fences:
    """Those of one supervisor, from `open` to `close`: only attempts of its session may commit."""

    store: Store
    is_shared: bool = False
    """Whether other processes work on the run, whose sessions are to stay."""
    session: str = ""
    _numbers: Iterator[int] = field(default_factory=count)

    def open(self) -> None:
        """From now on attempts of an earlier session are fenced off; nothing happens where it is open already."""
        if self.session:
            return
        self._remove()
        self.session = f"{FENCES}/{uuid.uuid4().hex}"
        self.store.write(f"{self.session}/{OPEN}", b"\n")

    def next(self) -> str:
        """The name that one attempt's commit must claim."""
        return f"{self.session}/{next(self._numbers)}"

    def revoke(self, fence: str) -> bool:
        """Whether the attempt can commit nothing any more. False: it is about to, or its worker died over it."""
        return self.store.claim(fence, b"revoked\n")

    @property
    def is_open(self) -> bool:
        """Nobody else has begun to work on the run."""
        return bool(self.session) and self.store.stamp(f"{self.session}/{OPEN}") is not None

    def close(self) -> None:
        if self.session:
            self._remove()
        self.session = ""

    def _remove(self) -> None:
        # One that is cut off may write into the folder while it goes, and is refused after that.
        with contextlib.suppress(OSError):
            if not self.is_shared:
                self.store.remove(FENCES)
            elif self.session:
                self.store.remove(self.session)


def check_open(store: Store, fence: str) -> None:
    """
    Raises:
        RunLocked: the session of an attempt is over. Of one without a fence there is none.
    """
    if fence and store.stamp(f"{fence.rpartition('/')[0]}/{OPEN}") is None:
        raise RunLocked(TOO_LATE)


@contextlib.contextmanager
def commits(store: Store, fence: str, stage: str, key: str) -> Iterator[None]:
    """While an attempt at a task commits. An empty fence: nobody else can be at it.

    Raises:
        RunLocked: the task was given to others or is done by one of them, or its run goes on without it.
    """
    if not fence:
        yield
        return
    check_open(store, fence)
    if not store.claim(fence, b"commits\n"):
        raise RunLocked(TOO_LATE)
    try:
        if read_one(store, stage, key) is not None:
            raise RunLocked(DONE_ALREADY)
        yield
    finally:
        with contextlib.suppress(OSError):  # the session is gone, and the folder with it
            store.remove(fence)
