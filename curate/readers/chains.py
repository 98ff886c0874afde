"""The bytes of a WARC file as runs that records lie in, found again after damage.

    file ─▶ gzip, zstd:  members that start with a record ─▶ a Chain each: it, and what continues it
            plain:       the file itself                  ─▶ PlainRun

Everything between two starts belongs to the first of them, so any two neighboring ranges of a file, wherever they are
cut, read every member once and report every damage once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from curate.readers.members import WARC, Codec, DamagedMember, Kind, Member, find_start
from curate.readers.pages import Pages

MAX_WHOLE = 1 << 20  # inflated bytes of a member that is handed on in one piece


class ByteRun(Protocol):
    """A run of bytes that records lie in, one after the other."""

    position: int
    """Where `more` goes on: counted in bytes of the file for a plain one, in inflated bytes for a chain."""
    kind: Kind
    is_checked: bool
    """True where a checksum covers the bytes."""

    def more(self) -> bytes | None:
        """The next bytes; b"" once at the end of each member; None at the end. Raises DamagedMember."""

    def jump(self, position: int) -> int:
        """Go on at this position; returns the one reached, which is less where the run ends before."""

    def locate(self, position: int) -> tuple[int, int]:
        """Where a position lies: offset of its member in the file, and offset inside the inflated member."""


def chains(pages: Pages, codec: Codec, start: int, end: int, *, max_bytes: int) -> Iterator[Chain]:
    """The chains that start in [start, end); read each to its end before asking for the next.

    The range that begins at 0 also takes what stands there and is no start: an empty or a damaged member.
    """
    if start == 0 and codec.magic.match(pages.at(0, 4)):
        first: int | None = 0
    else:
        first = find_start(pages, codec, start, end)
    following = None if first is None else Member(pages, codec, first, max_bytes=max_bytes)
    while following and following.offset < end:
        chain = Chain(pages, codec, following, max_bytes=max_bytes)
        yield chain
        following = chain.next


class Chain:
    """The run from one start to the next: nearly always one member with one record.

    A member that does not begin with a record goes on where the one before ended (block-gzipped files, records cut
    into a head and a payload member). When the run has ended, `next` is the next start, and `gap` the bytes before
    it that are no member.
    """

    def __init__(self, pages: Pages, codec: Codec, first: Member, *, max_bytes: int) -> None:
        self._pages, self._codec, self._max_bytes = pages, codec, max_bytes
        self._first_offset, self.kind = first.offset, codec.kind
        self.is_checked = True
        self._begin(first)

    def _begin(self, member: Member) -> None:
        self._member = member
        self.position = 0
        self._marks = deque([(0, member.offset)])
        self._told_end = self._ended = False
        self.next: Member | None = None
        self.gap: tuple[int, int] | None = None

    def whole(self) -> bytes | None:
        """All of a run that is like nearly all: one member, not too big, before another start or the end of the file.
        None where anything is otherwise; then the run is as if it had not been asked, and is read piece by piece."""
        try:
            data = self._member.rest(min(MAX_WHOLE, self._max_bytes))
            end = self._member.position
            is_last = end == self._pages.size
            following = self._open(end) if not is_last and self._codec.magic.match(self._pages.at(end, 4)) else None
            if data and (is_last or (following is not None and following.begins_record())):
                self.position, self.next, self._ended = len(data), following, True
                return data
        except DamagedMember:
            pass  # it is met again, and named, where the pieces are read
        self._begin(self._open(self._first_offset))
        return None

    def more(self) -> bytes | None:
        if self._ended:
            return None
        try:
            return self._more()
        except DamagedMember as damage:
            self._ended = True
            raise self._widen(damage) from None

    def _more(self) -> bytes | None:
        data = self._member.more()
        if data:
            self.position += len(data)
            return data
        if not self._told_end:
            self._told_end = True
            return b""
        return self._more() if self._continue() else None

    def _continue(self) -> bool:
        """Step to the member that follows; False, and the run has ended, where none does or it is a start."""
        end = self._member.position
        if self._codec.magic.match(self._pages.at(end, 4)):
            following = self._open(end)
            self._member, self._told_end = following, False
            self._marks.append((self.position, end))
            self._ended = following.begins_record()
            self.next = following if self._ended else None
        else:
            self._ended = True
            self.next = self._find(end)
            gap_end = self.next.offset if self.next else self._pages.size
            self.gap = (end, gap_end) if end < gap_end else None
        return not self._ended

    def _widen(self, damage: DamagedMember) -> DamagedMember:
        """The damage reaches to the next start; a member is only truncated where nothing follows it."""
        self.next = self._find(self._member.offset + 1)
        end = self.next.offset if self.next else self._pages.size
        reason = "corrupt" if damage.reason == "truncated" and self.next else damage.reason
        return DamagedMember(reason, str(damage).rpartition("; bytes")[0], self._member.offset, end)

    def _find(self, position: int) -> Member | None:
        found = find_start(self._pages, self._codec, position, self._pages.size)
        return None if found is None else self._open(found)

    def _open(self, offset: int) -> Member:
        return Member(self._pages, self._codec, offset, max_bytes=self._max_bytes)

    def jump(self, position: int) -> int:
        if position < self.position:
            self._begin(self._open(self._first_offset))
        while self.position < position and (data := self.more()) is not None:
            if self.position > position:
                self._member.unread(data[position - self.position :])
                self.position = position
        return self.position

    def locate(self, position: int) -> tuple[int, int]:
        while len(self._marks) > 1 and self._marks[1][0] <= position:
            self._marks.popleft()
        begin, offset = self._marks[0]
        return offset, position - begin


class PlainRun:
    """An uncompressed file from one record's start on."""

    is_checked = False

    def __init__(self, pages: Pages, start: int, *, kind: Kind = WARC, step: int = 256 << 10) -> None:
        self._pages, self._step, self.kind = pages, step, kind
        self.position = start

    def more(self) -> bytes | None:
        data = self._pages.at(self.position, self._step)
        self.position += len(data)
        return data or None

    def jump(self, position: int) -> int:
        self.position = min(position, self._pages.size)
        return self.position

    def locate(self, position: int) -> tuple[int, int]:
        return position, 0
