"""What a payload is: a page of HTML or XHTML, plain text, or no document at all.

    WARC-Identified-Payload-Type ─▶ the first bytes ─▶ the server's word      (each decides where the one before cannot)

The server alone decides on the syntax: a page that it sends as text/html is HTML, however much XML it contains, and
crawlers, who look for `<html xmlns=…>`, call much of it XHTML.
WHATWG, MIME Sniffing, https://mimesniff.spec.whatwg.org/ (sections 6 and 7), for the first bytes.
"""

from __future__ import annotations

import codecs
import re

from curate.batch import Media
from curate.readers.http import looks_like_text

PAGES: dict[str, Media] = {
    "text/html": "text/html",
    "application/xhtml+xml": "application/xhtml+xml",
    "application/vnd.wap.xhtml+xml": "application/xhtml+xml",
    "text/plain": "text/plain",
}
XML = frozenset({"text/xml", "application/xml"})
UNKNOWN = frozenset({"", "unknown/unknown", "application/unknown", "application/octet-stream", "*/*", "text", "html"})
UNDECIDED = XML | UNKNOWN | {"text/plain"}  # what a crawler may call a page of HTML, too
PEEKED = 4096
MAGIC = re.compile(
    rb"%PDF-|%!PS|\{\\rtf|\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|BM.{4}\0{4}|II\*\0|MM\0\*|\0\0[\x01\x02]\0"
    rb"|RIFF.{4}(?:WEBP|WAVE|AVI )"
    rb"|\0\0\0.ftyp|\x1a\x45\xdf\xa3|OggS\0|fLaC|ID3[\x02-\x04]|FLV\x01|[FC]WS[\x01-\x3f]|PK(?:\x03\x04|\x05\x06)|\x1f\x8b\x08|BZh\d1AY"
    rb"|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd|\x7fELF|MZ.\0|\xca\xfe\xba\xbe|\0asm|\xd0\xcf\x11\xe0"
    rb"|wOF[F2]|OTTO\0|\0\x01\0\0\0|SQLite format 3\0|.{257}ustar",
    re.DOTALL,
)
# Groups are atomic, so that what does not match is known in linear time.
LEAD = rb"(?>\s+|<!--.*?-->|<\?[^>]*>)*+"
HTML = re.compile(LEAD + rb"(?:<!doctype\s+html\b|<html\b)", re.DOTALL | re.IGNORECASE)
ROOT = re.compile(
    LEAD + rb"(?:<!doctype\b[^\[>]*(?:\[[^\]]*\]\s*)?>" + LEAD + rb")?<(?:[\w.-]+:)?+([\w-]+)",
    re.DOTALL | re.IGNORECASE,
)
FOREIGN_ROOTS = frozenset({b"rss", b"feed", b"svg", b"rdf", b"urlset", b"sitemapindex", b"opensearchdescription"})
TAG_OF_HTML = re.compile(rb"<(?:!doctype[ \t\r\n]+html|html|head|body|title|meta)\b", re.IGNORECASE)


class NoDocument(Exception):
    """The payload is nothing that text can be taken from; the message says what it is."""


def is_candidate(mime: str, identified: str) -> bool:
    """Whether the types alone leave it possible that the payload is a document; its first bytes may say so, too."""
    if identified not in UNKNOWN:
        return identified in PAGES or identified in XML
    return mime in PAGES or mime in XML or mime in UNKNOWN


def media_of(mime: str, identified: str, payload: bytes) -> Media:
    """How the text of a payload is to be read, of which the first bytes suffice.

    Args:
        mime: what the server says.
        identified: what the crawler has found, or "".

    Raises:
        NoDocument
    """
    begin = _in_ascii(payload[:PEEKED])
    if identified in ("text/html", "application/xhtml+xml"):
        return _with_syntax(mime, begin, PAGES[identified])
    if identified not in UNDECIDED:
        raise NoDocument(f"{identified}, as the crawler identified it; sent as {mime or 'nothing'}")
    if found := _by_bytes(mime, begin):
        return found
    return "text/plain" if identified == "text/plain" and mime not in PAGES else _by_word(mime, begin)


def _by_bytes(mime: str, begin: bytes) -> Media | None:
    if MAGIC.match(begin):
        raise NoDocument(f"{mime or 'none'}, begins with {begin[:16]!r}")
    root = ROOT.match(begin)
    name = root[1].lower() if root else b""
    if name in FOREIGN_ROOTS:
        raise NoDocument(f"{mime or 'none'}, begins with <{name.decode()}>")
    if HTML.match(begin) or (name == b"html" and mime in XML):
        return _with_syntax(mime, begin, "text/html")
    return None


def _with_syntax(mime: str, begin: bytes, otherwise: Media) -> Media:
    if mime in XML:
        return "application/xhtml+xml"
    if mime in PAGES and mime != "text/plain":
        return PAGES[mime]
    return "application/xhtml+xml" if begin.lstrip().startswith(b"<?xml") else otherwise


def _by_word(mime: str, begin: bytes) -> Media:
    if mime in PAGES:
        return PAGES[mime]
    if mime not in UNKNOWN:
        raise NoDocument(mime)
    begin = begin[:1024].lstrip()
    if TAG_OF_HTML.search(begin) or (begin.startswith(b"<") and not begin.startswith(b"<?xml")):
        return "text/html"
    if begin.startswith(b"<") or not looks_like_text(begin):
        raise NoDocument(f"{mime or 'none'}, begins with {begin[:16]!r}")
    return "text/plain"


def _in_ascii(begin: bytes) -> bytes:
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return begin.decode("utf-16", "ignore").encode("ascii", "ignore")
    return begin.removeprefix(codecs.BOM_UTF8)
