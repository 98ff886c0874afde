"""The files below a folder of this machine; bounded, whatever is asked.

"data/**/*.gz" ─▶ fixed folder "data", any depth ─▶ scandir, folder by folder ─▶ Found(path, size, mtime)
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from curate.errors import UsageError

MAX_NAMES = 20_000_000
"""Names looked at for one pattern; whoever has more writes a list of them ("@paths.txt")."""
NO_DATA = ("/proc", "/sys", "/dev")
"""What stands there is made up as it is read, and some of it never ends."""
MEMORY = "/dev/shm"


class FoundFile(NamedTuple):
    path: str
    size: int
    version: str
    """Modification time in ns."""


def local_files(path: str, depth: int | None) -> Iterator[FoundFile]:
    """A file, or the files at most `depth` folders below a folder (None: at any depth); links are followed, but never
    into a folder that they lie in.

    Raises:
        UsageError: the place holds no data, is too large to be meant, or cannot be listed.
    """
    real = os.path.realpath(path)
    if _is_system(real):
        raise UsageError(f"{path} is a part of the system, not a place for data")
    if real == "/" and depth is None:
        raise UsageError("this would search the whole machine; begin the path further down")
    try:
        info = os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return
        raise UsageError(f"{(error.strerror or str(error)).lower()}: {path[:100]}") from None
    if stat.S_ISREG(info.st_mode):
        yield FoundFile(path, info.st_size, str(info.st_mtime_ns))
    elif stat.S_ISDIR(info.st_mode):
        yield from _walk(path, depth)


def local_version(path: str) -> tuple[int, str]:
    """Size and modification time of a file as it is now, nothing of one that is gone."""
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0, ""
    return info.st_size, str(info.st_mtime_ns)


def _walk(top: str, depth: int | None) -> Iterator[FoundFile]:
    names = 0
    folders: list[tuple[str, int, tuple[str, ...]]] = [(top, 0, (os.path.realpath(top),))]
    while folders:
        folder, level, above = folders.pop()
        for entry in _entries(folder):
            names += 1
            if names > MAX_NAMES:
                raise UsageError(f"more than {MAX_NAMES:,} names below {top}; list those that are meant in an @file")
            if _is_circle(entry):  # asked first: `is_dir` and `is_file` raise on it
                continue
            if entry.is_dir():
                # Resolved for links alone: below a resolved folder a plain one's path is resolved as it stands.
                real = os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
                is_wanted = real not in above and not _is_system(real)
                if is_wanted and (depth is None or level < depth):
                    folders.append((entry.path, level + 1, (*above, real)))
            elif entry.is_file():
                info = entry.stat()
                yield FoundFile(entry.path, info.st_size, str(info.st_mtime_ns))


def _is_circle(entry: os.DirEntry[str]) -> bool:
    """A link that ends in itself names nothing."""
    try:
        entry.is_dir()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _is_system(real: str) -> bool:
    is_inside = any(real == place or real.startswith(place + "/") for place in NO_DATA)
    return is_inside and not real.startswith(MEMORY)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # it went while we looked
        return []
    except OSError as error:
        raise UsageError(f"{folder} can't be listed: {(error.strerror or str(error)).lower()}") from None
