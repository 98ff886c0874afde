"""The SHA-256 of inputs, taken while they are read: of each file, or of each range of one that a split has to itself.

    reader ─▶ opener(file) ─▶ HashedInput ─▶ what the reader asked for
                                  └▶ in the order of the file ─▶ PieceDigest (sha256 of its own bytes, each once)
    end of the split ─▶ what nobody asked for is read ─▶ file name ─▶ [start, end, sha256], …

A digest is one of bytes alone: it does not depend on what a reader skips, reads twice, or reads out of order. What
comes early is held, within a limit, until the bytes before it have come.
"""

from __future__ import annotations

import hashlib
import heapq
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from curate.batch import Pulse, no_pulse
from curate.engine.files import Opener, open_file
from curate.engine.plan import FileRange, InputFile, changed_since_planned

BLOCK_BYTES = 1 << 20
MAX_HELD_BYTES = 16 << 20
Bytes = tuple[int, int]
"""[start, end) of a file."""


class PieceDigest:
    """The SHA-256 of [start, end) of a file, of which any parts come in any order, some of them twice."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.reached = start
        self.held_bytes = 0
        self._sha256 = hashlib.sha256()
        self._early: list[tuple[int, bytes]] = []
        """A heap of what came before its turn, by position."""

    @property
    def missing(self) -> Bytes:
        """The first bytes that have not come: up to those that came early, or to the end."""
        return self.reached, self._early[0][0] if self._early else self.end

    def take(self, position: int, data: bytes) -> None:
        """Bytes of the file, which stand there from `position` on."""
        # Neighboring ranges read a little of each other: only what is this one's own counts.
        data = data[: max(self.end - position, 0)]
        if position <= self.reached:
            self._advance(position, data)
        elif data:
            heapq.heappush(self._early, (position, data))
            self.held_bytes += len(data)

    def hexdigest(self) -> str:
        """Once nothing is missing."""
        return self._sha256.hexdigest()

    def _advance(self, position: int, data: bytes) -> None:
        self._hash(position, data)
        while self._early and self._early[0][0] <= self.reached:  # a loop, as thousands of small reads may be early
            position, data = heapq.heappop(self._early)
            self.held_bytes -= len(data)
            self._hash(position, data)

    def _hash(self, position: int, data: bytes) -> None:
        fresh = memoryview(data)[self.reached - position :]  # empty where all of it has come before
        self._sha256.update(fresh)
        self.reached += len(fresh)


class HashedInput(io.RawIOBase):
    """An input that its reader reads and seeks in as it likes, while the digest gets all that is read."""

    def __init__(self, raw: Any, digest: PieceDigest, uri: str, pulse: Pulse = no_pulse) -> None:
        self._raw, self._digest, self._uri, self._pulse = raw, digest, uri, pulse
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return int(self._raw.size())

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._raw.seek(offset, whence)
        self._position = int(self._raw.tell())
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        data: bytes = self._raw.read() if size is None or size < 0 else self._raw.read(size)
        self._digest.take(self._position, data)
        self._position += len(data)
        if self._digest.held_bytes > MAX_HELD_BYTES:
            # The reader has jumped over much. That must be read once in any case, and now memory is free again.
            while self._digest.held_bytes:
                self.read_missing()
            self._raw.seek(self._position)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def read_missing(self) -> None:
        """The next bytes that have not come, as far as they lie together.

        Raises:
            RunConflict: the file has become shorter.
        """
        position, end = self._digest.missing
        self._raw.seek(position)
        while position < end:
            data = self._raw.read(min(BLOCK_BYTES, end - position))
            if not data:
                raise changed_since_planned(self._uri)
            self._digest.take(position, data)
            position += len(data)
            self._pulse()


class InputDigests:
    """Those of the pieces of one split. `own` are the bytes of its file that each piece has to itself."""

    def __init__(
        self, own: Mapping[FileRange, Bytes], *, pulse: Pulse = no_pulse, opener: Opener | None = None
    ) -> None:
        self._pulse, self._open = pulse, opener
        self._digests = {piece: PieceDigest(*bounds) for piece, bounds in own.items()}

    def opener(self, piece: FileRange) -> Callable[[InputFile], HashedInput]:
        """For the reader of this piece, which may open the file more than once."""

        digest = self._digests[piece]
        opener = self._open or partial(open_file, pulse=self._pulse, until=digest.end)

        def opened(file: InputFile) -> HashedInput:
            return HashedInput(opener(file), digest, file.uri, self._pulse)

        return opened

    def finished(self) -> dict[str, list[tuple[int, int, str]]]:
        """By the file's name the bounds and the SHA-256 of the bytes that each piece has to itself, if it has any; an
        empty file is one such piece. What no reader has asked for is read first."""
        found: dict[str, list[tuple[int, int, str]]] = {}
        for piece, digest in self._digests.items():
            if digest.reached < digest.end:
                self._read_rest(piece, digest)
            if digest.start < digest.end or piece.file.size == 0:
                entry = (digest.start, digest.end, digest.hexdigest())
                found.setdefault(piece.file.name, []).append(entry)
        return found

    def _read_rest(self, piece: FileRange, digest: PieceDigest) -> None:
        with self.opener(piece)(piece.file) as opened:
            while digest.reached < digest.end:
                opened.read_missing()
