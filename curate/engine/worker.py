"""One worker process: takes tasks by name from its supervisor, one line of JSON each, and answers the same way.

    supervisor ── {"function": "curate.passes.filter:filter_split", "key": "web-00003", …} ──▶ worker
               ◀── {"done": {"extract": [wall, cpu], …}}  or  {"failed": "MachineError", "message": …} ──

Started as `python -m curate.engine.worker RUN CURSOR PARENT`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib
import io
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.store import machine_error
from curate.engine.task import attempt_from_json
from curate.engine.walk import Walk, trust
from curate.errors import CurateError, DocumentError

PR_SET_PDEATHSIG = 1
LOST_FILES = 73
"""The exit code of a worker whose own files somebody closed."""


TaskFunction = Callable[[Path, str, Walk, Clock], None]


def main() -> None:
    run, cursor_path, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    _die_with_parent(parent)
    answers = _private_stdout()
    cursor = Cursor(cursor_path)
    sys.stdout = Said(answers, cursor)
    _answer(answers, {"ready": time.process_time()})
    for line in sys.stdin:
        _answer(answers, work(run, json.loads(line), cursor, check_files=lambda: _check_files(answers)))


def work(
    run: Path, command: Mapping[str, Any], cursor: Cursor, *, check_files: Callable[[], None] = trust
) -> dict[str, Any]:
    """Run one task; its exceptions become answers, with the position where they were raised."""
    clock = Clock()
    cursor.reset()
    walk = Walk(attempt_from_json(command["attempt"]), cursor, check_files)
    try:
        with clock("other"):
            with clock("load"):
                function = _function(command["function"])
            function(run, command["key"], walk, clock)
    except DocumentError as error:
        return _broke("exception", error, cursor)
    except CurateError as error:
        return {"failed": type(error).__name__, "arguments": list(error.args)}
    except Exception as error:
        return _failure(error, run, cursor)
    return {"done": clock.seconds(), "documents": cursor.read().documents}


def _failure(error: Exception, run: Path, cursor: Cursor) -> dict[str, Any]:
    traceback.print_exc()
    sys.stderr.flush()
    if known := machine_error(error, run):
        return {"failed": type(known).__name__, "arguments": list(known.args)}
    return _broke("memory" if isinstance(error, MemoryError) else "exception", error, cursor)


def _broke(reason: str, error: Exception, cursor: Cursor) -> dict[str, Any]:
    told = str(error) if isinstance(error, DocumentError) else f"{type(error).__name__}: {error}"
    return {"broke": reason, "message": told, "position": dataclasses.asdict(cursor.read())}


class Said(io.TextIOBase):
    """What a task prints: whole lines go to the supervisor with the step that printed them, who shows them."""

    def __init__(self, answers: TextIO, cursor: Cursor) -> None:
        self._answers, self._cursor, self._rest = answers, cursor, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        step = self._cursor.read().step
        for line in lines:
            _answer(self._answers, {"said": line, "step": step})
        return len(text)


def _check_files(answers: TextIO) -> None:
    """A document that closes descriptors takes the worker's pipes with it. Nothing can be said any more then, but the
    cursor still names who did it."""
    try:
        os.fstat(0)
        os.fstat(answers.fileno())
    except OSError:
        os._exit(LOST_FILES)


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
