"""WARC and ARC files (.gz by record or as a whole, .zst, plain) as records, with an account of everything else in them.

    FileRange ─▶ runs of bytes ─▶ blocks ─▶ judge: a page? ─▶ Record | Rejected

Damage costs the records that it lies in and no others: the gzip member, the zstd frame or the plain record is the
unit, and reading goes on at the next one that begins with "WARC/". A record cut short is reported, never passed on.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator, Mapping

from curate.batch import Media, Record, Rejected
from curate.engine.files import open_input
from curate.engine.plan import FileRange, InputFile, even_ranges
from curate.readers.chains import Chain, PlainRun, chains
from curate.readers.http import BadHttp, Head, begins_message, media_type, read_head, read_payload
from curate.readers.media import PAGES, PEEKED, NoDocument, is_candidate, media_of
from curate.readers.members import GZIP, PLAIN, WARC, Codec, DamagedMember, Kind, Member, find_format, find_start
from curate.readers.pages import Pages
from curate.readers.rights import stated_rights
from curate.readers.warc_blocks import Damage, WarcBlock, read_blocks, read_whole
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

MAX_PADDING = 512  # NULs between members hold nothing
MAX_MESSAGES = 4  # one inside the other
FOREIGN = {b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP file", b"<": "a page of mark-up"}


def read(
    range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """Every record of the file that starts in the range, and every stretch of it that is none.

    Pages come as Record: 2xx responses, `resource` and `conversion` (WET) records with HTML or plain text, their
    payload without chunks and content encodings. All else comes as Rejected, "dropped" or "quarantined". The id is
    `source/file@offset`: of the gzip member, plus `+offset` inside it for all but its first record.

    Memory: some four times `max_record_bytes`, whatever the file says or inflates to.

    Raises:
        MachineError: the file could not be read.
    """
    with watch.open(range.file) as file:
        prefix = f"{source.name}/{range.file.name}"
        pages = Pages(file, watch.pulse, start=range.start, end=range.end, is_cut=bool(range.places))
        for item in _wanted(pages, range, max_record_bytes):
            offset, inside = item.place
            id = f"{prefix}@{offset}+{inside}" if inside else f"{prefix}@{offset}"
            if isinstance(item, WarcBlock):
                yield judge(item, id, max_record_bytes=max_record_bytes, rights=source.reads_rights)
            else:
                yield Rejected(id, "quarantined", item.reason, item.detail)


def split_file(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of about `target_bytes` that cover the file; `read` finds the records of each.

    Gzip is cut anywhere, plain files at records' starts (their headers are read), zstd and what is no WARC not at all.
    """
    with open_input(file.uri) as opened:
        pages = Pages(opened)
        form = find_format(pages) if pages.size > target_bytes else "small"
        if isinstance(form, Codec) and form.name == GZIP.name:
            return even_ranges(pages.size, target_bytes)
        bounds = _plain_bounds(pages, PLAIN[str(form)], target_bytes) if form in PLAIN else [0, pages.size]
    return list(itertools.pairwise(bounds))


def own_bytes(range: FileRange) -> tuple[int, int]:
    """The range itself: it is one of bytes."""
    return range.start, range.end


def _plain_bounds(pages: Pages, kind: Kind, target_bytes: int) -> list[int]:
    bounds = [0]
    for block in read_blocks(PlainRun(pages, 0, kind=kind), max_bytes=0):
        if block.place[0] - bounds[-1] >= target_bytes:
            bounds.append(block.place[0])
    return [*bounds, pages.size]


def _wanted(pages: Pages, range: FileRange, max_bytes: int) -> Iterator[WarcBlock | Damage]:
    """What a range holds; where an index has told of places in it, what begins there and nothing else."""
    if not range.places:
        yield from _read_items(pages, range.start, range.end, max_bytes)
        return
    wanted = frozenset(range.places)
    missing = dict.fromkeys(range.places)
    for item in _read_listed(pages, range, max_bytes):
        if item.place[0] in wanted:
            missing.pop(item.place[0], None)
            yield item
    for place in missing:
        yield Damage((place, 0), "not_there", f"the index tells of a record at byte {place}, and none begins there")


