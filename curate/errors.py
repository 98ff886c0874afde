"""Every error that curate raises on purpose.

CurateError                     exit
├── UsageError                  2   a wrong call: an unknown name, a missing path, a wrong value
│   └── RecipeError             2   a wrong recipe; says the file and the line
├── RunConflict                 4   the folder holds another recipe, input or version
├── MachineError                5   the machine failed us (disk full, permission, I/O); resumable
│   └── RottenFile                  a bit has flipped between two stages; the run does that part again
├── RunLocked                   6   another run holds the folder
├── Interrupted          130, 143   Ctrl-C, SIGTERM; resumable
├── CheckFailed                 1   `verify` or a test of the data found a difference
└── DocumentError               -   one document cannot be finished: it is quarantined, and the run goes on
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_MESSAGE = 2000
"""Characters of what an error says; a recipe may hold a word of a million, and an exception a document."""


class CurateError(Exception):
    """The parent of all: a sentence for the user, and the exit code that the command line gives."""

    exit_code = 1


class UsageError(CurateError):
    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot run, with the place of the mistake."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file, self.line = file, line
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        message = message.replace("\n", "\\n")  # of a word of the recipe's, and an error is one line
        is_long = len(message) > MAX_MESSAGE
        super().__init__(place + (f"{message[:MAX_MESSAGE]}… ({len(message):,} characters)" if is_long else message))


class RunConflict(CurateError):
    exit_code = 4


class MachineError(CurateError):
    exit_code = 5


class RunLocked(CurateError):
    exit_code = 6


class Interrupted(CurateError):
    def __init__(self, message: str, number: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class CheckFailed(CurateError):
    exit_code = 1


class RottenFile(MachineError):
    """A file between two stages is not as it was committed: the task that wrote it is to be done again."""

    def __init__(self, stage: str, key: str, name: str) -> None:
        super().__init__(stage, key, name)
        self.stage, self.key, self.name = stage, key, name

    def __str__(self) -> str:
        return f"{self.name} is damaged: it is not as {self.stage} of {self.key} wrote it"


class DocumentError(CurateError):
    """A library could not finish one document, and says why: the engine looks for it and quarantines it alone."""


def described(error: BaseException) -> str:
    """The class of an error and what it says, as text that can be written: a message may hold what no encoding takes,
    the whole document, or raise itself when it is asked for."""
    try:
        told = f"{type(error).__name__}: {error}"
    except Exception:
        told = f"{type(error).__name__} (it cannot be printed)"
    return told[:MAX_MESSAGE].encode(errors="backslashreplace").decode()


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the likeliest name that was meant, and all that exist."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f"{hint} (known: {', '.join(names)})"
