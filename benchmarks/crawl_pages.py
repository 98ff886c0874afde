"""The pages of a small WARC as texts, their main content or all of it, to learn from or to be judged on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding


class Page(NamedTuple):
    """`status` is HTTP's, `host` the URL's."""

    url: str
    host: str
    status: int
    html: str


def pages(warc: Path) -> Iterator[Page]:
    """HTML pages in the order of the file, error pages among them."""
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            headers = record.http_headers
            if headers is None or "html" not in (headers.get("Content-Type") or ""):
                continue
            url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
            body = record.reader.read()
            html = bytes_to_str(body, detect_encoding(body))
            yield Page(url, urlsplit(url).hostname or "", headers.status_code or 0, html)


def text_of(page: Page, *, main: bool) -> str:
    """The text of the page's main content, or of all of it."""
    return extract_plain_text(page.html, main_content=main, alt_texts=False, links=False)