def _read_listed(pages: Pages, range: FileRange, max_bytes: int) -> Iterator[WarcBlock | Damage]:
    """Indexes tell of members of gzip, each with a record."""
    return _read_members(pages, GZIP, range.start, range.end, max_bytes)


def _read_items(pages: Pages, start: int, end: int, max_bytes: int) -> Iterator[WarcBlock | Damage]:
    form = find_format(pages)
    if start == 0 and (foreign := _name_foreign(pages, form)):
        yield foreign
    elif isinstance(form, Codec):
        yield from _read_members(pages, form, start, end, max_bytes)
    elif form in PLAIN:
        yield from read_blocks(PlainRun(pages, start, kind=PLAIN[form]), max_bytes=max_bytes, end=end)


def _read_members(pages: Pages, codec: Codec, start: int, end: int, max_bytes: int) -> Iterator[WarcBlock | Damage]:
    if start == 0 and not codec.magic.match(pages.at(0, 4)):
        yield _garbage(0, find_start(pages, codec, 0, pages.size) or pages.size)
    for chain in chains(pages, codec, start, end, max_bytes=max_bytes):
        yield from _read_chain(chain, max_bytes)
        if chain.gap and not _is_padding(pages, *chain.gap):
            yield _garbage(*chain.gap)


def _read_chain(chain: Chain, max_bytes: int) -> Iterator[WarcBlock | Damage]:
    """Nearly always one whole record, which is cut out at once; whatever is not so is looked at piece by piece."""
    data = chain.whole() if chain.kind is WARC else None
    if data is not None:
        block = read_whole(data, chain.locate(0), max_bytes=max_bytes)
        if block is not None:
            yield block
            return
        chain.jump(0)
    yield from read_blocks(chain, max_bytes=max_bytes)


def _is_padding(pages: Pages, start: int, end: int) -> bool:
    return end - start <= MAX_PADDING and not pages.at(start, end - start).strip(b"\0")


def _garbage(start: int, end: int) -> Damage:
    return Damage((start, 0), "garbage", f"no member begins here; bytes {start}-{end}")


def _name_foreign(pages: Pages, form: Codec | str) -> Damage | None:
    """What a file is that holds no record at all; None for a WARC."""
    head = pages.at(0, 64)
    if isinstance(form, Codec):
        if find_start(pages, form, 0, pages.size) is not None:
            return None
        try:
            head = Member(pages, form, 0).more()
        except DamagedMember as damage:
            return Damage((0, 0), damage.reason, str(damage))
    if not head:
        return Damage((0, 0), "empty", f"nothing in {pages.size} bytes")
    if form in PLAIN:
        return None
    what = next((name for magic, name in FOREIGN.items() if head.lstrip().startswith(magic)), "unknown")
    inside = f" inside {form.name}" if isinstance(form, Codec) else ""
    return Damage((0, 0), "not_warc", f"the file is {what}{inside}: it begins with {head[:32]!r}")


Page = tuple[Media, str, str | None, bytes, Mapping[bytes, bytes]]
"""How it is to be read, the server's type, charset and payload, and the fields of its HTTP head."""
NO_FIELDS: Mapping[bytes, bytes] = {}


