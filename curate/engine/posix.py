"""A run in a folder of this machine: the one file that knows of renames, syncs, flock, hard links and process numbers.

workspace work/tmp/<label>.<host>.<pid>/… ─▶ fsync ─▶ rename to the final names ─▶ fsync of the folders
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.engine.store import Stamp
from curate.engine.whole import PART, second_name, sync, write_file
from curate.errors import RunLocked
from curate.run_files import DONE, LOCK, WORK

WORKSPACES = "tmp"


@dataclass(frozen=True, slots=True)
class PosixStore:
    """`root` is the run's folder; it need not be there yet."""

    root: Path

    @property
    def address(self) -> str:
        return f"file:{self.root.absolute()}"

    @property
    def scratch(self) -> Path:
        folder = self.root / WORK
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stamp(self, name: str) -> Stamp | None:
        try:
            facts = (self.root / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Stamp(facts.st_size, f"{facts.st_mtime_ns}.{facts.st_ino}")

    def names(self, below: str) -> Iterator[str]:
        folders = [below]
        while folders:
            folder = folders.pop()
            with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    else:
                        yield name

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        with (self.root / name).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def fetch(self, name: str) -> Path:
        path = self.root / name
        if not path.is_file():
            raise FileNotFoundError(path)
        return path

    def write(self, name: str, content: bytes) -> None:
        write_file(self.root / name, content)

    def claim(self, name: str, content: bytes) -> bool:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    def workspace(self, label: str) -> Path:
        folder = self.scratch / WORKSPACES / f"{label}.{platform.node()}.{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)  # of a process of the same number that was killed
        folder.mkdir(parents=True)
        return folder

    def put(self, workspace: Path, names: Mapping[str, str | None]) -> None:
        for name, origin in names.items():
            if origin is not None:
                (workspace / name).parent.mkdir(parents=True, exist_ok=True)
                second_name(self.root / origin, workspace / name)
            sync(workspace / name)  # content before names: after a power cut no name stands for less than its file
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).replace(self.root / name)
        # And names before the record that comes next, and says that all are there.
        for folder in {(self.root / name).parent for name in names}:
            sync(folder)
        shutil.rmtree(workspace, ignore_errors=True)

    def remove(self, name: str) -> None:
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        shutil.rmtree(self.root / WORK / WORKSPACES, ignore_errors=True)
        # What `write_file` leaves beside the names that it writes: below done/, and at the top.
        unfinished = [name for name in self.names(DONE) if name.endswith(PART)]
        for path in [*(self.root / name for name in unfinished), *self.root.glob(f"*{PART}")]:
            path.unlink()

    @contextlib.contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("w") as file:
            try:
                # The kernel's, so that it goes with its holder, killed or not: a lock file would outlive it.
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunLocked(f"another curate run is working in {self.root}") from None
            yield

    @contextlib.contextmanager
    def alone(self, work: str) -> Iterator[None]:
        with (self.scratch / f"{work}{LOCK}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def open_folder(address: str) -> PosixStore:
    """The store at an address of the scheme "file"."""
    return PosixStore(Path(address.partition(":")[2]))
