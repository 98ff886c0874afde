"""Files that appear whole or not at all, and survive a power cut once they are there.

content ─▶ name.<pid>.part ─▶ fsync ─▶ rename ─▶ fsync of the folder
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

PART = ".part"
"""How the names of files end that are not whole yet."""


def json_bytes(value: Any) -> bytes:
    """Sorted keys and one layout, so that equal content is equal bytes."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    part.write_bytes(content)
    sync(part)
    part.replace(path)
    sync(path.parent)


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