class _Unwanted(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def judge(block: WarcBlock, id: str, *, max_record_bytes: int, rights: bool = False) -> Record | Rejected:
    """The page that a record holds, with what it says of its `rights` where that is asked for, or why it holds none."""
    url = _url(block.headers)
    try:
        media, mime, charset, payload, fields = _open_page(block, max_record_bytes)
    except _Unwanted as unwanted:
        return Rejected(id, "dropped", unwanted.reason, str(unwanted), url)
    except NoDocument as unwanted:
        return Rejected(id, "dropped", "content_type", str(unwanted), url)
    except BadHttp as bad:
        return Rejected(id, "quarantined", bad.reason, str(bad), url)
    timestamp = block.headers.get(b"warc-date", b"").decode("latin-1") or None
    stated = stated_rights(fields, payload, media) if rights else {}
    return Record(id, payload, media, url, timestamp, charset, {"mime": mime, **stated})


def _open_page(block: WarcBlock, max_bytes: int) -> Page:
    """The page of a response, resource or conversion record."""
    kind = block.headers.get(b"warc-type", b"").decode("latin-1").lower()
    if not kind:
        raise BadHttp("bad_header", "no WARC-Type")
    if kind not in ("response", "resource", "conversion"):
        raise _Unwanted("record_type", kind)
    mime, charset = media_type(block.headers.get(b"content-type", b""))
    if kind == "response" and (mime == "application/http" or block.body.startswith(b"HTTP/")):
        return _open_message(block, block.body, max_bytes, MAX_MESSAGES)
    if not is_candidate(mime, _identified(block)):
        media_of(mime, _identified(block), block.body)
    _check_readable(block, max_bytes)
    if kind == "conversion" and mime in PAGES:  # text taken from a page may well begin with a tag
        return PAGES[mime], mime, charset, _not_empty(block.body), NO_FIELDS
    return media_of(mime, _identified(block), _not_empty(block.body)), mime, charset, block.body, NO_FIELDS


def _open_message(block: WarcBlock, message: bytes, max_bytes: int, left: int) -> Page:
    """The page of an HTTP message, which may be another message, once the chunks are put together."""
    if not block.length:
        raise _Unwanted("empty_payload", "no HTTP message")
    head = read_head(message)
    if not 200 <= head.status < 300:
        raise _Unwanted("http_status", str(head.status))
    mime, charset = media_type(head.fields.get(b"content-type", b""))
    if not is_candidate(mime, _identified(block)):
        media_of(mime, _identified(block), _peek(head, message))
    _check_readable(block, max_bytes)
    is_cut = b"warc-truncated" in block.headers
    payload = read_payload(head, message, max_bytes=max_bytes, is_cut=is_cut)
    if begins_message(head, payload) and left:
        return _open_message(block, payload, max_bytes, left - 1)
    return media_of(mime, _identified(block), _not_empty(payload)), mime, charset, payload, head.fields


def _identified(block: WarcBlock) -> str:
    return media_type(block.headers.get(b"warc-identified-payload-type", b""))[0]


def _peek(head: Head, message: bytes) -> bytes:
    """The first bytes of the payload, as far as they can be had without the rest."""
    try:
        return read_payload(head, message[: head.body_start + PEEKED], max_bytes=PEEKED << 10, is_cut=True)
    except BadHttp:
        return b""


def _not_empty(payload: bytes) -> bytes:
    if not payload or payload.isspace():
        raise _Unwanted("empty_payload", f"{len(payload)} bytes")
    return payload


def _check_readable(block: WarcBlock, max_bytes: int) -> None:
    """Asked after the type: a film is unwanted, however big."""
    if len(block.body) < block.length:
        raise BadHttp("too_big", f"Content-Length {block.length}, at most {max_bytes} bytes are read")
    if not block.is_checked:
        _check_digest(block)


def _check_digest(block: WarcBlock) -> None:
    """Without a checksum of gzip's, the record's own SHA-1 is the only witness of a flipped bit."""
    algorithm, _, digest = block.headers.get(b"warc-block-digest", b"").decode("latin-1").lower().partition(":")
    if algorithm != "sha1" or len(digest) not in (32, 40):
        return
    sha1 = hashlib.sha1(block.body, usedforsecurity=False)
    found = base64.b32encode(sha1.digest()).decode().lower() if len(digest) == 32 else sha1.hexdigest()
    if found != digest:
        raise BadHttp("corrupt", f"WARC-Block-Digest is sha1:{digest}, the bytes have {found}")


def _url(headers: dict[bytes, bytes]) -> str | None:
    """Wget 1.21 and older write `<http://…>`, and some crawlers leave spaces in."""
    uri = headers.get(b"warc-target-uri", b"").decode("utf-8", "replace")
    return uri.removeprefix("<").removesuffix(">").strip().replace(" ", "%20") or None
