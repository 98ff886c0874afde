"""ARC files against warcio's own reading, whole, cut, damaged, and drawn at random."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers import warc
from curate.recipe import Source

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "warc" / "warcio"
WEB = Source("web", "warc", ("*",))
BEGIN = (
    b"filedesc://a.arc.gz 0.0.0.0 20080101000000 text/plain 76\n1 0 Internet Archive\n"
    b"URL IP-address Archive-date Content-type Archive-length\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


def page(number: int) -> bytes:
    return f"<html><title>{number}</title><p>{'Rivers and boats. ' * (number % 7 + 1)}{number}</p></html>".encode()


def arc_record(number: int, body: bytes | None = None, *, fields: str = "") -> bytes:
    block = HEAD + (page(number) if body is None else body)
    line = f"http://example.com/{number} 93.184.216.119 20080102030405 text/html {fields}{len(block)}\n"
    return line.encode() + block + b"\n"


def begin() -> bytes:
    rest = BEGIN.partition(b"\n")[2]
    return BEGIN.replace(b" 76\n", f" {len(rest)}\n".encode()) + b"\n"


def read_file(path: Path, bounds: list[int] | None = None) -> list[Record | Rejected]:
    file = InputFile(path.name, str(path), path.stat().st_size, "")
    ranges = itertools.pairwise(bounds or [0, file.size])
    pieces = [FileRange(file, start, end) for start, end in ranges]
    return [item for piece in pieces for item in warc.read(piece, source=WEB, max_record_bytes=1 << 20)]


def read_bytes(folder: Path, data: bytes, name: str = "a.arc.gz") -> list[Record | Rejected]:
    (folder / name).write_bytes(data)
    return read_file(folder / name)


def pages_of_warcio(path: Path) -> list[tuple[str, bytes]]:
    with path.open("rb") as file:
        records = ArchiveIterator(file, arc2warc=True)
        return [
            (record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read())
            for record in records
            if record.rec_type == "response"
        ]


def pages_of(items: list[Record | Rejected]) -> list[tuple[str | None, object]]:
    return [(item.url, item.payload) for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("name", ["example.arc", "example.arc.gz"])
def test_arc_files_read_as_warcio_reads_them(name: str) -> None:
    if not SHARED.exists():
        pytest.skip("the shared ARC files are not here")
    items = read_file(SHARED / name)
    wanted = [(url.replace(" ", "%20"), payload) for url, payload in pages_of_warcio(SHARED / name)]
    assert pages_of(items) == wanted
    assert len(wanted) == 1
    assert [(item.reason, item.detail) for item in items if isinstance(item, Rejected)] == [("record_type", "warcinfo")]


def test_an_arc_file_with_impossible_lengths_is_accounted_for() -> None:
    if not SHARED.exists():
        pytest.skip("the shared ARC files are not here")
    items = read_file(SHARED / "bad.arc")
    assert all(isinstance(item, Rejected) or item.url == "http://example.com/" for item in items)
    assert len(items) == 4


PACKINGS = {
    "by record": lambda records: b"".join(map(gzip.compress, records)),
    "as a whole": lambda records: gzip.compress(b"".join(records)),
    "plain": b"".join,
    "zstd": lambda records: b"".join(map(zstandard.compress, records)),
    "by blocks": lambda records: b"".join(
        gzip.compress(b"".join(records)[at : at + 700]) for at in range(0, 9000, 700)
    ),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_pages_come_out_whole_however_the_file_is_packed(tmp_path: Path, packing: str) -> None:
    records = [begin(), *(arc_record(number) for number in range(20))]
    items = read_bytes(tmp_path, PACKINGS[packing](records))
    assert pages_of(items) == [(f"http://example.com/{number}", page(number)) for number in range(20)]
    [head] = [item for item in items if isinstance(item, Rejected)]
    assert head.reason == "record_type"
    first = next(item for item in items if isinstance(item, Record))
    assert (first.timestamp, first.charset, first.media) == ("2008-01-02T03:04:05Z", "utf-8", "text/html")


def test_lines_of_version_2_are_read(tmp_path: Path) -> None:
    records = [begin(), *(arc_record(n, fields="200 ABC - 1234 a.arc.gz ") for n in range(3))]
    assert len(pages_of(read_bytes(tmp_path, b"".join(map(gzip.compress, records))))) == 3


def test_what_is_no_http_is_dropped_or_read_by_its_type(tmp_path: Path) -> None:
    dns = b"dns:example.com 8.8.8.8 20080102030405 text/dns 9\n1.2.3.4 A\n\n"
    text = b"ftp://example.com/a.txt 8.8.8.8 20080102030405 text/plain 12\nRivers, too.\n"
    items = read_bytes(tmp_path, begin() + dns + text, name="a.arc")
    assert pages_of(items) == [("ftp://example.com/a.txt", b"Rivers, too.")]
    assert [item.reason for item in items if isinstance(item, Rejected)] == ["record_type", "content_type"]


@pytest.mark.parametrize("packing", ["by record", "plain"])
@pytest.mark.parametrize("at", [1, 7, 12])
def test_a_broken_record_costs_itself(tmp_path: Path, packing: str, at: int) -> None:
    records = [begin(), *(arc_record(number) for number in range(12))]
    records[at] = records[at].replace(b" text/html ", b" text/html 9")  # a length far too long
    items = read_bytes(tmp_path, PACKINGS[packing](records))
    wanted = [number for number in range(12) if number != at - 1]
    assert pages_of(items) == [(f"http://example.com/{number}", page(number)) for number in wanted]
    reason = "truncated" if at == 12 and packing == "plain" else "bad_length"
    assert [item.reason for item in items if isinstance(item, Rejected)] == ["record_type", reason]


def test_an_url_may_hold_spaces_and_a_record_that_ends_early_is_none(tmp_path: Path) -> None:
    spaced = arc_record(1).replace(b"/1 93", b"/1?title=Rivers and Boats 93")
    assert (
        pages_of(read_bytes(tmp_path, begin() + spaced, "a.arc"))[0][0]
        == "http://example.com/1?title=Rivers%20and%20Boats"
    )
    if not SHARED.exists():
        pytest.skip("the shared ARC files are not here")
    items = read_file(SHARED / "example-space-in-url.arc")  # its line ends were changed: 15 bytes are missing
    assert [item.reason for item in items if isinstance(item, Rejected)] == ["record_type", "truncated"]


def test_a_damaged_begin_costs_only_itself(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(begin()))
    packed[12] ^= 0xFF
    items = read_bytes(tmp_path, bytes(packed) + b"".join(gzip.compress(arc_record(n)) for n in range(5)))
    assert len(pages_of(items)) == 5
    assert [item.outcome for item in items if isinstance(item, Rejected)] == ["quarantined"]


@pytest.mark.parametrize("packing", ["by record", "plain"])
def test_ranges_together_read_each_record_once(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "a.arc"
    path.write_bytes(PACKINGS[packing]([begin(), *(arc_record(number) for number in range(30))]))
    file = InputFile(path.name, str(path), path.stat().st_size, "")
    bounds = [start for start, _ in warc.split_file(file, target_bytes=700)] + [file.size]
    assert len(bounds) > 4
    assert read_file(path, bounds) == read_file(path)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6), st.booleans())
def test_any_bodies_are_read_as_warcio_reads_them(tmp_path: Path, bodies: list[bytes], packed: bool) -> None:
    records = [begin(), *(arc_record(n, b"<html>" + body.replace(b"\n", b"")) for n, body in enumerate(bodies))]
    path = tmp_path / "a.arc"
    path.write_bytes(PACKINGS["by record" if packed else "plain"](records))
    assert pages_of(read_file(path)) == pages_of_warcio(path)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_accounted_for_and_never_passed_on(tmp_path: Path, data: st.DataObject) -> None:
    records = [begin(), *(arc_record(number) for number in range(8))]
    whole = bytearray(PACKINGS[data.draw(st.sampled_from(["by record", "plain"]))](records))
    at = data.draw(st.integers(0, len(whole) - 1))
    size = data.draw(st.integers(0, 40))
    whole[at : at + size] = data.draw(st.binary(max_size=40))
    items = read_bytes(tmp_path, bytes(whole))
    known = {(f"http://example.com/{number}", page(number)) for number in range(8)}
    assert len({item.id for item in items}) == len(items)
    assert len(known & set(pages_of(items))) >= 5
    assert all(isinstance(item, Record) or (item.outcome and item.reason) for item in items)
