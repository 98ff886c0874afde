"""Fences: of an attempt at a task either its worker may commit, or its engine may give it to another, and never both.

an attempt's name, claimed by one alone ─┬─ by its worker, before its files get their names ─▶ committed
                                         └─ by its engine, as nobody hears of the worker   ─▶ it commits nothing now

Two attempts may quarantine different documents, and so write different bytes: files of one under the record of the
other would be damage. A machine that is cut off and comes back an hour later finds its session gone, and leaves.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from curate.engine.store import Store
from curate.errors import RunLocked
from curate.run_files import FENCES

OPEN = "open"
TOO_LATE = "this attempt came too late: its task was given to another worker"


@dataclass(slots=True)
class Fences:
    """Those of one engine, from `open` to `close`: only attempts of its session may commit."""

    store: Store
    session: str = ""
    _numbers: Iterator[int] = field(default_factory=count)

    def open(self) -> None:
        """From now on attempts of any earlier session are fenced off."""
        self.close()
        self.session = f"{FENCES}/{uuid.uuid4().hex}"
        self.store.write(f"{self.session}/{OPEN}", b"\n")

    def next(self) -> str:
        """The name that one attempt's commit must claim."""
        return f"{self.session}/{next(self._numbers)}"

    def revoke(self, fence: str) -> bool:
        """Whether the attempt can commit nothing any more. False: it is about to, or its worker died over it."""
        return self.store.claim(fence, b"revoked\n")

    def close(self) -> None:
        # One that is cut off may write into the folder while it goes, and is refused after that.
        with contextlib.suppress(OSError):
            self.store.remove(FENCES)


def check_open(store: Store, fence: str) -> None:
    """
    Raises:
        RunLocked: the session of an attempt is over. Of one without a fence there is none.
    """
    if fence and store.stamp(f"{fence.rpartition('/')[0]}/{OPEN}") is None:
        raise RunLocked(TOO_LATE)


@contextlib.contextmanager
def commits(store: Store, fence: str) -> Iterator[None]:
    """While an attempt commits. An empty fence: nobody else can be at its task.

    Raises:
        RunLocked: its task was given to another, or its run goes on without it.
    """
    if not fence:
        yield
        return
    check_open(store, fence)
    if not store.claim(fence, b"commits\n"):
        raise RunLocked(TOO_LATE)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the session is gone, and the folder with it
            store.remove(fence)
