"""Files that appear whole or not at all, and survive a power cut once they are there.

content ─▶ name.<host>.<pid>.part ─▶ fsync ─▶ rename ─▶ fsync of the folder
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

COPIED_AT_ONCE = 1 << 22
PART = ".part"
"""How the names of files end that are not whole yet."""


def json_bytes(value: Any) -> bytes:
    """Sorted keys and one layout, so that equal content is equal bytes."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
    part.write_bytes(content)
    sync(part)  # the content before the name, and the name before who relies on it
    part.replace(path)
    sync(path.parent)


def _part_of(path: Path) -> Path:
    """Processes of several machines may be at the same file, and have the same number."""
    return path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}{PART}")


OpenFile = Callable[[Path], AbstractContextManager[BinaryIO]]
"""What opens a new file to be written from its begin to its end; a run's hashes what is written."""


def plain_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """The file itself, for who is alone with it."""
    return path.open("wb")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file beside it, which takes its name once it is written: who reads meanwhile finds the one before, or none."""
    part = _part_of(path)
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside it, which becomes it at the end; where anything fails nothing is left of it."""
    part = target.with_name(f".{target.name}{PART}")
    shutil.rmtree(part, ignore_errors=True)  # of one that was killed
    part.mkdir()
    try:
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def second_name(origin: Path, target: Path) -> None:
    """The same bytes under a new name; a copy where the file system has no such names, or it is another one.

    Raises:
        FileExistsError: the name is taken: writing into that file would change whatever else has its bytes.
    """
    try:
        os.link(origin, target)
    except FileExistsError:
        raise
    except OSError:
        with origin.open("rb") as content, target.open("xb") as copy:
            shutil.copyfileobj(content, copy, COPIED_AT_ONCE)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def target_of(path: Path) -> Path:
    """Where the bytes of a file are to stand: a link that the user made is written through, and stays a link."""
    return Path(os.path.realpath(path))


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
