"""Whatever goes wrong in a command, as one line and an exit code: the user's files, the machine, or a bug of ours.

exception ─▶ CurateError                                                       as it is
          ─▶ the operating system refuses, a file is damaged ─▶ UsageError 2 | MachineError 5
          ─▶ anything else ─▶ "internal error", and its traceback in a file    1
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping

from curate.engine.machine import RUST_ERROR, machine_error
from curate.errors import CheckFailed, CurateError, MachineError, UsageError

SHOW_TRACEBACK = "CURATE_TRACEBACK"
"""The environment variable that has every traceback printed, of expected errors too."""

SHOWN = 120
"""Characters of a long name, on either side."""

WRONG_PLACES = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EISDIR: "a folder stands where a file is needed",
    errno.EEXIST: "something stands there already",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "the symbolic links go in a circle",
    errno.EINVAL: "the system takes no such name or place",
    errno.ENXIO: "there is no such device",
    errno.ESPIPE: "a pipe can't be read from anywhere but its start",
    errno.EOPNOTSUPP: "the place can't hold files",
}
"""What the user can put right by naming another file or folder."""

NAMELESS: Mapping[type[OSError], int] = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
    FileExistsError: errno.EEXIST,
}
"""Libraries raise these with words alone."""


def explain(error: Exception) -> CurateError:
    """The error to show for an exception that ended a command."""
    if os.environ.get(SHOW_TRACEBACK):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, CurateError):
        return error
    if isinstance(error, MemoryError):
        return MachineError("out of memory")
    return _refused(error) or machine_error(error, _first_line(error)) or _damaged(error) or _bug(error)


def _refused(error: Exception) -> CurateError | None:
    """What the operating system, or a library in its name, said of a file."""
    if not isinstance(error, OSError):
        return None
    number = _number(error)
    where = error.filename2 or error.filename
    if number in WRONG_PLACES:
        return UsageError(f"{WRONG_PLACES[number]}: {_short(_name(where) or _first_line(error))}")
    if known := machine_error(error, _first_line(error)):
        return known
    return MachineError(f"{_name(where)}{': ' if where else ''}{error.strerror or _first_line(error)}")


def _damaged(error: Exception) -> CurateError | None:
    """How polars says that a file is no Parquet any more."""
    is_damage = "File out of specification" in str(error)
    return CheckFailed(f"a file is damaged: {_first_line(error)}") if is_damage else None


def _number(error: OSError) -> int | None:
    said = RUST_ERROR.search(str(error))
    return error.errno or (int(said.group(1)) if said else NAMELESS.get(type(error)))


def _name(where: object) -> str:
    return os.fsdecode(where) if isinstance(where, str | bytes | os.PathLike) else str(where or "")


def _short(text: str) -> str:
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]}…{text[-SHOWN:]} ({len(text):,} characters)"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _bug(error: Exception) -> CurateError:
    """A mistake in curate is not hidden: what, where, and how to show it to somebody."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    told = f"internal error: {type(error).__name__}: {_first_line(error)} ({last.filename}:{last.lineno})"
    return CurateError(f"{told}; this is a mistake in curate, please report it{_written(error)}")


def _written(error: Exception) -> str:
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="curate-", suffix=".traceback", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return f" ({SHOW_TRACEBACK}=1 prints the traceback)"
    return f" with {file.name}"
