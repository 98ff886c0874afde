"""A file on a server as a binary file that is read and sought in: a jump is a request for just what is read there,
reading on a request for much.

WebFile.read(n) ─▶ web.fetch, object_files.fetch_stored ─▶ size and ETag as planned? ─▶ bytes
                                                                     └ no ─▶ RunConflict
"""

from __future__ import annotations

import io
from typing import Any

from curate.batch import Pulse, no_pulse
from curate.engine import kept
from curate.engine.object_address import is_stored
from curate.engine.object_files import fetch_stored, look_stored
from curate.engine.plan import changed_since_planned
from curate.engine.web import fetch, is_web, look

AHEAD_BYTES = 32 << 20
"""A read that goes on where the last one ended brings so many: a busy store turns requests away, not bytes."""
FIRST_STEP = 32 << 10
"""Half of what is fetched first behind the bytes that a reader has to itself; then twice as much each time."""


class WebFile(io.RawIOBase):
    """`size` and `version` are those of the plan: an answer of any others is refused. Behind `until` (default: the end
    of the file) little more is fetched than is read there."""

    def __init__(self, uri: str, size: int, version: str, pulse: Pulse = no_pulse, *, until: int | None = None) -> None:
        self._uri, self._size, self._version, self._pulse = uri, size, version, pulse
        self._until = size if until is None else min(until, size)
        self._position, self._step = 0, FIRST_STEP
        self._page, self._begin = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return self._size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """
        Raises:
            RunConflict: the file is another one than was planned.
            MachineError, UsageError: as `web.fetch` and `fetch_stored` do.
        """
        wanted = self._size if size is None or size < 0 else size
        end = min(self._position + wanted, self._size)
        data = self._at(self._position, end) if self._position < end else b""
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _at(self, start: int, end: int) -> bytes:
        page_end = self._begin + len(self._page)
        if self._page and self._begin <= start <= page_end < end:  # it reads on
            rest = self._page[start - self._begin :]
            self._page, self._begin = rest + self._fetch(page_end, max(end, self._ahead(page_end))), start
        elif not self._begin <= start <= end <= page_end:
            self._page, self._begin = self._fetch(start, end), start
        return self._page[start - self._begin : end - self._begin]

    def _ahead(self, position: int) -> int:
        """How far to fetch from here on; behind `until` a little at first, as not much will be wanted there."""
        if position < self._until:
            return min(position + AHEAD_BYTES, self._until)
        self._step = min(self._step * 2, AHEAD_BYTES)
        return min(position + self._step, self._size)

    def _fetch(self, start: int, end: int) -> bytes:
        fetch_bytes = fetch_stored if is_stored(self._uri) else fetch
        answer = fetch_bytes(self._uri, start, end, self._pulse)
        if (answer.size, answer.version) != (self._size, self._version):
            kept.forget(self._uri)
            raise changed_since_planned(self._uri)
        return answer.data


def open_web(uri: str) -> WebFile:
    """The file as it is now."""
    return WebFile(uri, *look_at(uri))


def look_at(uri: str) -> tuple[int, str]:
    """Size and version of a file on a server.

    Raises:
        MachineError, UsageError: as `WebFile.read` does.
    """
    return look_stored(uri) if is_stored(uri) else look(uri)


def is_on_server(uri: str) -> bool:
    """Whether each answer tells what file it is of: a web server's and an object store's do."""
    return is_web(uri) or is_stored(uri)
