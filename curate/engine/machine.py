"""The machine's own failures, told from those of documents and of curate: a full disk, a permission, a lost device.

OSError · an exception of polars that quotes one ─▶ MachineError: what, where, and that the same command goes on
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from curate.errors import CurateError, MachineError

RUST_ERROR = re.compile(r"\(os error (\d+)\)")
"""How polars names the machine's errors in exceptions of its own."""
MACHINE_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk gave an input/output error",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EMFILE: "too many open files",
    errno.ENOMEM: "out of memory",
}


@contextlib.contextmanager
def machine_errors(place: object) -> Iterator[None]:
    """Turn the machine's failures into one clear, resumable error; never blame a document for them."""
    try:
        yield
    except Exception as error:
        if isinstance(error, CurateError):
            raise
        raise machine_error(error, place) or error from error


def machine_error(error: Exception, place: object) -> CurateError | None:
    """The error for the user if the machine is to blame, else None."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (said := RUST_ERROR.search(str(error))):
        number = int(said.group(1))
    if number not in MACHINE_ERRORS:
        return None
    where = getattr(error, "filename", None) or place
    return MachineError(f"{MACHINE_ERRORS[number]}: {where}. The same command goes on from here once it is mended.")
