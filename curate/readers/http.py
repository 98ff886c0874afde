"""The HTTP message inside a response record: its head, and its body as the page was before it was sent.

    block ─▶ the last head of several ─▶ body ─▶ unchunk, gzip · deflate · br · zstd undone, within a limit ─▶ payload

Crawlers store messages as sent, half undone, or with heads that no longer fit: a body that is not what its head says,
but plain, is taken as it is. Interim answers (1xx), those of a proxy (CONNECT) and heads that stand twice come before
the head of the page, in the message or in its unchunked body.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import brotli
import zstandard

from curate.readers.members import ZSTD_PIECE, ZstdInflater
from curate.readers.rights import FIELDS
from curate.readers.warc_blocks import HEADER_END, MAX_HEADER, parse_headers

STATUS_LINE = re.compile(rb"(?:HTTP|ICY)(?:/\d(?:\.\d)?)?[ \t]+(\d{3})(?=\D|$)", re.IGNORECASE)
CHUNK_LINE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
CHARSET = re.compile(rb"charset[ \t]*=[ \t]*[\"']?([^\s\"';,]+)", re.IGNORECASE)
FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:|[ \t]")  # RFC 9112, 5; or the line before goes on
INNER_HEAD = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+\d{3}\b[^\r\n<]*\r?\n(?:\r?\n|[\w-]+:)", re.IGNORECASE)
TAG_IN_HEAD = re.compile(rb"\n(?=<[!?a-zA-Z])")
LISTS = frozenset({b"transfer-encoding", b"content-encoding", b"content-type"})
ENCODED = (b"transfer-encoding", b"content-encoding")
MAX_ENCODINGS = 3
MAX_HEADS = 8
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
    """The head of the final response; heads of others before it are stepped over.

    Raises:
        BadHttp: no status line, no end of the head in 64 KiB, or more than eight heads.
    """
    head = _read_head(message, 0)
    for _ in range(MAX_HEADS):
        if not begins_message(head, message, head.body_start):
            return head
        head = _read_head(message, head.body_start)
    raise BadHttp("bad_http", f"more than {MAX_HEADS} HTTP heads, one after the other")


def begins_message(head: Head, body: bytes, start: int = 0) -> bool:
    """Whether another head stands where the body of this one should. A plain text may well show one."""
    if 100 <= head.status < 200:
        return STATUS_LINE.match(body, start) is not None
    return INNER_HEAD.match(body, start) is not None and not _is_text(head.fields)


def _read_head(message: bytes, start: int) -> Head:
    status = STATUS_LINE.match(message, start)
    if not status:
        raise BadHttp("bad_http", f"no status line: {message[start : start + 40]!r}")
    end = HEADER_END.search(message, start, start + MAX_HEADER)
    head = message[start : end.end() if end else start + MAX_HEADER]
    fields = parse_headers(head, LISTS, FIELDS)
    length = _length_without_page(head, fields)
    if length == MAX_HEADER and not end:
        raise BadHttp("bad_http", f"no end of the HTTP head in {MAX_HEADER} bytes")
    if length < len(head):
        fields = parse_headers(head[:length], LISTS, FIELDS)
    return Head(int(status[1]), fields, start + length)


def _length_without_page(head: bytes, fields: dict[bytes, bytes]) -> int:
    """Where the page begins if no blank line stands before it: at its first tag, or, in plain text, after the last
    field. Other lines that are no fields are ignored, as browsers do."""
    if tag := TAG_IN_HEAD.search(head):
        return tag.end()
    if not _is_text(fields):
        return len(head)
    length = end_of_fields = 0
    for line in head.splitlines(keepends=True):
        length += len(line)
        if FIELD.match(line) or not end_of_fields:
            end_of_fields = length
    return end_of_fields if head[end_of_fields:].strip() else len(head)


def _is_text(fields: dict[bytes, bytes]) -> bool:
    return media_type(fields.get(b"content-type", b""))[0] == "text/plain"


@lru_cache(maxsize=512)  # a crawl says the same few things in each of its records; a header is 64 KiB at most
def media_type(content_type: bytes) -> tuple[str, str | None]:
    """Type in lower case without parameters, and the charset parameter: `text/html; charset=utf-8`.

    The last of several counts, as in browsers; an earlier one of the same type lends it its charset.
    """
    mime, charset = "", None
    for value in content_type.split(b","):
        essence = re.split(rb"[;\s]", value.strip(), maxsplit=1)[0].decode("latin-1").lower()
        if essence and (essence != "*/*" or not mime):
            found = CHARSET.search(value)
            charset = found[1].decode("latin-1") if found else charset if essence == mime else None
            mime = essence
    return mime, charset


def read_payload(head: Head, message: bytes, *, max_bytes: int, is_cut: bool = False) -> bytes:
    """The body without transfer and content encodings.

    Args:
        is_cut: the crawler says that it stored only the begin (WARC-Truncated): an encoding may end early.

    Raises:
        BadHttp: "bad_http" (broken chunks), "bad_encoding" (broken compression), "too_big" (over `max_bytes`).
    """
    body = message[head.body_start :]
    for name in _encodings(head):
        decoded = unchunk(body, is_cut=is_cut) if name == "chunked" else _decode(name, body, max_bytes, is_cut)
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
    """The encodings to undo, the last applied first: those of the transfer, then those of the content."""
    if head.fields.keys().isdisjoint(ENCODED):
        return []
    transfer, content = (_names(head.fields.get(field, b"")) for field in ENCODED)
    encodings = [*dict.fromkeys(reversed(transfer)), *reversed(content)]
    if len(encodings) - ("chunked" in transfer) > MAX_ENCODINGS:
        raise BadHttp("bad_encoding", f"{', '.join(encodings[:9])}: at most {MAX_ENCODINGS} encodings are undone")
    return encodings


def _names(field: bytes) -> list[str]:
    names = (name.partition(";")[0].strip() for name in field.decode("latin-1").lower().split(","))
    return [name for name in names if name not in ("", "identity", "none", "utf-8")]


def _decode(name: str, body: bytes, max_bytes: int, is_cut: bool) -> bytes | None:
    """The body decoded, or None where it is plain text in spite of its head."""
    error = f"content encoding {name!r} is not known"
    for inflate in _inflaters(name):
        try:
            decoded = _drain(inflate, body, max_bytes, is_cut)
            # Deflate has no magic: one text in a thousand happens to be some of it, and gives bytes without a meaning.
            return None if looks_like_text(body) and not looks_like_text(decoded) else decoded
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
