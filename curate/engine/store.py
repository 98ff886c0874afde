"""The run's folder: files appear whole or not at all, and a `done/` record says which of them count.

    task ─▶ work/tmp/<key>.<attempt>/… ─▶ fsync ─▶ rename to the final names ─▶ fsync folders ─▶ done/<stage>/<key>.json

`done/` is the only truth. A file that no record names is the rest of a killed attempt, and is swept away on resume.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.sealed import read_sealed, write_sealed
from curate.engine.whole import sync
from curate.errors import CheckFailed, CurateError, MachineError, RottenFile, RunLocked

SWEPT = ("work", "documents", "ledger", "dedup", "tokens")
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


@dataclass(frozen=True, slots=True)
class Done:
    """What one task committed: its outputs by path below the run, and its counts."""

    stage: str
    key: str
    outputs: Mapping[str, Mapping[str, Any]]
    counts: Mapping[str, Any]


def attempt_folder(run: Path, stage: str, key: str) -> Path:
    """A fresh folder for one attempt's files; no other attempt, alive or dead, writes there."""
    folder = run / "work" / "tmp" / f"{stage}.{key}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def commit(run: Path, stage: str, key: str, folder: Path, counts: Mapping[str, Any]) -> Done:
    """Move an attempt's files (their paths below `folder` are their final paths below `run`) and record them."""
    outputs = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            outputs[name] = {"size": path.stat().st_size, "sha256": file_digest(path)}
            sync(path)
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(run / name)
    for parent in {(run / name).parent for name in outputs}:
        sync(parent)
    done = Done(stage, key, outputs, counts)
    record = {"stage": stage, "key": key, "outputs": outputs, "counts": counts}
    write_sealed(_done_file(run, stage, key), record)
    shutil.rmtree(folder, ignore_errors=True)
    return done


def read_done(run: Path, stage: str) -> dict[str, Done]:
    """The committed tasks of a stage, by key. A record that is damaged says nothing: its task was not done."""
    records = (_read_record(path) for path in sorted((run / "done" / stage).glob("*.json")))
    return {done.key: done for done in records if done is not None}


def is_done(run: Path, stage: str, key: str) -> bool:
    return read_one(run, stage, key) is not None


def read_one(run: Path, stage: str, key: str) -> Done | None:
    """The record of one task, or None where it is not done."""
    path = _done_file(run, stage, key)
    return _read_record(path) if path.is_file() else None


def _read_record(path: Path) -> Done | None:
    try:
        return Done(**read_sealed(path))
    except (CheckFailed, TypeError):
        return None


def forget(run: Path, stage: str, key: str) -> None:
    """A task is to be done again: what it wrote counts no more."""
    _done_file(run, stage, key).unlink(missing_ok=True)


def committed(run: Path, stage: str, key: str) -> Done:
    """The record of a task that a later stage builds on.

    Raises:
        RottenFile: it is gone or damaged; the task is to be done again.
    """
    done = read_one(run, stage, key)
    if done is None:
        raise RottenFile(stage, key, _done_file(run, stage, key).relative_to(run).as_posix())
    return done


def intact(run: Path, stage: str, key: str, name: str) -> Path:
    """The path of a file that a task has committed, after a look at its content: a bit may have flipped since.

    Raises:
        RottenFile: it is not as it was committed; the task is to be done again.
    """
    path, expected = run / name, committed(run, stage, key).outputs.get(name)
    if expected is None or not path.is_file():
        raise RottenFile(stage, key, name)
    facts = path.stat()
    if facts.st_size != expected["size"] or _digest_of(path, facts.st_size, facts.st_mtime_ns) != expected["sha256"]:
        raise RottenFile(stage, key, name)
    return path


@functools.lru_cache(maxsize=4096)
def _digest_of(path: Path, size: int, changed: int) -> str:
    """Some files are read by every task of a process; one look at each content is enough."""
    return file_digest(path)


def _done_file(run: Path, stage: str, key: str) -> Path:
    return run / "done" / stage / f"{key}.json"


def sweep(run: Path) -> int:
    """Delete what killed attempts left behind: every data file that no done record names. Returns how many."""
    shutil.rmtree(run / "work" / "tmp", ignore_errors=True)
    known = {name for stage in _stages(run) for done in read_done(run, stage).values() for name in done.outputs}
    strays = [
        path
        for folder in SWEPT
        for path in (run / folder).rglob("*")
        if path.is_file() and path.relative_to(run).as_posix() not in known and "timing" not in path.parts
    ]
    strays += [*(run / "done").rglob("*.part"), *run.glob("*.part")]
    strays += [path for path in (run / "done").rglob("*.json") if not _is_there(run, _read_record(path))]
    for path in strays:
        path.unlink()
    return len(strays)


def _is_there(run: Path, done: Done | None) -> bool:
    """Whether a record can be read, and the files that it names are there in their sizes: else it is done again."""
    if done is None:
        return False
    files = ((run / name, entry["size"]) for name, entry in done.outputs.items())
    return all(file.is_file() and file.stat().st_size == size for file, size in files)


def _stages(run: Path) -> list[str]:
    folder = run / "done"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run's folder; the lock goes with the process, however that ends.

    Raises:
        RunLocked: another process holds it.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLocked(f"another curate run is working in {run}") from None
        yield


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
