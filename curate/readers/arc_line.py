"""The line that begins a record of an ARC file, as the header of a WARC record.

    http://example.com/ 93.184.216.119 20140216050221 text/html 1591 ─▶ warcio ─▶ WARC-Type, WARC-Target-URI, …

Lines of version 1 have five fields, of version 2 ten (the Internet Archive's "ARC File Format" of 1996); the URL may
hold spaces. ARC was what crawlers wrote before WARC, Common Crawl until 2012.
"""

from __future__ import annotations

import io
import re
from functools import cache
from typing import Any

VERSION_2 = re.compile(rb"[ \t]\d{14}[ \t]\S+(?:[ \t]+\S+){6}\s*$")


class BadLine(Exception):
    """A line that begins no record."""


def read_arc_line(line: bytes) -> dict[bytes, bytes]:
    """The fields as those of a WARC record, names in lower case. Raises BadLine."""
    if line.startswith(b"filedesc:"):
        return {b"warc-type": b"warcinfo", b"content-length": line.split()[-1]}
    # Only for an ARC file: it takes a tenth of a second in each process.
    from warcio.statusandheaders import StatusAndHeadersParserException
    from warcio.timeutils import timestamp_to_iso_date

    version_1, version_2 = _parsers()
    parser = version_2 if VERSION_2.search(line) else version_1
    try:
        fields = dict(parser.parse(io.BytesIO(), line).headers)
        date = timestamp_to_iso_date(fields["archive-date"])
    except (StatusAndHeadersParserException, ValueError, EOFError) as error:
        raise BadLine(f"{error}: {line[:80]!r}") from None
    is_http = fields["uri"].lower().startswith("http")
    found = {
        "warc-type": "response" if is_http else "resource",
        "warc-target-uri": fields["uri"],
        "warc-date": date,
        "content-type": "application/http" if is_http else fields["content-type"],
        "content-length": fields["length"],
    }
    return {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in found.items()}


@cache
def _parsers() -> tuple[Any, Any]:
    """Of both versions."""
    from warcio.recordloader import ARCHeadersParser

    class Version2(ARCHeadersParser):  # type: ignore[misc]  # warcio has no types
        @classmethod
        def get_header_names(cls) -> list[str]:
            return [*cls.ARC_HEADERS[:4], "result", "checksum", "location", "offset", "filename", "length"]

    return ARCHeadersParser(), Version2()
