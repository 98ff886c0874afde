"""Where the CPU time of a process goes, seen from inside, as folded stacks.

    SIGPROF, each 10 ms of CPU time ─▶ the stack of the main thread, and the CPU time since the sample before
        ─▶ {"curate.pipeline.filter.filter_split;…;line 110: batch = …": microseconds}

A signal that comes while native code runs is dealt with when that returns. So a sample weighs the CPU time since the
one before it, all threads together: a long call of a library counts in full, on the line that made it. It stands in the
way of nobody: the timer stops with `close`, and no child process inherits it. No library does this: py-spy needs the
right to trace other processes, which containers and macOS withhold; pyinstrument counts wall time in one process and
is called for each function; austin is GPL-3.
"""

from __future__ import annotations

import linecache
import signal
import sys
import time
from collections.abc import Mapping
from types import CodeType, FrameType, TracebackType
from typing import Any

INTERVAL = 0.01
"""CPU seconds between two samples: of a run's time, taking them costs less than a hundredth."""
MAX_LINE = 60
"""Characters of a source line that are shown."""

Stack = tuple[tuple[CodeType, str], ...]
"""Code objects with the names of their modules, the innermost first."""


class Sampler:
    """Takes samples while it is open, below the function that opened it. In the main thread only, where signals go."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[Stack, int], float] = {}
        self._top: FrameType | None = None
        self._since = 0.0
        self._former: Any = None

    def __enter__(self) -> Sampler:
        self._top = sys._getframe(1)
        self._former = signal.signal(signal.SIGPROF, self._take)
        signal.siginterrupt(signal.SIGPROF, False)  # a system call of a library goes on where it was interrupted
        self._since = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # A signal may still be on its way to another thread, and the default of this one is to end the process.
        signal.signal(signal.SIGPROF, signal.SIG_IGN if self._former in (None, signal.SIG_DFL) else self._former)
        self._take(signal.SIGPROF, self._top)  # so that the weights add up to the time that was spent
        self._top = None

    def folded(self) -> dict[str, int]:
        """CPU microseconds by stack; names are divided by semicolons, the last one is the line that was at work."""
        folded: dict[str, int] = {}
        for (stack, line), seconds in self._seconds.items():
            text = ";".join(_names(stack, line))
            folded[text] = folded.get(text, 0) + round(seconds * 1e6)
        return folded

    def _take(self, number: int, frame: FrameType | None) -> None:
        now = time.process_time()
        line = frame.f_lineno if frame is not None else None
        stack: list[tuple[CodeType, str]] = []
        while frame is not None and frame is not self._top:
            stack.append((frame.f_code, frame.f_globals.get("__name__", "?")))
            frame = frame.f_back
        key = tuple(stack), line or 0  # code that a compiler made up has no lines
        self._seconds[key] = self._seconds.get(key, 0.0) + now - self._since
        self._since = now


def add_samples(total: dict[str, int], more: Mapping[str, int]) -> None:
    """Add one account to another, in place."""
    for stack, weight in more.items():
        total[stack] = total.get(stack, 0) + weight


def _names(stack: Stack, line: int) -> list[str]:
    """The outermost first, without the import system's own: it has six frames for each module that imports another."""
    names = [f"{module}.{code.co_qualname}" for code, module in reversed(stack) if not _is_import_system(code)]
    if stack and not _is_import_system(stack[0][0]):
        names.append(_line_told(stack[0][0], line))
    return names


def _is_import_system(code: CodeType) -> bool:
    return code.co_filename.startswith("<frozen importlib")


def _line_told(code: CodeType, line: int) -> str:
    """The line that was at work, without what divides names and lines of folded stacks."""
    text = linecache.getline(code.co_filename, line).strip().replace(";", ",")
    return f"line {line}: {text[:MAX_LINE]}" if text else f"line {line}"
