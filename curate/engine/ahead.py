"""Worker processes that are begun before there is a run: they load libraries while a recipe is read and a plan is made.

choice ─▶ workers_ahead ─▶ processes that load ─▶ LocalEngine takes them ─▶ those that nobody has taken are ended
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from curate.engine.choice import EngineChoice
from curate.engine.local import available_cores
from curate.engine.process import begin_process

MAX_AHEAD = 4
"""How many there may be work for in a small run; the others are begun when there is some."""


@contextlib.contextmanager
def workers_ahead(choice: EngineChoice) -> Iterator[list[subprocess.Popen[bytes]]]:
    """None where nothing is to be loaded. They end with this, but for those that were taken out of the list; each dies
    with the thread that is in here, and says nothing before it has a run."""
    count = available_cores() if choice.workers is None else choice.workers
    begun = [begin_process(subprocess.DEVNULL, choice.loads) for _ in range(min(count, MAX_AHEAD)) if choice.loads]
    try:
        yield begun
    finally:
        for process in begun:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:  # waits, and closes its pipes
        pass
