"""`workers = 0`: splits done one after another in the supervisor's own process, where a debugger can stop in them.

A document that raises is quarantined as ever. One that kills its process, hangs or outgrows the memory takes the run
with it, since nobody watches; the same call with workers then finds it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.cursor import Cursor
from curate.engine.process import command_for
from curate.engine.worker import work


@dataclass(slots=True)
class InlineWorker:
    """What the supervisor sees of a worker, without a process of its own."""

    run: Path
    cursor: Cursor
    log: Path
    assignment: Any = None
    cpu: float = 0.0
    """CPU seconds of all tasks so far: they count as the workers' and not as the supervisor's."""

    @classmethod
    def start(cls, run: Path) -> InlineWorker:
        folder = run / "work" / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        return cls(run.absolute(), Cursor(folder / "inline.cursor"), folder / "0.log")

    def do(self, assignment: Any) -> Mapping[str, Any]:
        """The answer to a task; what it prints as errors goes to the log, as a worker's does."""
        self.assignment = assignment
        began = time.process_time()
        here = contextlib.chdir(".")  # a user's function may go to another folder
        with here, self.log.open("a", encoding="utf-8") as log, contextlib.redirect_stderr(log):
            answer = work(self.run, command_for(assignment), self.cursor)
        self.cpu += time.process_time() - began
        return answer
