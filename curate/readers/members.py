"""The bytes of a WARC file as runs that records lie in, found again after damage.

    file ─▶ find_format ─▶ gzip, zstd:  members that start with a record ─▶ a Chain each: it, and what continues it
                           plain:       the file itself                  ─▶ PlainRun

A member that begins with "WARC/", or in an ARC file with the line of a record, is a *start*. Everything between two
starts belongs to the first of them, so any two neighboring ranges of a file, wherever they are cut, read every member
once and report every damage once.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import zstandard
from isal import isal_zlib
from isal.isal_zlib import IsalError

from curate.batch import Pulse, no_pulse
from curate.errors import MachineError

PAGE = 4 << 20  # bytes read from storage at once
MARGIN = 64 << 10  # the same, before and behind the range that is read
MAX_INFLATED = 256 << 10  # bytes inflated in one call
MAX_WHOLE = 1 << 20  # inflated bytes of a member that is handed on in one piece
MAX_RATIO = 100  # real pages stay under 30; deflate itself ends at 1032
MAX_PEEK = 4 << 10  # compressed bytes looked at to tell whether a member begins a record
MAX_PULSE = 16 << 20  # inflated bytes between two pulses
LONGEST_MATCH = 32  # of the magics
TRIES, BYTES_A_TRY = 1_000, 64  # how often bytes that look like a member are inflated: at first, and for each so many


@dataclass(frozen=True, slots=True)
class Kind:
    """Of what form the records are: what one begins with, in so many bytes (or its first line), and the pattern by
    which the next one is found in any bytes, which matches no more than `longest`."""

    name: str
    start: re.Pattern[bytes]
    needed: int
    resume: re.Pattern[bytes]
    longest: int


ARC_LINE = (  # URL, IP address, time, type (and more in version 2), length
    rb"[a-z][a-z0-9+.-]{1,20}:[^\r\n]{1,8000}?[ \t][0-9a-f.:-]{1,45}[ \t]\d{8,18}[ \t][^\r\n]{1,400}[ \t]-?\w{1,20}"
    rb"[ \t]*\r?\n"
)
WARC = Kind(
    "WARC",
    re.compile(rb"WARC/"),
    5,
    re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n(?i:WARC|Content)-"),
    32,
)
ARC = Kind("ARC", re.compile(ARC_LINE, re.IGNORECASE), 10_000, re.compile(b"(?m:^)" + ARC_LINE, re.IGNORECASE), 10_000)
PLAIN = {"plain": WARC, "arc": ARC}
ARC_FILE = b"filedesc://"
WARC_OR_ARC = (b"WARC/", ARC_FILE[:5])


class DamagedMember(Exception):
    """A member that does not inflate: the bytes [start, end) of the file are lost."""

    def __init__(self, reason: str, detail: str, start: int, end: int) -> None:
        super().__init__(f"{detail}; bytes {start}-{end}")
        self.reason = reason


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


class Pages:
    """A file through one page of memory, of which the range [start, end) is read. Raises MachineError where the file
    cannot be read, whatever it holds."""

    def __init__(self, file: Any, pulse: Pulse = no_pulse, *, start: int = 0, end: int | None = None) -> None:
        self._file, self.pulse = file, pulse
        self.size: int = file.size()
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
            page: bytes = self._file.read(max(size, ahead, MARGIN))
        except OSError as error:
            raise MachineError(f"reading failed at byte {position}: {error}") from error
        return page


class ZstdInflater:
    """zstandard's decompressor with the face of zlib's. It cannot limit its output, so it is fed in small pieces."""

    unconsumed_tail = b""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        self._frame = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=1 << 27).decompressobj()

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        return self._frame.decompress(data)

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data


@dataclass(frozen=True, slots=True)
class Codec:
    """How members look: their first bytes, and what inflates them, fed with `piece` bytes at a time.

    Small pieces, because both libraries copy what they did not need.
    """

    name: str
    magic: re.Pattern[bytes]
    lone_magic: re.Pattern[bytes]
    """The same where no other follows so soon that the member could not be whole."""
    inflater: Callable[[], Any]
    piece: int
    kind: Kind = WARC


GZIP = Codec(
    "gzip",
    re.compile(rb"\x1f\x8b\x08"),
    re.compile(rb"\x1f\x8b\x08(?!.{0,16}\x1f\x8b\x08)", re.DOTALL),
    lambda: isal_zlib.decompressobj(31),
    16 << 10,
)
ZSTD_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
LONE_ZSTD_MAGIC = re.compile(rb"(?:%b)(?!.{0,3}(?:%b))" % (ZSTD_MAGIC.pattern, ZSTD_MAGIC.pattern), re.DOTALL)
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
ZSTD_PIECE = 1 << 10  # 4 bytes can stand for 128 KiB: 32 MiB at most
MAX_DICTIONARY = 16 << 20


def zstd_codec(pages: Pages) -> Codec:
    """zstd with the dictionary that a .warc.zst may hold in its first, skippable frame (IIPC, Zstandard WARC 1.0)."""
    dictionary = _read_dictionary(pages)
    return Codec("zstd", ZSTD_MAGIC, LONE_ZSTD_MAGIC, lambda: ZstdInflater(dictionary), ZSTD_PIECE)


def _read_dictionary(pages: Pages) -> zstandard.ZstdCompressionDict | None:
    head = pages.at(0, 8)
    size = int.from_bytes(head[4:], "little")
    if not head.startswith(ZSTD_DICTIONARY) or size > MAX_DICTIONARY:
        return None
    data = pages.at(8, size)
    if ZSTD_MAGIC.match(data):
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            data = reader.read(MAX_DICTIONARY)
    return zstandard.ZstdCompressionDict(data)


def find_format(pages: Pages) -> Codec | str:
    """The codec by the file's first bytes, "plain", "arc" (plain, too), or "unknown"; a damaged begin is looked past.

    The file's name is not asked: downloads are often renamed.
    """
    head = pages.at(0, 256)
    codecs = (GZIP, zstd_codec(pages))
    for codec in codecs:
        if codec.magic.match(head):
            return _with_kind(pages, codec)
    if head.lstrip().startswith((b"WARC/", ARC_FILE)):
        return "arc" if head.lstrip().startswith(ARC_FILE) else "plain"
    for codec in (*codecs, *(replace(codec, kind=ARC) for codec in codecs)):
        if find_start(pages, codec, 0, pages.size) is not None:
            return codec
    found = (
        name for name, kind in PLAIN.items() if pages.find(kind.resume, 0, pages.size, longest=kind.longest) is not None
    )
    return next(found, "unknown")


def _with_kind(pages: Pages, codec: Codec) -> Codec:
    """ARC files begin with a record about themselves; where that is damaged, any other tells."""
    arc = replace(codec, kind=ARC)
    try:
        begin = Member(pages, codec, 0).peek()
    except DamagedMember:
        begin = b""
    if begin.startswith(WARC_OR_ARC):
        return arc if begin.startswith(ARC_FILE[:5]) else codec
    if find_start(pages, codec, 0, pages.size) is not None or find_start(pages, arc, 0, pages.size) is None:
        return codec
    return arc


def find_start(pages: Pages, codec: Codec, start: int, end: int) -> int | None:
    """The first position in [start, end) where a member begins that begins with a record.

    The time is linear in the bytes looked at, whatever they hold: where too many candidates prove wrong, as in no file
    that a crawler wrote, not all of them are tried.
    """
    tries, position = 0, start
    while (candidate := pages.find(codec.lone_magic, position, end)) is not None:
        position = candidate + 1
        if tries > TRIES + (candidate - start) // BYTES_A_TRY:
            continue
        tries += 1
        if tries % 256 == 0:
            pages.pulse()
        if _begins_record(Member(pages, codec, candidate)):
            return candidate
    return None


def _begins_record(member: Member) -> bool:
    try:
        return member.begins_record()
    except DamagedMember:
        return False


class Member:
    """One gzip member or zstd frame while it is inflated."""

    def __init__(self, pages: Pages, codec: Codec, offset: int, *, max_bytes: int = 1 << 62) -> None:
        self._pages, self._codec, self._max_bytes = pages, codec, max_bytes
        self.offset = self.position = offset
        self._inflater = codec.inflater()
        self._ready = b""
        self._inflated = 0

    def peek(self) -> bytes:
        """The first bytes, enough to tell a record; `more` will give them again.

        Gives up after a little input: a gzip head may hold a name without end, and a hostile file many of them.
        """
        needed = self._codec.kind.needed
        while len(self._ready) < needed and not self._inflater.eof and self.position < self.offset + MAX_PEEK:
            self._ready += self._step(MAX_PEEK)
            if b"\n" in self._ready:
                break
        return self._ready

    def begins_record(self) -> bool:
        return self._codec.kind.start.match(self.peek()) is not None

    def more(self) -> bytes:
        """The next bytes, b"" at the end, once the checksum was right. Raises DamagedMember."""
        if self._ready:
            ready, self._ready = self._ready, b""
            return ready
        return self._inflate()

    def rest(self, max_size: int) -> bytes | None:
        """All that is left, or None where that is more. Raises DamagedMember."""
        pieces, size = [self._ready], len(self._ready)
        while not self._inflater.eof and size <= max_size:
            pieces.append(self._step(self._codec.piece))
            size += len(pieces[-1])
        return b"".join(pieces) if size <= max_size else None

    def unread(self, data: bytes) -> None:
        self._ready = data + self._ready

    def _inflate(self) -> bytes:
        data = b""
        while not data and not self._inflater.eof:
            data = self._step(self._codec.piece)
        return data

    def _step(self, size: int) -> bytes:
        """What so many bytes of the file inflate to; maybe nothing yet."""
        inflater = self._inflater
        piece = self._pages.at(self.position, min(size, self._codec.piece))
        try:
            data: bytes = inflater.decompress(piece, MAX_INFLATED)
        except (IsalError, zstandard.ZstdError) as error:  # type: ignore[misc]  # its stubs declare an instance
            raise self._damage("corrupt", f"{self._codec.name}: {error}") from None
        self.position += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
        if not (piece or data or inflater.eof):
            raise self._damage("truncated", f"the file ends inside a {self._codec.name} member")
        self._check_ratio(len(data))
        return data

    def _check_ratio(self, size: int) -> None:
        self._inflated += size
        if self._inflated // MAX_PULSE > (self._inflated - size) // MAX_PULSE:
            self._pages.pulse()
        if self._inflated > self._max_bytes and self._inflated > MAX_RATIO * (self.position - self.offset):
            raise self._damage("too_big", f"a {self._codec.name} member inflates to over {self._inflated} bytes")

    def _damage(self, reason: str, detail: str) -> DamagedMember:
        return DamagedMember(reason, detail, self.offset, self.position)


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
