"""WARC records cut out of a run of bytes, with the next one found again after a wrong header or length.

    run ─▶ Window (a buffer with a cursor) ─▶ header, body, what follows is a record or the end? ─▶ Block | Damage

A record is handed on only after what follows it was seen, so the checksum of its gzip member was right by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from curate.readers.arc_line import BadLine, read_arc_line
from curate.readers.chains import ByteRun
from curate.readers.members import ARC, DamagedMember

MAX_HEADER = 64 << 10
MAX_DIGITS = 18  # of a length
MAX_STRAY = 16  # bytes after a record's end; StormCrawler once wrote a NUL there
KEPT_OF_TOO_BIG = 64 << 10  # enough to see what it was: an HTTP head
BLANK = re.compile(rb"[\r\n]*")
LINE_END = re.compile(rb"\n")
HEADER_END = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class WarcBlock:
    """One WARC record. `place` is its member's offset in the file and its own inside the inflated member.

    Header names are in lower case. `body` is shorter than `length` where the record was too big to keep.
    `is_checked` says that the checksum of its gzip member was compared.
    """

    place: tuple[int, int]
    headers: dict[bytes, bytes]
    body: bytes
    length: int
    is_checked: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """A record, or a stretch between records, that cannot be read."""

    place: tuple[int, int]
    reason: str
    detail: str


class _BadBlock(Exception):
    def __init__(self, reason: str, detail: str, *, is_short: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.is_short = reason, is_short


def read_blocks(run: ByteRun, *, max_bytes: int, end: int | None = None) -> Iterator[WarcBlock | Damage]:
    """All records of the run that start before `end`; one Damage for each that is broken.

    Bodies over `max_bytes` are skipped but for their first 64 KiB. Memory: about twice `max_bytes`.
    """
    window = _Window(run)
    while True:
        start = window.position
        try:
            if not window.skip_blank() or (end is not None and window.position >= end):
                return
            start = window.begin_record()
            item = _read_or_resynchronize(window, start, max_bytes)
        except DamagedMember as damage:
            yield Damage(run.locate(start), damage.reason, str(damage))
            return
        yield item


def read_whole(data: bytes, place: tuple[int, int], *, max_bytes: int) -> WarcBlock | None:
    """The record that all bytes of a checked member are, as `read_blocks` would give it; None where they are not
    exactly one record of WARC."""
    header = HEADER_END.search(data, 0, MAX_HEADER)
    if header is None or not data.startswith(b"WARC/"):
        return None
    headers, start = parse_headers(data[: header.end()]), header.end()
    length = headers.get(b"content-length", b"")
    end = start + int(length) if length.isdigit() and len(length) <= MAX_DIGITS else -1
    if data[end:] != b"\r\n\r\n" or end - start > max_bytes:
        return None
    return WarcBlock(place, headers, data[start:end], end - start, is_checked=True)


def _read_or_resynchronize(window: _Window, start: int, max_bytes: int) -> WarcBlock | Damage:
    try:
        return _read_block(window, start, max_bytes)
    except _BadBlock as bad:
        is_found = window.go_to_next_record()
        is_truncated = bad.is_short and not is_found and not window.run.is_checked
        unit = "inflated bytes" if window.run.is_checked else "bytes"
        detail = f"{bad}; {unit} {start}-{window.position}"
        return Damage(window.run.locate(start), "truncated" if is_truncated else bad.reason, detail)


def _read_block(window: _Window, start: int, max_bytes: int) -> WarcBlock:
    headers = _read_arc_header(window) if window.run.kind is ARC else parse_headers(_read_header(window))
    window.begin_body()
    length = _content_length(headers)
    kept = length if length <= max_bytes else min(max_bytes, KEPT_OF_TOO_BIG)
    body = window.take(kept)
    if len(body) < kept or not window.skip(length - kept):
        raise _BadBlock("bad_length", f"Content-Length {length}, but the data ends before", is_short=True)
    is_closed = window.run.kind is not ARC and window.starts_with(b"\r\n\r\n")  # then what follows may be garbage
    is_last = not window.skip_blank(stop_at_boundary=True)
    if not is_last and is_closed and window.run.is_checked:
        is_last = window.skip_stray()
    if not is_last and not (is_closed and not window.run.is_checked) and not window.begins_record():
        raise _BadBlock("bad_length", f"Content-Length {length}, but no record begins there")
    return WarcBlock(window.run.locate(start), headers, body, length, is_checked=is_last and window.run.is_checked)


def _read_header(window: _Window) -> bytes:
    if not window.begins_record():
        raise _BadBlock("garbage", f"no record begins with {window.first(16)!r}")
    header = window.take_through(HEADER_END, MAX_HEADER)
    if header is None:
        is_short = window.available < MAX_HEADER
        raise _BadBlock("bad_header", f"no end of the header in {window.available} bytes", is_short=is_short)
    return header


def _read_arc_header(window: _Window) -> dict[bytes, bytes]:
    line = window.take_through(LINE_END, MAX_HEADER)
    if line is None:
        raise _BadBlock("garbage", f"no record begins with {window.first(16)!r}")
    try:
        return read_arc_line(line)
    except BadLine as error:
        raise _BadBlock("bad_header", str(error)) from None


def parse_headers(
    head: bytes, lists: frozenset[bytes] = frozenset(), statements: frozenset[bytes] = frozenset()
) -> dict[bytes, bytes]:
    """The fields of a WARC or HTTP head after its first line, names in lower case, folded lines joined.

    The first of several with one name counts; those in `lists` are one list, whose parts commas divide;
    those in `statements` stay apart, one a line.
    """
    fields: dict[bytes, bytes] = {}
    for line in _unfold(head).split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            name = name.strip().lower()
            if name not in fields:
                fields[name] = value.strip()
            elif name in lists:
                fields[name] += b", " + value.strip()
            elif name in statements:
                fields[name] += b"\n" + value.strip()
    return fields


def _unfold(head: bytes) -> bytes:
    return re.sub(rb"\r?\n[ \t]+", b" ", head) if b"\n " in head or b"\n\t" in head else head


def _content_length(headers: dict[bytes, bytes]) -> int:
    text = headers.get(b"content-length")
    if text is None:
        raise _BadBlock("bad_length", "no Content-Length")
    if not text.isdigit() or len(text) > MAX_DIGITS:
        raise _BadBlock("bad_length", f"Content-Length {text[:40]!r}")
    return int(text)


class _Window:
    """The bytes of a run from the current record's start on."""

    def __init__(self, run: ByteRun) -> None:
        self.run = run
        self._data = bytearray()
        self._cursor = 0
        self._base = run.position
        self._boundary = -1
        self._retry = self._base

    @property
    def position(self) -> int:
        return self._base + self._cursor

    @property
    def available(self) -> int:
        return len(self._data) - self._cursor

    def begin_record(self) -> int:
        """Forget what lies before; returns the position."""
        self._forget()
        self._retry = self._base + 1
        return self._base

    def begin_body(self) -> None:
        """From here on the next record is looked for, should this one prove wrong."""
        self._retry = self.position

    def first(self, size: int) -> bytes:
        return bytes(self._data[self._cursor : self._cursor + size])

    def begins_record(self) -> bool:
        kind = self.run.kind
        while not kind.start.match(self._data, self._cursor):
            if self.available >= kind.needed or not self._pull():
                return False
        return True

    def starts_with(self, prefix: bytes) -> bool:
        while self.available < len(prefix) and self._pull():
            pass
        return self._data.startswith(prefix, self._cursor)

    def skip_blank(self, *, stop_at_boundary: bool = False) -> bool:
        """Step over line ends; False at the end of the run or, if asked, of a member."""
        while True:
            self._cursor = BLANK.match(self._data, self._cursor).end()  # type: ignore[union-attr]
            if self.available:
                return True
            if (stop_at_boundary and self.position == self._boundary) or not self._pull():
                return False

    def skip_stray(self) -> bool:
        """Step over a few bytes before the end of the member or the next record; True at the end."""
        while self.available < MAX_STRAY + self.run.kind.needed and self._boundary <= self.position and self._pull():
            pass
        if self.position < self._boundary <= self.position + MAX_STRAY:
            self._cursor = self._boundary - self._base
            return True
        found = self.run.kind.start.search(self._data, self._cursor, self._cursor + MAX_STRAY + self.run.kind.needed)
        if found:
            self._cursor = found.start()
        return False

    def take(self, size: int) -> bytes:
        """The next bytes, fewer at the end of the run."""
        while self.available < size and self._pull():
            pass
        taken = bytes(memoryview(self._data)[self._cursor : self._cursor + size])
        self._cursor += len(taken)
        return taken

    def take_through(self, pattern: re.Pattern[bytes], max_size: int) -> bytes | None:
        """The next bytes through the first match, or None (and nothing taken) without one in `max_size` bytes."""
        while not (match := pattern.search(self._data, self._cursor, self._cursor + max_size)):
            if self.available >= max_size or not self._pull():
                return None
        return self.take(match.end() - self._cursor)

    def skip(self, size: int) -> bool:
        """Step over bytes without keeping them; False where the run ends before."""
        target = self.position + size
        self._cursor += min(size, self.available)
        if self.position < target:
            self._jump(target)
        return self.position == target

    def go_to_next_record(self) -> bool:
        """From the place of retry to the next record, or to the end of the run."""
        if self._retry < self._base:
            self._jump(self._retry)
        self._cursor = self._retry - self._base
        while not (match := self.run.kind.resume.search(self._data, self._cursor)):
            self._cursor = max(self._cursor, len(self._data) - self.run.kind.longest)
            self._forget()
            if not self._pull():
                self._cursor = len(self._data)
                return False
        self._cursor = match.start()
        return True

    def _forget(self) -> None:
        del self._data[: self._cursor]
        self._base += self._cursor
        self._cursor = 0

    def _jump(self, position: int) -> None:
        self._data.clear()
        self._cursor = 0
        self._base = self.run.jump(position)

    def _pull(self) -> bool:
        chunk = self.run.more()
        if chunk is None:
            return False
        self._data += chunk
        if not chunk:
            self._boundary = self._base + len(self._data)
        return True
