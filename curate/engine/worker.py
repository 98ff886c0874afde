"""One worker process: takes tasks by name from its supervisor, one line of JSON each, and answers the same way.

    supervisor ── {"function": "curate.passes.filter:filter_split", "key": "web-00003", …} ──▶ worker
               ◀── {"done": {"extract": [wall, cpu], …}}  or  {"failed": "MachineError", "message": …} ──

Started as `python -m curate.engine.worker RUN CURSOR PARENT`.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.store import machine_error
from curate.errors import CurateError

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a split is to be gone through this time.

    `skip` names documents (by their number in the split) that are known to break a worker, and why; they are
    quarantined unseen. `only` asks for one document alone, to confirm that it is the culprit; nothing is
    committed. Documents first…last in `careful` go through the pass one at a time, to find which one breaks it.
    `cores` are how many threads it may use: all of the run's, where the task is alone in its stage.
    """

    skip: Mapping[int, str]
    only: int | None = None
    careful: tuple[int, int] | None = None
    cores: int = 1


TaskFunction = Callable[[Path, str, Attempt, Cursor, Clock], None]


def main() -> None:
    run, cursor_path, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    _die_with_parent(parent)
    answers = _private_stdout()
    cursor = Cursor(cursor_path)
    _answer(answers, {"ready": time.process_time()})
    for line in sys.stdin:
        _answer(answers, work(run, json.loads(line), cursor))


def work(run: Path, command: Mapping[str, Any], cursor: Cursor) -> dict[str, Any]:
    """Run one task; its exceptions become answers."""
    clock = Clock()
    cursor.reset()
    skip = {int(number): reason for number, reason in command["skip"].items()}
    careful = tuple(command["careful"]) if command["careful"] else None
    attempt = Attempt(skip, command["only"], careful, command["cores"])
    try:
        with clock("other"):
            with clock("load"):
                function = _function(command["function"])
            function(run, command["key"], attempt, cursor, clock)
    except CurateError as error:
        return {"failed": type(error).__name__, "message": str(error)}
    except Exception as error:
        return _failure(error, run)
    return {"done": clock.seconds(), "documents": cursor.read().documents}


def _failure(error: Exception, run: Path) -> dict[str, Any]:
    traceback.print_exc()
    sys.stderr.flush()
    if known := machine_error(error, run):
        return {"failed": type(known).__name__, "message": str(known)}
    reason = "memory" if isinstance(error, MemoryError) else "exception"
    return {"broke": reason, "message": f"{type(error).__name__}: {error}"}


def _function(name: str) -> TaskFunction:
    module, _, attribute = name.partition(":")
    function: TaskFunction = getattr(importlib.import_module(module), attribute)
    return function


def _answer(answers: TextIO, message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _private_stdout() -> TextIO:
    """Keep the pipe for answers; whatever else prints goes to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _die_with_parent(parent: int) -> None:
    """No orphan goes on writing after its supervisor was killed; Ctrl-C is the supervisor's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
