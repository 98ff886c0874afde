"""Ctrl-C and SIGTERM, from the first instruction on: one line on stderr and exit code 130 or 143, whatever is going on.

signal ─▶ a module is being imported, or it is the second signal ─▶ the line, and out at once
       ─▶ else ─▶ Stopped ─▶ what is open is closed ─▶ `cli.main` says the line

An exception in the middle of an import may be swallowed, or turned into another one, by whatever imports; and nothing
is lost by leaving at once, as whatever curate writes appears whole or not at all. While a run's workers work, their
supervisor has handlers of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager

GOES_ON = "interrupted; the same command goes on from here"
TYPE_CHECKING = False  # as in `typing`, which takes a tenth of the time of `curate --help` to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any, NoReturn

NUMBERS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = b"\x1b[?25h"
"""A progress bar hides the terminal's cursor."""


class Stopped(KeyboardInterrupt):
    """Raised where the signal found the program; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The signal behind it: somebody else's handler knows of Ctrl-C only."""
    return interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT


class Note:
    """Of a signal that has come, for a loop that looks at it; 0: none has."""

    def __init__(self) -> None:
        self.number = 0

    def check(self) -> None:
        """
        Raises:
            Interrupted: one has.
        """
        if self.number:
            from curate.errors import Interrupted

            raise Interrupted(GOES_ON, self.number)


@contextmanager
def noted() -> Iterator[Note]:
    """Signals are noted while this is open; a second one acts as before. Other threads than the main one hear none:
    whoever owns that deals with them."""
    note = Note()
    former = {number: signal.getsignal(number) for number in NUMBERS}

    def take(number: int, frame: FrameType | None) -> None:
        note.number = number
        signal.signal(number, former[signal.Signals(number)])

    try:
        for number in NUMBERS:
            signal.signal(number, take)
    except ValueError:  # not the main thread
        yield note
        return
    try:
        yield note
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class Signals:
    """The handlers of this process, and which signal has come."""

    def __init__(self, *, is_ours: bool) -> None:
        self.is_ours = is_ours
        self.number: int | None = None

    def catch(self) -> None:
        if not self.is_ours:
            return
        sys.unraisablehook = self._swallowed
        for number in NUMBERS:
            signal.signal(number, self._handle)

    def ignore(self) -> None:
        """All is done and said: the exit code stands."""
        if not self.is_ours:
            return
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def number_of(self, interrupt: KeyboardInterrupt) -> int:
        """The signal that has come: a library may raise a KeyboardInterrupt of its own in the place of ours."""
        return number_of(interrupt) if self.number is None else self.number

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_first, self.number = self.number is None, number
        if not is_first or _is_importing(frame):
            _leave(number)
        raise Stopped(number)

    def _swallowed(self, unraisable: Any) -> None:
        """What is raised in a finalizer, or in a function that C calls, goes nowhere; a signal must not."""
        if isinstance(unraisable.exc_value, Stopped):
            _leave(unraisable.exc_value.number)
        # After a signal it is the finalizer of something that was stopped while it was made: no news to anybody.
        if self.number is None:
            sys.__unraisablehook__(unraisable)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave(number: int) -> NoReturn:
    cursor = SHOW_CURSOR if os.isatty(2) else b""
    os.write(2, cursor + b"curate: interrupted\n")
    os._exit(128 + number)
