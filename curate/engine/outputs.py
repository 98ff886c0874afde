"""The files of one attempt at a task, each hashed while it is written.

frame, bytes, pieces ─▶ file in the workspace ─▶ size, sha256          another name for a committed file ─▶ its own
            └─────────────▶ sha256
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import polars as pl

Entry = Mapping[str, Any]
"""`size` in bytes and `sha256` of a file, as records and manifests have them."""


class Origin(NamedTuple):
    """A committed file: the task that wrote it, and its name below the run."""

    stage: str
    key: str
    name: str


class Outputs:
    """What an attempt writes, by the names that the files will have below the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.origins: dict[str, Origin] = {}
        """What has the content of a committed file, and need not be written."""

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file to write from its begin to its end."""
        with self.place(name).open("wb") as file:
            hashing = HashingWriter(file)
            yield hashing  # type: ignore[misc]  # a raw stream has all that a writer needs
        self.entries[name] = {"size": hashing.size, "sha256": hashing.digest.hexdigest()}

    def open_at(self, path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
        """The same, of a place that `place` gave, or beside it."""
        return self.open(path.relative_to(self.folder).as_posix())

    def write(self, name: str, content: bytes) -> None:
        with self.open(name) as file:
            file.write(content)

    def table(self, name: str, frame: pl.DataFrame) -> None:
        from curate.engine.ledger import write_table

        with self.open(name) as file:
            write_table(frame, file)

    def rows(self, name: str, frames: Iterator[pl.DataFrame]) -> None:
        """The same of all frames as one, one at least."""
        from curate.engine.ledger import write_rows

        with self.open(name) as file:
            write_rows(frames, file)

    def place(self, name: str) -> Path:
        """Where a file is to be written with `open_at`.

        Raises:
            FileNotFoundError: the workspace was taken away from an attempt that nobody waits for any more.
        """
        self.folder.stat()  # else it would be made anew, in a run that may be finished
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def repeat(self, name: str, origin: Origin, entry: Entry) -> None:
        """A second name for a committed file, which holds what its record says."""
        self.origins[name], self.entries[name] = origin, dict(entry)


class HashingWriter(io.RawIOBase):
    """A file that is only written on, and knows the digest of what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self._file.write(view)
        self.digest.update(view)
        self.size += view.nbytes
        return view.nbytes
