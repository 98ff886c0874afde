"""What a payload is, by the crawler, its first bytes, and the server: in this order."""

from __future__ import annotations

import pytest

from curate.batch import Media, Record, Rejected
from curate.readers.media import NoDocument, is_candidate, media_of
from curate.readers.warc import judge
from curate.readers.warc_blocks import WarcBlock

HTML = b"<!DOCTYPE html><html><body><p>Text.</p></body></html>"
XHTML = (
    b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>Text.</body></html>'
)
FEED = b'<?xml version="1.0"?><!-- x --><rss version="2.0"><channel><title>Text.</title></channel></rss>'


@pytest.mark.parametrize(
    ("mime", "identified", "payload", "media"),
    [
        ("text/html", "", HTML, "text/html"),
        ("text/html", "", XHTML, "text/html"),
        ("text/html", "application/xhtml+xml", XHTML, "text/html"),
        ("application/xhtml+xml", "", XHTML, "application/xhtml+xml"),
        ("application/xml", "", XHTML, "application/xhtml+xml"),
        ("text/xml", "", b"\xef\xbb\xbf" + XHTML, "application/xhtml+xml"),
        ("text/xml", "", b"<!-- a --><!DOCTYPE html [<!ENTITY a 'b'>]>\n<h:html>", "application/xhtml+xml"),
        ("application/xml", "", XHTML.decode().encode("utf-16"), "application/xhtml+xml"),
        ("text/xml", "application/xhtml+xml", XHTML, "application/xhtml+xml"),
        ("", "application/xhtml+xml", XHTML, "application/xhtml+xml"),
        ("", "", XHTML, "application/xhtml+xml"),
        ("application/octet-stream", "", HTML, "text/html"),
        ("application/pdf", "text/html", HTML, "text/html"),
        ("image/png", "", b"\n<!-- x -->" + HTML, "text/html"),
        ("application/pdf", "", b"<html><body>Not found", "text/html"),
        ("text/plain", "", HTML, "text/html"),
        ("text/plain", "", b"To begin, write <html> and then text.", "text/plain"),
        ("text/plain", "text/plain", b"Text.", "text/plain"),
        ("application/json", "text/plain", b"Text.", "text/plain"),
        ("text/html", "text/plain", b"<p>Text.", "text/html"),
        ("text/html", "", b"Text.", "text/html"),
        ("", "", b"<p>Text.", "text/html"),
        ("", "", b"Text.", "text/plain"),
    ],
)
def test_documents_are_known(mime: str, identified: str, payload: bytes, media: Media) -> None:
    assert media_of(mime, identified, payload) == media


BINARY = {
    "a PDF": b"%PDF-1.4\n%\xe2\xe3",
    "a PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "a GIF": b"GIF89a\x01\0",
    "a WebP": b"RIFF\x24\0\0\0WEBPVP8 ",
    "a ZIP": b"PK\x03\x04\x14\0",
    "an MP4": b"\0\0\0\x18ftypmp42",
    "a gzip": b"\x1f\x8b\x08\0",
    "RTF": b"{\\rtf1\\ansi",
    "PostScript": b"%!PS-Adobe-3.0",
    "a Word file": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a font": b"wOF2\0\1\0\0",
    "an SVG": b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C' 'x'>\n<svg xmlns='x'><text>Text.</text></svg>",
    "a feed": FEED,
}


@pytest.mark.parametrize("mime", ["text/html", "text/plain", "application/xhtml+xml", "", "application/octet-stream"])
@pytest.mark.parametrize("what", BINARY)
def test_what_is_no_document_is_none_whatever_the_server_says(mime: str, what: str) -> None:
    with pytest.raises(NoDocument):
        media_of(mime, "", BINARY[what] + b" and more " * 100)


@pytest.mark.parametrize(
    ("mime", "identified", "payload"),
    [
        ("text/html", "application/pdf", HTML),
        ("text/html", "image/jpeg", b"\xff\xd8\xff"),
        ("application/xml", "", b"<?xml version='1.0'?><catalog><html>x</html></catalog>"),
        ("application/json", "", b'{"body": "<html>"}'),
        ("text/css", "", b"p { color: red }"),
        ("application/rss+xml", "", FEED),
    ],
)
def test_other_things_are_none(mime: str, identified: str, payload: bytes) -> None:
    with pytest.raises(NoDocument):
        media_of(mime, identified, payload)


def test_only_some_types_need_a_look_before_the_whole_is_read() -> None:
    assert is_candidate("text/html", "")
    assert is_candidate("video/mp4", "text/html")
    assert not is_candidate("video/mp4", "")
    assert not is_candidate("text/html", "application/pdf")


def response(payload: bytes, mime: str, **headers: bytes) -> Record | Rejected:
    body = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\n\r\n".encode() + payload
    fields = {b"warc-type": b"response", b"content-type": b"application/http"}
    fields |= {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return judge(WarcBlock((0, 0), fields, body, len(body), is_checked=True), "a", max_record_bytes=1 << 20)


def test_a_record_carries_the_media_type_that_was_found() -> None:
    page = response(XHTML, "text/xml; charset=utf-8")
    assert isinstance(page, Record)
    assert (page.media, page.charset, page.columns["mime"]) == ("application/xhtml+xml", "utf-8", "text/xml")
    found = response(HTML, "application/pdf", warc_identified_payload_type=b"text/html")
    assert isinstance(found, Record)
    picture = response(b"\x89PNG\r\n\x1a\n", "text/html")
    assert isinstance(picture, Rejected)
    assert (picture.outcome, picture.reason) == ("dropped", "content_type")
    named = response(HTML, "text/html", warc_identified_payload_type=b"application/pdf")
    assert isinstance(named, Rejected)
    assert named.reason == "content_type"
