"""The members of a WARC file: gzip members or zstd frames, found wherever they begin, and inflated piece by piece.

    file ─▶ find_format ─▶ Codec, or "plain" ─▶ find_start ─▶ Member that begins with a record ─▶ inflated bytes

A member that begins with "WARC/", or in an ARC file with the line of a record, is a *start*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import zstandard
from isal import isal_zlib
from isal.isal_zlib import IsalError

from curate.readers.pages import Pages

MAX_INFLATED = 256 << 10  # bytes inflated in one call
MAX_RATIO = 100  # real pages stay under 30; deflate itself ends at 1032
MAX_PEEK = 4 << 10  # compressed bytes looked at to tell whether a member begins a record
MAX_PULSE = 16 << 20  # inflated bytes between two pulses
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
