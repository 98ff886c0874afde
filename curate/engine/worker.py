"""One worker process: takes tasks by name from its supervisor, one line of JSON each, and answers the same way.

    supervisor ── {"store": …, "cursor": …, "log": …} ──▶ worker
               ── {"function": "curate.pipeline.filter:filter_split", "key": "web-00003", …} ──▶
               ◀── {"done": {"extract": [wall, cpu], …}}  or  {"failed": "MachineError", "message": …} ──

Started as `python -m curate.engine.worker PARENT [FUNCTION]`, perhaps before there is a run: then it calls the
function, "module:function", which loads what tasks need, and waits to hear which run it is for. What the function
returns loads for that run, whenever there is no task (idle.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.idle import Idle, Pieces
from curate.engine.store import Store
from curate.engine.stores import open_store
from curate.engine.uncollected import uncollected
from curate.errors import CurateError, described
from curate.plugins import named_object
from curate.text.compiling import WHILE_COMPILING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

PR_SET_PDEATHSIG = 1
LOST_FILES = 73
"""The exit code of a worker whose own files somebody closed."""
MAX_LINE = 10_000
"""Bytes of a line that is told before it has ended."""


def main() -> None:
    _die_with_parent(int(sys.argv[1]))  # first of all: an orphan must do nothing
    tasks, answers = private_pipes()
    with uncollected():
        later = [_load_ahead(function) for function in sys.argv[2:]]
    gc.freeze()  # what is loaded stays to the end: no later look need go through it
    if opening := tasks.readline():  # else there was no work
        _serve(tasks, answers, json.loads(opening), later)


def _load_ahead(function: str) -> Pieces:
    with contextlib.suppress(Exception):  # what cannot be loaded is told by the task that needs it
        pieces: Pieces = named_object(function)()
        return pieces
    return lambda _: iter(())


def _serve(tasks: io.FileIO, answers: TextIO, run: Mapping[str, str], later: Sequence[Pieces]) -> None:
    """The tasks of a run, until the supervisor closes its side."""
    _write_log(run["log"])
    store, cursor, check_files = (
        open_store(run["store"]),
        Cursor.shared(Path(run["cursor"])),
        _file_check(tasks, answers),
    )
    WHILE_COMPILING.set(cursor.without_limit)
    said = TaskOutput(answers, cursor)
    sys.stdout = io.TextIOWrapper(said, encoding="utf-8", errors="backslashreplace", write_through=True)
    _answer(answers, {"ready": time.process_time()})
    idle = Idle(chain.from_iterable(pieces(store) for pieces in later))
    while line := _next_line(tasks, idle):
        command, clock = json.loads(line), Clock()
        if "ask" in command:
            _answer(answers, asked(store, command["ask"]))
            continue
        if (cpu := idle.taken()) > 0:
            clock.took("load", cpu)
        with clock("load"):
            # Only now: a worker is there before it has loaded the libraries, and the account says what they cost.
            from curate.engine.work import work
        answer = work(store, command, cursor, clock, check_files=check_files)
        said.flush_rest()
        _answer(answers, answer)


def _next_line(tasks: io.FileIO, idle: Idle) -> bytes:
    """Empty where the supervisor has closed its side."""
    idle.until_told(tasks)
    return tasks.readline()


def asked(store: Store, function: str) -> dict[str, Any]:
    """What a function says of a run."""
    try:
        return {"said_of_run": named_object(function)(store)}
    except CurateError as error:
        return {"failed": type(error).__name__, "arguments": list(error.args)}
    except Exception as error:
        return {"failed": CurateError.__name__, "arguments": [described(error)]}


def _write_log(path: str) -> None:
    """To this file goes what is printed as an error from now on, by others that are started, too."""
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)


class TaskOutput(io.BufferedIOBase):
    """What a task prints: whole lines go to the supervisor with the step that printed them, who shows them. It stands
    behind `sys.stdout`, so that this is a file like any other; whoever closes it does not close it for the next."""

    def __init__(self, answers: TextIO, cursor: Cursor) -> None:
        self._answers, self._cursor, self._rest = answers, cursor, b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The log, for programs that are started with it."""
        return 1

    def close(self) -> None:
        self.flush_rest()

    def write(self, content: Buffer) -> int:
        *lines, self._rest = (self._rest + bytes(content)).split(b"\n")  # the rest is a line that goes on
        for line in lines:
            self._tell(line)
        if len(self._rest) > MAX_LINE:
            self.flush_rest()
        return memoryview(content).nbytes

    def flush_rest(self) -> None:
        """A line that nobody has ended."""
        rest, self._rest = self._rest, b""
        if rest:
            self._tell(rest)

    def _tell(self, line: bytes) -> None:
        said = line.decode(errors="backslashreplace").removesuffix("\r")
        _answer(self._answers, {"said": said, "step": self._cursor.read().step})


def _file_check(tasks: io.FileIO, answers: TextIO) -> Callable[[], None]:
    """A document that closes descriptors takes the worker's pipes with it. Nothing can be said any more then, but the
    cursor still names who did it. Where 0, 1 or 2 is closed, the next file that is opened would be written to by
    whatever prints."""
    worker, pipes = os.getpid(), [tasks.fileno(), answers.fileno()]
    before = [_identity(pipe) for pipe in pipes]

    def check() -> None:
        if os.getpid() != worker:  # somebody forked, and the child came back as if it were the worker
            os._exit(0)
        try:
            is_whole = [_identity(pipe) for pipe in pipes] == before and all(map(os.fstat, (0, 1, 2)))
        except OSError:
            is_whole = False
        if not is_whole:
            os._exit(LOST_FILES)

    return check


def _identity(descriptor: int) -> tuple[int, int]:
    """Of the file behind it: its number may have been given to another one."""
    facts = os.fstat(descriptor)
    return facts.st_dev, facts.st_ino


def _answer(answers: TextIO, message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def private_pipes() -> tuple[io.FileIO, TextIO]:
    """Keep the pipes for tasks and answers: who reads from stdin, as many a program that is started does, finds nothing
    there, and whatever else prints goes to the log."""
    # Numbers 0 and 1 are what others read and print to; the duplicates have numbers that nobody knows.
    tasks = io.FileIO(os.dup(0))  # without a buffer: a line that lies in one cannot be waited for
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return tasks, answers


def _die_with_parent(parent: int) -> None:
    """No orphan goes on writing after its supervisor was killed; Ctrl-C is the supervisor's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Else each culprit that crashes would leave a file as large as the process.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the system was asked to tell
        sys.exit(1)


if __name__ == "__main__":
    main()
