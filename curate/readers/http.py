"""The HTTP message inside a response record: its head, and its body as the page was before it was sent.

    block ─▶ status, fields, body ─▶ unchunk ─▶ gzip · deflate · br · zstd undone, never beyond a limit ─▶ payload

Crawlers store messages as sent, half undone, or with heads that no longer fit: a body that is not what its head says,
but plain, is taken as it is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brotli
import zstandard

from curate.readers.members import ZSTD_PIECE, ZstdInflater
from curate.readers.warc_blocks import HEADER_END, MAX_HEADER, parse_headers

STATUS_LINE = re.compile(rb"(?:HTTP|ICY)(?:/\d(?:\.\d)?)?[ \t]+(\d{3})(?=\D|$)", re.IGNORECASE)
CHUNK_LINE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
CHARSET = re.compile(rb"charset[ \t]*=[ \t]*[\"']?([^\s\"';,]+)", re.IGNORECASE)
MAX_ENCODINGS = 3
STEP = 64 << 10

Inflate = Callable[[bytes], Iterator[tuple[bytes, bool]]]
"""The pieces of the output, each with True where the encoded data may end."""


class BadHttp(Exception):
    """A message that cannot be read: `reason` is "bad_http", "bad_encoding" or "too_big"."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Head:
    """The first line's status, the fields (names in lower case), and where the body begins."""

    status: int
    fields: dict[bytes, bytes]
    body_start: int


def read_head(message: bytes) -> Head:
    """Raises BadHttp without a status line, or without an end in 64 KiB."""
    status = STATUS_LINE.match(message)
    if not status:
        raise BadHttp("bad_http", f"no status line: {message[:40]!r}")
    end = HEADER_END.search(message, 0, MAX_HEADER)
    if not end and len(message) >= MAX_HEADER:
        raise BadHttp("bad_http", f"no end of the HTTP head in {MAX_HEADER} bytes")
    body_start = end.end() if end else len(message)
    return Head(int(status[1]), parse_headers(message[:body_start]), body_start)


def media_type(content_type: bytes) -> tuple[str, str | None]:
    """Type in lower case without parameters, and the charset parameter: `text/html; charset=utf-8`."""
    charset = CHARSET.search(content_type)
    mime = re.split(rb"[;,\s]", content_type.strip(), maxsplit=1)[0]
    return mime.decode("latin-1").lower(), charset[1].decode("latin-1") if charset else None


def read_payload(head: Head, message: bytes, *, max_bytes: int, is_cut: bool = False) -> bytes:
    """The body without transfer and content encodings.

    Args:
        is_cut: the crawler says that it stored only the begin (WARC-Truncated): an encoding may end early.

    Raises:
        BadHttp: "bad_http" (broken chunks), "bad_encoding" (broken compression), "too_big" (over `max_bytes`).
    """
    body = message[head.body_start :]
    if b"chunked" in head.fields.get(b"transfer-encoding", b"").lower():
        body = unchunk(body, is_cut=is_cut)
    for name in _encodings(head):
        decoded = _decode(name, body, max_bytes, is_cut)
        if decoded is None:
            break
        body = decoded
    return body


def unchunk(body: bytes, *, is_cut: bool = False) -> bytes:
    """The chunks put together; the body itself if it does not begin with a chunk. Raises BadHttp."""
    line = CHUNK_LINE.match(body)
    if not line:
        return body
    chunks, position = [], 0
    while line and (size := int(line[1], 16)):
        chunk = body[line.end() : line.end() + size]
        chunks.append(chunk)
        position = line.end() + len(chunk)
        if len(chunk) < size:
            return _short_chunk(body, chunks, f"a chunk of {size} bytes has {len(chunk)}", is_cut)
        position += 2 if body.startswith(b"\r\n", position) else body.startswith(b"\n", position)
        line = CHUNK_LINE.match(body, position)
    if not line and position < len(body):
        return _short_chunk(body, chunks, f"no chunk begins with {body[position : position + 16]!r}", is_cut)
    return b"".join(chunks)


