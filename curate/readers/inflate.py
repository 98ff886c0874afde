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

from curate.errors import MachineError

CHUNK_BYTES = 1 << 18
ZSTD_INPUT_BYTES = 1 << 10  # a zstd block of 4 bytes can unpack to 128 KiB, so 1 KiB of them to 32 MiB
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


class Unreadable(Exception):
    """Why something could not be read. Stays inside the readers, who turn it into a `Lost` with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def inflate(raw: Any, *, name: str) -> Iterator[bytes]:
    """Non-empty chunks of the unpacked bytes of a binary file object; several gzip members or frames are one stream.

    Raises:
        Unreadable: "truncated" (the stream stops before its end) or "corrupt".
        MachineError: the file could not be read, whatever it holds.
    """
    source = _Source(raw)
    suffix = name[name.rfind(".") :].lower()
    if suffix in (".zst", ".tzst"):
        return _zstd_chunks(source)
    return _chunks(_open(source, suffix))


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

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._raw.read(size)
        except OSError as error:
            raise MachineError(f"reading failed: {error}") from error
        return data

    def write(self, data: bytes) -> int:  # bz2 and lzma take only objects with read and write for files
        raise io.UnsupportedOperation("opened for reading")


def _open(source: Any, suffix: str) -> Any:
    if suffix in (".gz", ".tgz"):
        return gzip.GzipFile(fileobj=source, mode="rb")
    if suffix in (".bz2", ".tbz2", ".tbz"):
        return bz2.BZ2File(source)
    if suffix in (".xz", ".txz"):
        return lzma.LZMAFile(source)
    return source


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
    except (OSError, zlib.error, lzma.LZMAError) as error:
        raise Unreadable("corrupt", str(error)) from error
    return chunk


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
