"""The bytes of an input in bounded chunks, unpacked by the suffix of its name.

    raw file ─▶ .gz  .bz2  .xz  .zst  or plain ─▶ chunk, chunk, … ─▶ the end, or Unreadable where the damage begins

All bytes before the damage are handed on first, so what was whole stays readable.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard

from curate.batch import Pulse, no_pulse
from curate.errors import MachineError

CHUNK_BYTES = 1 << 18
MAX_CHUNK_BYTES = 1 << 20
ZSTD_INPUT_BYTES = 1 << 10  # a zstd block of 4 bytes can unpack to 128 KiB, so 1 KiB of them to 32 MiB
PULSE_BYTES = 16 << 20
PULSE_INPUT_BYTES = 1 << 20
FREE_BYTES = 1 << 29
MAX_RATIO = 200
MAX_XZ_MEMORY = 256 << 20  # the strongest preset of xz asks for 65 MiB
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


class Unreadable(Exception):
    """Why something could not be read. Stays inside the readers, who turn it into a `Lost` with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def inflate(raw: Any, *, name: str, pulse: Pulse = no_pulse) -> Iterator[bytes]:
    """Non-empty chunks of the unpacked bytes of a binary file object; several gzip members or frames are one stream.

    Raises:
        Unreadable: "truncated" (the stream stops before its end), "corrupt", or "bomb" (`max_inflated`).
        MachineError: the file could not be read, whatever it holds.
    """
    source = _Source(raw, pulse)
    suffix = name[name.rfind(".") :].lower()
    return _watched(_open(source, suffix), source, pulse)


def max_inflated(packed_bytes: int) -> int:
    """What so many packed bytes may unpack to. Text that people wrote packs to a tenth, logs to a hundredth; a file
    made to fill memories and days goes further."""
    return FREE_BYTES + MAX_RATIO * packed_bytes


def _watched(chunks: Iterator[bytes], source: _Source, pulse: Pulse) -> Iterator[bytes]:
    inflated = pulsed = 0
    for piece in _pieces(chunks):
        inflated += len(piece)
        if inflated - pulsed >= PULSE_BYTES:
            pulsed = inflated
            pulse()
        if inflated > max_inflated(source.bytes_read):
            raise Unreadable("bomb", f"{source.bytes_read} bytes unpack to over {inflated - len(piece)}")
        yield piece


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), MAX_CHUNK_BYTES):
            yield chunk[start : start + MAX_CHUNK_BYTES]


class InflatedFile(io.RawIOBase):
    """Chunks as a file object that reads forward. A read is short rather than lost when damage comes next."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Source:
    """A file whose own failures cannot be taken for damage: some decoders report that as OSError too."""

    def __init__(self, raw: Any, pulse: Pulse) -> None:
        self._raw, self._pulse = raw, pulse
        self.bytes_read = self._pulsed = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._raw.read(size)
        except OSError as error:
            raise MachineError(f"reading failed: {error}") from error
        self.bytes_read += len(data)
        if self.bytes_read - self._pulsed >= PULSE_INPUT_BYTES:  # a million empty members give nothing for long
            self._pulsed = self.bytes_read
            self._pulse()
        return data

    def write(self, data: bytes) -> int:  # bz2 and lzma take only objects with read and write for files
        raise io.UnsupportedOperation("opened for reading")


def _open(source: Any, suffix: str) -> Iterator[bytes]:
    if suffix in (".gz", ".tgz"):
        return _chunks(gzip.GzipFile(fileobj=source, mode="rb"))
    if suffix in (".bz2", ".tbz2", ".tbz"):
        return _chunks(bz2.BZ2File(source))
    if suffix in (".xz", ".txz"):
        return _xz_chunks(source)
    return _zstd_chunks(source) if suffix in (".zst", ".tzst") else _chunks(source)


def _chunks(stream: Any) -> Iterator[bytes]:
    # read1 does at most one step of the decoder: it returns what there is before the step that fails.
    read = getattr(stream, "read1", stream.read)
    while chunk := _read(read):
        yield chunk


def _read(read: Any) -> bytes:
    try:
        chunk: bytes = read(CHUNK_BYTES)
    except EOFError as error:
        raise Unreadable("truncated", str(error)) from error
    except (OSError, zlib.error) as error:
        raise Unreadable("corrupt", str(error)) from error
    return chunk


def _xz_chunks(source: Any) -> Iterator[bytes]:
    """`lzma.LZMAFile` takes as much memory as the file's header asks for; hence stream by stream here."""
    data = source.read(CHUNK_BYTES)
    while data:
        stream = lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY)
        while not stream.eof:
            if stream.needs_input and not data:
                raise Unreadable("truncated", "the xz stream stops before its end")
            if chunk := _unxz(stream, data):
                yield chunk
            data = source.read(CHUNK_BYTES) if stream.needs_input and not stream.eof else b""
        data = _without_padding(stream.unused_data or source.read(CHUNK_BYTES), source)


def _without_padding(data: bytes, source: Any) -> bytes:
    """What follows the zeros that may stand between streams."""
    while data and not (rest := data.lstrip(b"\0")):
        data = source.read(CHUNK_BYTES)
    return rest if data else b""


def _unxz(stream: lzma.LZMADecompressor, data: bytes) -> bytes:
    try:
        return stream.decompress(data, CHUNK_BYTES)
    except lzma.LZMAError as error:
        raise Unreadable("corrupt", str(error)) from error


def _zstd_chunks(source: Any) -> Iterator[bytes]:
    """`zstandard`'s own stream reader ends silently in a cut frame, hence frame by frame here."""
    data = source.read(ZSTD_INPUT_BYTES)
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof:
            if not data:
                raise Unreadable("truncated", "the zstd frame stops before its end")
            if chunk := _unzstd(frame, data):
                yield chunk
            data = frame.unused_data if frame.eof else source.read(ZSTD_INPUT_BYTES)
        data = data or source.read(ZSTD_INPUT_BYTES)


def _unzstd(frame: Any, data: bytes) -> bytes:
    try:
        chunk: bytes = frame.decompress(data)
    except zstandard.ZstdError as error:
        raise Unreadable("corrupt", str(error)) from error
    return chunk