def _short_chunk(body: bytes, chunks: list[bytes], detail: str, is_cut: bool) -> bytes:
    """Text whose first line looks like a size ("2024\\n") is no chunk: then nothing of it was one."""
    if is_cut:
        return b"".join(chunks)
    if len(chunks) == 1 and b"\r\n" not in body[:20]:
        return body
    raise BadHttp("bad_http", f"broken chunks: {detail}")


def _encodings(head: Head) -> list[str]:
    """The encodings to undo, the last applied first."""
    names = head.fields.get(b"content-encoding", b"").decode("latin-1").lower().split(",")
    encodings = [name.strip() for name in names if name.strip() not in ("", "identity", "none", "utf-8")]
    if len(encodings) > MAX_ENCODINGS:
        raise BadHttp("bad_encoding", f"{len(encodings)} content encodings, at most {MAX_ENCODINGS} are undone")
    return encodings[::-1]


def _decode(name: str, body: bytes, max_bytes: int, is_cut: bool) -> bytes | None:
    """The body decoded, or None where it is plain text in spite of its head."""
    error = f"content encoding {name!r} is not known"
    for inflate in _inflaters(name):
        try:
            return _drain(inflate, body, max_bytes, is_cut)
        except (zlib.error, zstandard.ZstdError, brotli.error, EOFError) as problem:
            error = f"{name}: {problem}"
    if looks_like_text(body):
        return None
    raise BadHttp("bad_encoding", error)


def looks_like_text(body: bytes) -> bool:
    """No control character in the first 1,024 bytes (WHATWG MIME sniffing's "binary data byte")."""
    return not CONTROL.search(body, 0, 1024)


def _inflaters(name: str) -> Iterator[Inflate]:
    """The decoders to try."""
    if name in ("gzip", "x-gzip"):
        yield lambda body: _inflate_members(lambda: zlib.decompressobj(31), body, STEP)
    elif name in ("deflate", "x-deflate"):
        yield lambda body: _inflate_members(zlib.decompressobj, body, STEP)
        yield lambda body: _inflate_members(lambda: zlib.decompressobj(-15), body, STEP)
    elif name == "zstd":
        yield lambda body: _inflate_members(ZstdInflater, body, ZSTD_PIECE)
    elif name == "br":
        yield _inflate_brotli


def _drain(inflate: Inflate, body: bytes, max_bytes: int, is_cut: bool) -> bytes:
    pieces, size, is_whole = [], 0, not body
    for piece, may_end in inflate(body):
        is_whole, size = may_end, size + len(piece)
        if size > max_bytes:
            raise BadHttp("too_big", f"the payload decodes to over {max_bytes} bytes")
        pieces.append(piece)
    if not is_whole and not is_cut:
        raise EOFError("the encoded data ends early")
    return b"".join(pieces)


def _inflate_members(new: Callable[[], Any], body: bytes, step: int) -> Iterator[tuple[bytes, bool]]:
    """All members one after the other; what follows them and is none is ignored, as browsers do."""
    position, is_whole = 0, False
    while position < len(body):
        inflater = new()
        try:
            while not inflater.eof:
                fed = body[position : position + step]
                piece = inflater.decompress(fed, STEP)
                position += len(fed) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
                yield piece, inflater.eof
                if not fed and not piece:
                    return
        except (zlib.error, zstandard.ZstdError):
            if not is_whole:
                raise
            return
        is_whole = True


def _inflate_brotli(body: bytes) -> Iterator[tuple[bytes, bool]]:
    decoder = brotli.Decompressor()
    for start in range(0, len(body), STEP):
        piece = decoder.process(body[start : start + STEP], output_buffer_limit=STEP)
        while piece or not decoder.can_accept_more_data():
            yield piece, decoder.is_finished()
            piece = decoder.process(b"", output_buffer_limit=STEP)
        if decoder.is_finished():
            yield b"", True
            return
