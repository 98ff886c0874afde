"""robots.txt files as a crawl has stored them: the last answer of each host, out of WARC files of any kind.

WARC (Common Crawl's subset robotstxt, or a crawl's own) ─▶ responses to …/robots.txt ─▶ "https://host" ─▶ its text
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from curate.batch import Record
from curate.engine.plan import FileRange, InputFile
from curate.readers import warc
from curate.recipe import Source

PATH = "/robots.txt"
MAX_BYTES = 512 << 10
"""Of a robots.txt that are read; RFC 9309 asks for 500 KiB at least."""
PORTS = {"http": 80, "https": 443}
READER = Source("robots", "warc", ())


def stored_robots(paths: Sequence[str]) -> Mapping[str, str]:
    """By site (`site_of`), the text of the robots.txt that was fetched last with status 200.

    Raises:
        MachineError: a file can't be read.
    """
    found: dict[str, tuple[str, str]] = {}
    for path in paths:
        for record in _records(path):
            site = site_of(record.url)
            text = _text(record)
            if site and (record.timestamp or "", text) >= found.get(site, ("", "")):
                found[site] = (record.timestamp or "", text)
    return {site: text for site, (_, text) in found.items()}


def site_of(url: str | None) -> str | None:
    """Scheme, host and port of an address, in small letters, the port where it is not the scheme's own; None for what
    has none."""
    try:
        parts = urlsplit(url or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in PORTS:
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != PORTS[parts.scheme] else "")


def _records(path: str) -> Iterator[Record]:
    file = InputFile(path, path, 0, "")
    for item in warc.read(FileRange(file, 0, 1 << 62), source=READER, max_record_bytes=MAX_BYTES << 3):
        if isinstance(item, Record) and item.url and item.url.partition("://")[2].partition("/")[2] == PATH[1:]:
            yield item


def _text(record: Record) -> str:
    payload = record.payload
    return payload[:MAX_BYTES].decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)[:MAX_BYTES]
