"""Copies on this machine of what lies on an object store, each known by the version that it is of.

CURATE_CACHE/stores/<digest of the address>/   files/<name> ─▶ link to blobs/<digest of name and version>
                                               scratch/     logs, cursors, workspaces

A name is a link, so that it changes at once to another version, whole, whoever reads meanwhile. Who finds none fetches
anew: the folder may be deleted whenever no curate is at work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from curate.engine.kept import cache_folder
from curate.engine.store import Stamp

WORKSPACES = "tmp"
UNNAMED_SECONDS = 3600.0
"""A file that is fetched has no name yet."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Those of one store, by its address."""

    root: Path

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def scratch(self) -> Path:
        return self._made("scratch")

    def get(self, name: str, stamp: Stamp, bring: Callable[[BinaryIO], None]) -> Path:
        """The file of a name as it is at this version; `bring` writes it where it is not here."""
        path, blob = self.files / name, self._blob(name, stamp)
        if self._is_here(path, blob, stamp):
            return path
        self._made("blobs")
        with tempfile.NamedTemporaryFile(dir=blob.parent, prefix=".", delete=False) as part:
            try:
                bring(part)  # type: ignore[arg-type]
                part.flush()
                os.replace(part.name, blob)
            except BaseException:
                os.unlink(part.name)
                raise
        self._name(path, blob)
        return path

    def forget(self, name: str) -> None:
        """What is here of a name, or of all below it."""
        path = self.files / name
        for each in [path] if path.is_symlink() else [*self.links(name)]:
            Path(os.path.realpath(each)).unlink(missing_ok=True)
            each.unlink(missing_ok=True)

    def links(self, below: str = "") -> Iterator[Path]:
        return (path for path in (self.files / below).rglob("*") if path.is_symlink())

    def workspace(self, label: str) -> Path:
        folder = self.scratch / WORKSPACES / f"{label}.{platform.node()}.{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)  # of a process of the same number that was killed
        folder.mkdir(parents=True)
        return folder

    def tidy(self) -> None:
        """Workspaces of killed processes, and what no name stands for any more, nor will in a moment."""
        shutil.rmtree(self.scratch / WORKSPACES, ignore_errors=True)
        named = {os.path.realpath(link) for link in self.links()}
        for blob in (self.root / "blobs").iterdir() if (self.root / "blobs").is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if os.path.realpath(blob) not in named and time.time() - blob.stat().st_mtime > UNNAMED_SECONDS:
                    blob.unlink()

    def _made(self, name: str) -> Path:
        """A folder of it; documents are nobody else's business."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.root / name).mkdir(exist_ok=True)
        return self.root / name

    def _is_here(self, path: Path, blob: Path, stamp: Stamp) -> bool:
        try:
            return Path(os.readlink(path)).name == blob.name and path.stat().st_size == stamp.size
        except OSError:
            return False

    def _name(self, path: Path, blob: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        link = blob.with_name(f".{blob.name}.{os.getpid()}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(blob)
        former = Path(os.path.realpath(path)) if path.is_symlink() else None
        link.replace(path)
        if former is not None and former != Path(os.path.realpath(blob)):
            former.unlink(missing_ok=True)

    def _blob(self, name: str, stamp: Stamp) -> Path:
        key = hashlib.sha256(f"{name}\0{stamp.size}\0{stamp.version}".encode()).hexdigest()
        return self.root / "blobs" / key[:40]


def copies_of(address: str) -> Copies:
    """Of a store, in the user's cache."""
    folder = cache_folder().absolute().with_name("stores")
    return Copies(folder / hashlib.sha256(address.encode()).hexdigest()[:20])
