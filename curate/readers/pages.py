"""A large file through one page of memory: read in great pieces, looked at in small ones.

file ─▶ 4 MB at a time of the range that is read, little of what lies around it ─▶ bytes at a position, or a pattern
"""

from __future__ import annotations

import re
from typing import Any

from curate.batch import Pulse, no_pulse
from curate.errors import MachineError

PAGE = 4 << 20  # bytes read from storage at once
MARGIN = 64 << 10  # the same, before and behind the range that is read
LONGEST_MATCH = 32  # of the patterns that are looked for, unless they say otherwise


class Pages:
    """A file through one page of memory, of which the range [start, end) is read. Raises MachineError where the file
    cannot be read, whatever it holds."""

    def __init__(
        self, file: Any, pulse: Pulse = no_pulse, *, start: int = 0, end: int | None = None, is_cut: bool = False
    ) -> None:
        """With `is_cut` the file ends for its reader at `end`, whatever follows there."""
        self._file, self.pulse = file, pulse
        self.size: int = min(file.size(), end) if is_cut and end is not None else file.size()
        self._start, self._end = start, self.size if end is None else end
        self._page, self._begin = b"", 0

    def at(self, position: int, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end of the file."""
        inside = self._load(position, size)
        return self._page[inside : inside + size]

    def find(self, pattern: re.Pattern[bytes], start: int, end: int, *, longest: int = LONGEST_MATCH) -> int | None:
        """Where the pattern first matches, beginning in [start, end); it matches no more than `longest` bytes."""
        while start < end:
            inside = self._load(start, longest)
            match = pattern.search(self._page, inside)
            if match:
                found = self._begin + match.start()
                return found if found < end else None
            page_end = self._begin + len(self._page)
            start = page_end - longest + 1 if page_end < self.size else end
        return None

    def _load(self, position: int, size: int) -> int:
        """Have these bytes in the page; returns where in it they begin."""
        page_end = self._begin + len(self._page)
        if position < self._begin or (position + size > page_end and page_end < self.size):
            self._page, self._begin = self._read(position, size), position
        return position - self._begin

    def _read(self, position: int, size: int) -> bytes:
        self.pulse()
        # What lies outside of the range is another split's to read: of that, not much more than is asked for.
        ahead = min(PAGE, self._end - position) if position >= self._start else 0
        try:
            self._file.seek(position)
            page: bytes = self._file.read(min(max(size, ahead, MARGIN), max(self.size - position, 0)))
        except OSError as error:
            raise MachineError(f"reading failed at byte {position}: {error}") from error
        return page
