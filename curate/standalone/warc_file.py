"""A WARC file written with warcio: one warcinfo record, then copies of records, and texts as `conversion` records.

Copied, Text ─▶ warcio's record, with a header that says which document of the run it was ─▶ NAME.part ─▶ NAME
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.engine.whole import target_of
from curate.readers.warc_blocks import WarcBlock
from curate.version import __version__

ID_HEADER = "Curate-Id"
"""WARC allows fields of one's own, and readers pass over those that they don't know (WARC 1.0, section 4)."""
WARC_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
ABBREVIATIONS = re.compile(r"\b(?:Warc|Id|Uri|Ip|Url)\b")


@dataclass(frozen=True, slots=True)
class Copied:
    """A record of another WARC file."""

    id: str
    block: WarcBlock


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a document that came from something else."""

    id: str
    text: str
    url: str | None
    timestamp: str | None


class _WARCWriter(WARCWriter):  # type: ignore[misc]
    """A copy keeps the payload digest that it has: one made here would be of the HTTP head as well."""

    NO_PAYLOAD_DIGEST_TYPES = ("warcinfo", "revisit", "response", "request")


@dataclass(frozen=True, slots=True)
class Writer:
    """An open file; `date` is that of records which have none."""

    warcio: Any
    date: str

    def write(self, item: Copied | Text) -> None:
        record = _copy(item, self.date) if isinstance(item, Copied) else _conversion(item, self.date)
        self.warcio.write_record(record)


@contextlib.contextmanager
def open_warc(path: Path, info: Mapping[str, str], *, date: int) -> Iterator[Writer]:
    """The file appears under its name when all is written; `date` is in nanoseconds since 1970."""
    place = target_of(path)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            writer = Writer(_WARCWriter(file, gzip=path.name.endswith(".gz")), _iso_date(date))
            writer.warcio.write_record(_warcinfo(path.name, info, writer.date))
            yield writer
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def _iso_date(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _warcinfo(name: str, info: Mapping[str, str], date: str) -> Any:
    known = {"software": f"curate {__version__}", "format": "WARC File Format 1.0"}
    body = "".join(f"{key}: {value}\r\n" for key, value in (known | dict(info)).items())
    headers = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", _record_id(name + body)),
        ("WARC-Filename", name),
        ("WARC-Date", date),
    ]
    return _record("warcinfo", headers, body.encode(), "application/warc-fields")


def _copy(item: Copied, date: str) -> Any:
    """The body is the same bytes; the fields of the head have the same values. An ARC record lacks some."""
    found = {_field_name(name): value.decode("utf-8", "replace") for name, value in item.block.headers.items()}
    fields = {"WARC-Record-ID": _record_id(item.id), "WARC-Date": date} | found
    content_type = fields.pop("Content-Type", None)
    fields.pop("WARC-Block-Digest", None)  # warcio makes it anew
    return _record(
        fields["WARC-Type"].lower(), [*fields.items(), (ID_HEADER, _quoted(item.id))], item.block.body, content_type
    )


def _conversion(item: Text, date: str) -> Any:
    stamp = item.timestamp if item.timestamp and WARC_DATE.fullmatch(item.timestamp) else date
    headers = [
        ("WARC-Type", "conversion"),
        ("WARC-Record-ID", _record_id(item.id)),
        (
            "WARC-Target-URI",
            _quoted(item.url) if item.url else f"urn:x-curate:{_quoted(item.id)}",
        ),
        ("WARC-Date", stamp),
        (ID_HEADER, _quoted(item.id)),
    ]
    return _record("conversion", headers, item.text.encode(), "text/plain; charset=utf-8")


def _record(kind: str, headers: list[tuple[str, str]], body: bytes, content_type: str | None) -> Any:
    """Without HTTP headers of its own: those are a part of the body, byte for byte."""
    head = StatusAndHeaders("", headers, protocol="WARC/1.0")
    return ArcWarcRecord("warc", kind, head, BytesIO(body), None, content_type, len(body))


def _quoted(name: str) -> str:
    """In ASCII and on one line, whatever a file's name or an address holds."""
    return quote(name, safe="%:/?#[]@!$&'()*+,;=~", errors="surrogateescape")


def _record_id(seed: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}>"


def _field_name(name: bytes) -> str:
    """`warc-target-uri` as the standard writes it."""
    return ABBREVIATIONS.sub(lambda match: match[0].upper(), name.decode("latin-1").title())
