"""An input as a user's reader gets it: a binary file of Python's, whose reading shows that the work goes on.

InputFile ─▶ store ─▶ a stream that pulses where it comes further ─▶ io.BufferedReader
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from curate.batch import Pulse
from curate.engine.plan import InputFile
from curate.errors import MachineError
from curate.readers.watch import Watch

PULSE_BYTES = 1 << 20
BUFFER_BYTES = 1 << 16


@contextmanager
def open_watched(file: InputFile, watch: Watch) -> Iterator[BinaryIO]:
    """It pulses for each megabyte that was not read before.

    Raises:
        MachineError: the store failed, whatever the reader makes of that.
    """
    with watch.open(file) as raw, io.BufferedReader(_Stream(raw, file.uri, watch.pulse), BUFFER_BYTES) as opened:
        yield opened


class _Stream(io.RawIOBase):
    """How far a file was read; reading the same bytes again and again is no progress."""

    def __init__(self, raw: Any, name: str, pulse: Pulse) -> None:
        self._raw, self.name, self._pulse = raw, name, pulse
        self._next_pulse = PULSE_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = int(self._raw.readinto(buffer))
        except OSError as error:
            raise MachineError(f"{self.name} can't be read: {error}") from error
        if (at := self.tell()) >= self._next_pulse:
            self._next_pulse = at + PULSE_BYTES
            self._pulse()
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._raw.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._raw.tell())
