"""`workers = 0`: splits done one after another in the supervisor's own process, where a debugger can stop in them.

A document that raises is quarantined as ever. One that kills its process, hangs or outgrows the memory takes the run
with it, since nobody watches; the same call with workers then finds it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import Answer, Assignment, AtWork
from curate.engine.messages import answer_of, command_for
from curate.engine.store import Store
from curate.engine.work import work
from curate.errors import Interrupted
from curate.interrupts import GOES_ON, number_of


@dataclass(slots=True)
class InlineEngine:
    """The engine without processes."""

    store: Store
    workers: int = 0
    _pending: deque[Assignment] = field(default_factory=deque)

    def submit(self, assignment: Assignment) -> None:
        self._pending.append(assignment)

    def wait(self) -> Sequence[Answer]:
        if not self._pending:
            return []
        try:
            return [self._do(self._pending.popleft()), AtWork(0)]
        except KeyboardInterrupt as interrupt:
            raise Interrupted(GOES_ON, number_of(interrupt)) from interrupt

    def close(self) -> None:
        self._pending.clear()

    def _do(self, assignment: Assignment) -> Answer:
        """What a task prints as errors goes to the log, as a worker's does."""
        folder = self.store.scratch / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "0.log"
        here = contextlib.chdir(".")  # a user's function may go to another folder
        with here, path.open("a", encoding="utf-8") as log, contextlib.redirect_stderr(log):
            answer = work(self.store, command_for(assignment), Cursor.private(), Clock())
        return answer_of(assignment, answer, path)
