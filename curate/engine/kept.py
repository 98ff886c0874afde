"""What was fetched once and is likely to be asked for again: listings and blocks of indexes, sizes of files far away.

what it is (an address, a range) ─▶ a file in the user's cache folder, under the digest of that ─▶ its bytes, or None

Nothing that a run reads depends on what is here: entries are checked, and who finds none asks anew. What is older than
a month counts as not there; what is over the limit goes, the oldest first. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from curate.errors import UsageError

FOLDER, LIMIT = "CURATE_CACHE", "CURATE_CACHE_BYTES"
"""Environment variables: the folder, and the bytes that it may hold; 0 keeps nothing."""
DEFAULT_LIMIT = 4 << 30
MAX_AGE = 30 * 86_400.0
DIGEST = 32


def cache_folder() -> Path:
    """$CURATE_CACHE, or `curate` in the user's folder for such things (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get(FOLDER) or os.path.join(base, "curate")) / "web"


def take(key: str) -> bytes | None:
    """What was kept under this key, if it is there, whole and not too old."""
    path = _place(key)
    try:
        if time.time() - path.stat().st_mtime > MAX_AGE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, data = content[:DIGEST], content[DIGEST:]
    return data if hashlib.sha256(data).digest() == digest else None


def keep(key: str, data: bytes) -> None:
    """A full disk, or a folder that can't be written to, costs the next one a request and nothing else."""
    if not _limit():
        return
    path = _place(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(hashlib.sha256(data).digest() + data)
        os.replace(file.name, path)
    except OSError:
        pass


def forget(key: str) -> None:
    _place(key).unlink(missing_ok=True)


def tidy() -> None:
    """Remove what is too old, and of the rest the oldest until the limit holds."""
    left = _limit()
    for path, size, time_kept in sorted(_entries(), key=lambda entry: -entry[2]):
        left -= size
        if left < 0 or time.time() - time_kept > MAX_AGE:
            path.unlink(missing_ok=True)


def _entries() -> Iterator[tuple[Path, int, float]]:
    for path in cache_folder().glob("*/*"):
        try:
            status = path.stat()
        except OSError:
            continue
        yield path, status.st_size, status.st_mtime


def _place(key: str) -> Path:
    name = hashlib.sha256(key.encode()).hexdigest()
    return cache_folder() / name[:2] / name[2:]


def _limit() -> int:
    text = os.environ.get(LIMIT, "")
    if text and not text.isdecimal():
        raise UsageError(f'the environment variable {LIMIT} is a number of bytes, found "{text}"')
    return int(text) if text else DEFAULT_LIMIT
