"""What a run needs of the place where its files are kept: a few verbs, which one file for each kind of place answers.

    posix.py: a folder of this machine               object_store.py: a bucket of S3 or Google Cloud Storage

Names are paths below the run ("done/filter/web-00003.json"). What only one machine can know, as locks of its kernel,
process numbers, hard links and syncs of its disks, is nobody's business but that file's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol


class Stamp(NamedTuple):
    """What tells the content of a name from another content that it had before, as far as a store can without reading:
    `version` is a modification time, an etag, or the like."""

    size: int
    version: str


class Store(Hashable, Protocol):
    @property
    def address(self) -> str:
        """What `open_store` opens it by in another process, or on another machine: "file:/data/runs/mini", "s3://b/mini"."""

    @property
    def scratch(self) -> Path:
        """A folder of this machine for what nobody else ever reads: logs, cursors, columns that are too large."""

    def stamp(self, name: str) -> Stamp | None:
        """None where there is no such file."""

    def names(self, below: str) -> Iterator[str]:
        """All files in a folder and its folders, in any order; none where there is no such folder."""

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Bytes from start to stop; fewer where the content ends before. Raises FileNotFoundError."""

    def fetch(self, name: str) -> Path:
        """A file of this machine that holds the content, to be read only; what is fetched from one folder lies in one
        folder, under its own names. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """The file is there as a whole or not at all, and once it is there it stays, even through a power cut."""

    def claim(self, name: str, content: bytes) -> bool:
        """Make a file that nobody has made; False where it is there. Of several who try at once one has made it."""

    def workspace(self, label: str) -> Path:
        """A fresh folder of this machine for the files of one attempt; no other attempt, alive or dead, has it."""

    def put(self, workspace: Path, names: Mapping[str, str | None]) -> None:
        """Give each file of a workspace its place under its name, each whole or not at all, and lasting. One whose
        value is not None is not in the workspace: it has the content of the file of that name. The workspace goes."""

    def remove(self, name: str) -> None:
        """Nothing happens where there is no such file; a folder goes with all that is in it."""

    def tidy(self) -> None:
        """Take away what killed processes have left behind them: workspaces, and files that were never whole."""

    def lock(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Hold the run, alone or with others that share it; the lock goes with its holder, however that ends. Raises
        RunLocked."""

    def alone(self, work: str) -> AbstractContextManager[None]:
        """Wait until no other process that the lock would know of is at this work."""


def place_of(store: Store) -> str:
    """What a message calls the place of a run."""
    return store.address.removeprefix("file:")
