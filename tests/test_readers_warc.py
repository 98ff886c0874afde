"""The WARC reader against warcio on whole files, and against a list of faults on damaged ones."""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import random
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers import members, pages, warc
from curate.readers.watch import Watch
from curate.recipe import Source

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
WORDS = Path(__file__).read_text(encoding="utf-8").split()
WEB = Source("web", "warc", ("*",))
MAX = 1 << 20
COUNT = 100
BAD = 50


def page(number: int) -> bytes:
    """A page of 1 to 5 kB, different for each number, that deflate cannot shrink to nothing."""
    words = random.Random(number).choices(WORDS, k=100 + 5 * number)
    return f"<html><title>page {number}</title><body><p>{' '.join(words)}</p></body></html>".encode()


def write_member(number: int, *, compress: bool = True, kind: str = "response", **fields: str) -> bytes:
    """One record as warcio writes it."""
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=compress)
    head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
    extra = {"WARC-Date": "2024-01-02T03:04:05Z", **fields}
    url, body = f"http://example.com/{number}", io.BytesIO(page(number))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # warcio leaves its temporary files to the collector
        writer.write_record(writer.create_warc_record(url, kind, body, http_headers=head, warc_headers_dict=extra))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def whole() -> list[bytes]:
    return [write_member(number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def plain() -> list[bytes]:
    return [write_member(number, compress=False) for number in range(COUNT)]


def read_file(path: Path, *, bounds: list[int] | None = None, max_bytes: int = MAX) -> list[Record | Rejected]:
    file = InputFile(path.name, str(path), path.stat().st_size, "")
    bounds = bounds or [0, file.size]
    ranges = [FileRange(file, start, end) for start, end in itertools.pairwise(bounds)]
    return [item for piece in ranges for item in warc.read(piece, source=WEB, max_record_bytes=max_bytes)]


def read_bytes(folder: Path, data: bytes, name: str = "a.warc.gz", **options: Any) -> list[Record | Rejected]:
    (folder / name).write_bytes(data)
    return read_file(folder / name, **options)


def numbers(items: list[Record | Rejected]) -> list[int]:
    """Which pages came out whole."""
    records = [item for item in items if isinstance(item, Record)]
    found = [int((record.url or "/-1").rpartition("/")[2]) for record in records]
    assert all(record.payload == page(number) for record, number in zip(records, found, strict=True))
    return found


def losses(items: list[Record | Rejected]) -> list[tuple[str, str]]:
    return [(item.reason, item.id.partition("@")[2]) for item in items if isinstance(item, Rejected)]


def all_but(*missing: int) -> list[int]:
    return [number for number in range(COUNT) if number not in missing]


def offset_of(pieces: list[bytes], index: int) -> int:
    return sum(map(len, pieces[:index]))


# --- whole files -------------------------------------------------------------------------------------------------


def oracle(path: Path, limit: int) -> Iterator[tuple[int, str, str | None, bytes]]:
    """Offset, type, HTTP status and decoded payload of warcio's records."""
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        for record in records:
            status = record.http_headers.get_statuscode() if record.http_headers else None
            payload = record.content_stream().read()
            offset = records.get_record_offset()  # reads to the record's end, so only now
            yield offset, record.rec_type, status, payload
            if offset > limit:
                return


def assert_agrees(path: Path, limit: int = 1 << 62) -> None:
    ours = {int(item.id.rpartition("@")[2]): item for item in read_file(path, bounds=[0, limit], max_bytes=64 << 20)}
    theirs = list(oracle(path, limit - 1))
    theirs = [record for record in theirs if record[0] < limit]
    assert sorted(ours) == [offset for offset, *_ in theirs]
    for offset, kind, status, payload in theirs:
        item = ours[offset]
        if isinstance(item, Record):
            assert item.payload == payload
        elif item.reason == "record_type":
            assert item.detail == kind
        elif item.reason == "http_status":
            assert item.detail == status
        else:
            assert item.reason in ("content_type", "empty_payload")


WELL_FORMED = [
    "web/warcit-faq.warc",
    *(f"warc/warcio/example{end}" for end in (".warc", ".warc.gz", "-digest.warc", "-iana.org-chunked.warc")),
    *(f"warc/warcio/example-{end}.warc.gz" for end in ("resource", "space-in-target-uri", "wget-bad-target-uri")),
    "warc/warcio/post-test.warc.gz",
    "warc/jwarc/cc.warc.gz",
    "warc/jwarc/gzip_extra_sl.warc.gz",
]


@pytest.mark.parametrize("name", WELL_FORMED)
def test_every_record_that_warcio_sees_comes_out_with_the_same_payload(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip("the shared WARC files are not here")
    assert_agrees(SHARED / name)


def test_a_real_wget_crawl_reads_as_warcio_reads_it() -> None:
    path = SHARED / "web" / "prose.warc.gz"
    if not path.exists():
        pytest.skip("the shared crawl is not here")
    assert_agrees(path, limit=1 << 20)


@pytest.mark.parametrize("compress", [True, False])
def test_files_that_warcio_writes_read_as_warcio_reads_them(tmp_path: Path, compress: bool) -> None:
    kinds = ["response", "request", "resource", "response", "metadata", "conversion"]
    made = [write_member(number, kind=kind, compress=compress) for number, kind in enumerate(kinds)]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(made))
    assert_agrees(path)


def test_a_record_carries_what_the_file_says(tmp_path: Path) -> None:
    items = read_bytes(tmp_path, write_member(3))
    url, date = "http://example.com/3", "2024-01-02T03:04:05Z"
    assert items == [Record("web/a.warc.gz@0", page(3), "text/html", url, date, "utf-8", {"mime": "text/html"})]


@pytest.mark.parametrize("name", ["whole.warc", "whole.warc.gz", "whole.warc.zst", "misnamed.pdf"])
def test_the_content_not_the_name_says_how_a_file_is_packed(tmp_path: Path, whole: list[bytes], name: str) -> None:
    assert numbers(read_bytes(tmp_path, b"".join(whole), name=name)) == all_but()


def test_one_gzip_member_for_the_whole_file_gives_offsets_inside_it(tmp_path: Path, plain: list[bytes]) -> None:
    items = read_bytes(tmp_path, gzip.compress(b"".join(plain)))
    assert numbers(items) == all_but()
    assert [items[0].id, items[1].id] == ["web/a.warc.gz@0", f"web/a.warc.gz@0+{len(plain[0])}"]


def test_block_gzip_with_records_across_members_is_whole(tmp_path: Path, plain: list[bytes]) -> None:
    data = b"".join(plain)
    blocks = [gzip.compress(data[at : at + 7000]) for at in range(0, len(data), 7000)]
    assert numbers(read_bytes(tmp_path, b"".join(blocks))) == all_but()


@pytest.mark.parametrize("dictionary", [False, True])
def test_zstd_frames_are_read_also_with_their_dictionary(tmp_path: Path, plain: list[bytes], dictionary: bool) -> None:
    words = zstandard.train_dictionary(4096, plain) if dictionary else None
    frames = [zstandard.ZstdCompressor(dict_data=words).compress(record) for record in plain]
    if words:
        packed = zstandard.compress(words.as_bytes())
        frames.insert(0, b"\x5d\x2a\x4d\x18" + len(packed).to_bytes(4, "little") + packed)
    assert numbers(read_bytes(tmp_path, b"".join(frames))) == all_but()


def test_an_empty_member_first_changes_nothing(tmp_path: Path, whole: list[bytes]) -> None:
    items = read_bytes(tmp_path, gzip.compress(b"") + b"".join(whole))
    assert numbers(items) == all_but()
    assert losses(items) == []


@pytest.mark.parametrize("version", ["0.17", "0.18", "1.0", "1.1"])
def test_versions_line_ends_and_folded_fields_are_all_read(tmp_path: Path, version: str) -> None:
    lines = [f"WARC/{version}", "warc-type: resource", "WARC-Target-URI: <http://example.com/7>"]
    lines += ["X-Note: a", "\tfolded field", "Content-Type: text/html", f"Content-Length: {len(page(7))}", "", ""]
    for end in ("\n", "\r\n"):
        assert numbers(read_bytes(tmp_path, end.join(lines).encode() + page(7) + b"\r\n\r\n", name="a.warc")) == [7]


def with_block(block: bytes, kind: str = "response", mime: str = "application/http; msgtype=response") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
    return gzip.compress(head.encode() + block + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("block", "outcome", "reason", "detail"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>", "dropped", "http_status", "404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG", "dropped", "content_type", "image/png"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "dropped", "empty_payload", "0 bytes"),
        (b"", "dropped", "empty_payload", "no HTTP message"),
        (b"HTTP/1.1 200 OK\r\n\r\n\x00\x01\x02", "dropped", "content_type", "none, begins with b'\\x00\\x01\\x02'"),
        (b"<html>no head", "quarantined", "bad_http", "no status line: b'<html>no head'"),
    ],
)
def test_what_is_no_page_is_accounted_with_its_reason(
    tmp_path: Path, block: bytes, outcome: str, reason: str, detail: str
) -> None:
    [item] = read_bytes(tmp_path, with_block(block))
    assert isinstance(item, Rejected)
    assert (item.outcome, item.reason, item.detail) == (outcome, reason, detail)


def test_a_page_without_a_type_is_told_by_its_begin(tmp_path: Path) -> None:
    blocks = [b"<!DOCTYPE html><p>x", b"Just words.", b'<?xml version="1.0"?><rss></rss>']
    items = read_bytes(tmp_path, b"".join(with_block(b"HTTP/1.1 200 OK\r\n\r\n" + block) for block in blocks))
    assert [item.media for item in items if isinstance(item, Record)] == ["text/html", "text/plain"]
    assert [reason for reason, _ in losses(items)] == ["content_type"]


def test_text_extracted_by_common_crawl_is_plain_text(tmp_path: Path) -> None:
    [item] = read_bytes(tmp_path, with_block("Größe".encode(), kind="conversion", mime="text/plain"))
    assert isinstance(item, Record)
    assert (item.payload, item.media, item.url) == ("Größe".encode(), "text/plain", None)


# --- damage ------------------------------------------------------------------------------------------------------


def flip(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def change_length(number: int, length: str, *, compress: bool = True) -> bytes:
    record = write_member(number, compress=False)
    field, _, rest = record.partition(b"\r\n\r\n")
    lines = [line for line in field.split(b"\r\n") if not line.startswith(b"Content-Length")]
    changed = b"\r\n".join([*lines, b"Content-Length: " + length.encode()]) + b"\r\n\r\n" + rest
    return gzip.compress(changed) if compress else changed


def good() -> bytes:
    return write_member(BAD)


def flip_the_middle() -> bytes:
    member = good()  # made once: each has a random id, so two may differ in length
    return flip(member, len(member) // 2)


def zero_a_block() -> bytes:
    member = good()
    return member[:200] + bytes(100) + member[300:]


def cut_in_half() -> bytes:
    member = good()
    return member[: len(member) // 2]


def endless_header() -> bytes:
    return gzip.compress(b"WARC/1.0\r\n" + random.Random(1).randbytes(200_000).hex().encode())


def bomb() -> bytes:
    """32 MiB out of 32 KiB."""
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 33554432\r\n\r\n"
    return gzip.compress(head + bytes(1 << 25), 6)


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a flipped bit in the data": (flip_the_middle, "corrupt"),
    "a wrong checksum": (lambda: flip(good(), -6), "corrupt"),
    "a zeroed block": (zero_a_block, "corrupt"),
    "a wrong first byte": (lambda: flip(good(), 0), "garbage"),
    "a wrong flag byte": (lambda: flip(good(), 3), "corrupt"),
    "half a member, then good ones": (cut_in_half, "corrupt"),
    "only ten bytes of a member": (lambda: good()[:10], "corrupt"),
    "a length too small": (lambda: change_length(BAD, "20"), "bad_length"),
    "a length too big": (lambda: change_length(BAD, "90000"), "bad_length"),
    "a length beyond all": (lambda: change_length(BAD, str(1 << 62)), "bad_length"),
    "a length of many digits": (lambda: change_length(BAD, "9" * 5000), "bad_length"),
    "a negative length": (lambda: change_length(BAD, "-5"), "bad_length"),
    "a length that is no number": (lambda: change_length(BAD, "many"), "bad_length"),
    "a header without end": (endless_header, "bad_header"),
    "no WARC-Type": (lambda: gzip.compress(b"WARC/1.0\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"), "bad_header"),
    "a bomb": (bomb, "too_big"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_member_costs_its_own_record_and_is_named_once(
    tmp_path: Path, whole: list[bytes], fault: str
) -> None:
    make, reason = FAULTS[fault]
    items = read_bytes(tmp_path, b"".join([*whole[:BAD], make(), *whole[BAD + 1 :]]))
    assert numbers(items) == all_but(BAD)
    assert losses(items) == [(reason, str(offset_of(whole, BAD)))]


@pytest.mark.parametrize("at", [0, BAD, COUNT])
@pytest.mark.parametrize("garbage", [random.Random(5).randbytes(300), bytes(5000), b"\x1f\x8b\x08", b"x"])
def test_garbage_around_members_costs_no_record(tmp_path: Path, whole: list[bytes], at: int, garbage: bytes) -> None:
    items = read_bytes(tmp_path, b"".join([*whole[:at], garbage, *whole[at:]]))
    assert numbers(items) == all_but()
    [(reason, offset)] = losses(items)
    assert reason in ("garbage", "corrupt", "truncated")
    assert offset == str(offset_of(whole, at))


@pytest.mark.parametrize("lost_bytes", [1, 4, 8, 300])
def test_a_member_cut_at_the_end_is_reported_and_not_passed_on(
    tmp_path: Path, whole: list[bytes], lost_bytes: int
) -> None:
    items = read_bytes(tmp_path, b"".join(whole)[:-lost_bytes])
    assert numbers(items) == all_but(COUNT - 1)
    assert losses(items) == [("truncated", str(offset_of(whole, COUNT - 1)))]


def test_a_file_cut_in_the_middle_keeps_what_came_before(tmp_path: Path, whole: list[bytes]) -> None:
    half = sum(map(len, whole)) // 2
    cut_member = next(index for index in range(COUNT) if offset_of(whole, index + 1) > half)
    items = read_bytes(tmp_path, b"".join(whole)[:half])
    assert numbers(items) == list(range(cut_member))
    assert losses(items) == [("truncated", str(offset_of(whole, cut_member)))]


PLAIN_FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a length too small": (lambda: change_length(BAD, "20", compress=False), "bad_length"),
    "a length too big": (lambda: change_length(BAD, "9000", compress=False), "bad_length"),
    "a length over the limit": (lambda: change_length(BAD, str(MAX + 5), compress=False), "bad_length"),
    "a length beyond all": (lambda: change_length(BAD, str(1 << 62), compress=False), "bad_length"),
    "a negative length": (lambda: change_length(BAD, "-5", compress=False), "bad_length"),
    "a flipped bit": (lambda: flip(write_member(BAD, compress=False), 900), "corrupt"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "one gzip member"])
@pytest.mark.parametrize("fault", PLAIN_FAULTS)
def test_a_damaged_record_among_others_costs_itself_only(
    tmp_path: Path, plain: list[bytes], fault: str, packed: bool
) -> None:
    make, reason = PLAIN_FAULTS[fault]
    data = b"".join([*plain[:BAD], make(), *plain[BAD + 1 :]])
    items = read_bytes(tmp_path, gzip.compress(data) if packed else data)
    place = offset_of(plain, BAD)
    assert numbers(items) == all_but(BAD)
    assert losses(items) == [(reason, f"0+{place}" if packed else str(place))]


def test_garbage_between_plain_records_costs_none(tmp_path: Path, plain: list[bytes]) -> None:
    garbage = random.Random(5).randbytes(300)
    items = read_bytes(tmp_path, b"".join([*plain[:BAD], garbage, *plain[BAD:]]))
    assert numbers(items) == all_but()
    assert losses(items) == [("garbage", str(offset_of(plain, BAD)))]


def test_a_plain_file_cut_in_mid_record_does_not_pass_it_on(tmp_path: Path, plain: list[bytes]) -> None:
    for lost_bytes in (10, len(plain[-1]) - 40):
        items = read_bytes(tmp_path, b"".join(plain)[:-lost_bytes], name="a.warc")
        assert numbers(items) == all_but(COUNT - 1)
        assert losses(items) == [("truncated", str(offset_of(plain, COUNT - 1)))]


def test_a_damaged_zstd_frame_costs_its_own_record(tmp_path: Path, plain: list[bytes]) -> None:
    packer = zstandard.ZstdCompressor(write_checksum=True)
    frames = [packer.compress(record) for record in plain]
    bad = flip(frames[BAD], len(frames[BAD]) // 2)
    items = read_bytes(tmp_path, b"".join([*frames[:BAD], bad, *frames[BAD + 1 :]]))
    assert numbers(items) == all_but(BAD)
    assert losses(items) == [("corrupt", str(offset_of(frames, BAD)))]


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty", "nothing in 0 bytes"),
        (gzip.compress(b"", mtime=0), "empty", "nothing in 20 bytes"),
        (b"%PDF-1.7 " + bytes(range(256)) * 40, "not_warc", "the file is a PDF"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "not_warc", "the file is a page of mark-up"),
        (b"\x1f\x8b\x08\x00\x00", "truncated", "the file ends inside a gzip member"),
    ],
)
def test_a_file_that_is_no_warc_is_one_row(tmp_path: Path, data: bytes, reason: str, detail: str) -> None:
    [item] = read_bytes(tmp_path, data)
    assert isinstance(item, Rejected)
    assert (item.outcome, item.reason, item.id) == ("quarantined", reason, "web/a.warc.gz@0")
    assert item.detail.startswith(detail)


def test_a_record_over_the_limit_is_too_big_and_a_film_merely_unwanted(tmp_path: Path, whole: list[bytes]) -> None:
    film = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + random.Random(2).randbytes(300_000)
    long_page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + random.Random(2).randbytes(300_000)
    data = b"".join([whole[0], with_block(film), with_block(long_page), whole[1]])
    items = read_bytes(tmp_path, data, max_bytes=200_000)
    assert numbers(items) == [0, 1]
    assert [reason for reason, _ in losses(items)] == ["content_type", "too_big"]


def test_memory_stays_bounded_whatever_a_member_inflates_to(tmp_path: Path, whole: list[bytes]) -> None:
    (tmp_path / "a.warc.gz").write_bytes(whole[0] + bomb() + whole[1])
    tracemalloc.start()
    try:
        items = read_file(tmp_path / "a.warc.gz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert numbers(items) == [0, 1]
    assert peak < 12 << 20


# --- ranges ------------------------------------------------------------------------------------------------------


@functools.cache
def messy() -> bytes:
    """Good members, every fault, garbage, empty and continued members: hard places to cut at."""
    pieces: list[bytes] = [b"leading garbage"]
    for number, (make, _) in enumerate(list(FAULTS.values())[:-3]):
        pieces += [write_member(number), make(), gzip.compress(b"") if number % 2 else b"\x00garbage\x1f\x8b\x08"]
    record = write_member(30, compress=False)
    pieces += [gzip.compress(record[:500]), gzip.compress(record[500:]), write_member(31), write_member(32)[:-9]]
    return b"".join(pieces)


@functools.cache
def messy_file(folder: Path) -> tuple[Path, list[Record | Rejected]]:
    return folder / "messy.warc.gz", read_bytes(folder, messy(), name="messy.warc.gz")


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_cuts_give_the_same_as_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path, expected = messy_file(tmp_path_factory.getbasetemp())
    cuts = data.draw(st.lists(st.integers(1, len(messy()) - 1), max_size=8))
    assert read_file(path, bounds=[0, *sorted(cuts), len(messy())]) == expected


@pytest.mark.parametrize("form", ["gzip", "plain", "zstd", "damaged plain"])
def test_the_ranges_of_cut_give_the_same_as_the_whole_file(
    tmp_path: Path, whole: list[bytes], plain: list[bytes], form: str
) -> None:
    faults = [make() for make, _ in PLAIN_FAULTS.values()]
    data = {
        "gzip": b"".join(whole),
        "plain": b"".join(plain),
        "zstd": b"".join(map(zstandard.compress, plain)),
        "damaged plain": b"".join(piece for pair in zip(plain, faults, strict=False) for piece in pair) + plain[99],
    }[form]
    path = tmp_path / "a"
    path.write_bytes(data)
    ranges = warc.split_file(InputFile("a", str(path), len(data), ""), target_bytes=5000)
    assert (len(ranges) > 3) == (form != "zstd")
    assert read_file(path, bounds=[0, *(end for _, end in ranges)]) == read_file(path)


def test_a_start_across_two_pages_of_the_file_is_found(
    tmp_path: Path, whole: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_bytes(tmp_path, messy())
    monkeypatch.setattr(pages, "PAGE", 97)
    monkeypatch.setattr(pages, "MARGIN", 97)
    assert read_bytes(tmp_path, messy()) == expected


def test_the_checksum_is_compared_before_a_record_is_passed_on(tmp_path: Path) -> None:
    raw = write_member(1, compress=False)
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    stored = packer.compress(raw) + packer.flush()
    at = stored.index(b"page 1")
    items = read_bytes(tmp_path, flip(stored, at))
    assert losses(items) == [("corrupt", "0")]
    assert numbers(items) == []


# --- odd bytes, and files made to cost time ------------------------------------------------------------------------


@pytest.mark.parametrize("stray", [b"\0", b"\0\0\0", b"\r\n\0\r\n", b"\x1a", b" \n"])
def test_a_few_stray_bytes_after_a_record_cost_nothing(tmp_path: Path, plain: list[bytes], stray: bytes) -> None:
    members = [gzip.compress(record + stray) for record in plain[:5]]
    for data in (b"".join(members), gzip.compress(b"".join(record + stray for record in plain[:5]))):
        items = read_bytes(tmp_path, data)
        assert numbers(items) == [0, 1, 2, 3, 4]
        assert losses(items) == []


def test_more_bytes_than_a_few_make_a_wrong_length(tmp_path: Path, plain: list[bytes]) -> None:
    longer = gzip.compress(plain[0] + b"more of a page, lost by its length")
    items = read_bytes(tmp_path, longer + gzip.compress(plain[1]))
    assert numbers(items) == [1]
    assert [reason for reason, _ in losses(items)] == ["bad_length"]


def test_nuls_between_members_are_padding(tmp_path: Path, whole: list[bytes]) -> None:
    items = read_bytes(tmp_path, b"".join(member + bytes(number) for number, member in enumerate(whole)))
    assert numbers(items) == all_but()
    assert losses(items) == []


HOSTILE = {
    "magics": b"\x1f\x8b\x08",
    "whole heads": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "heads that begin a block": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x84\xc1" + bytes(8),
    "heads with names": b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03" + b"a" * 15,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_bytes_that_look_like_members_are_tried_in_bounds_and_cost_no_record(
    tmp_path: Path, whole: list[bytes], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    begin = members.Member.__init__

    def count(self: members.Member, *arguments: Any, **named: Any) -> None:
        nonlocal begun
        begun += 1
        begin(self, *arguments, **named)

    monkeypatch.setattr(members.Member, "__init__", count)
    size = 1_000_000
    items = read_bytes(tmp_path, whole[0] + (HOSTILE[what] * size)[:size] + whole[1] + whole[2])
    assert {0, 2} <= set(numbers(items))
    assert begun < 2 * members.TRIES + 2 * size // members.BYTES_A_TRY


def test_the_reader_says_that_it_goes_on(tmp_path: Path, whole: list[bytes]) -> None:
    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1

    path = tmp_path / "a.warc.gz"
    path.write_bytes(whole[0] + gzip.compress(bytes(64 << 20), 1) + b"\x1f\x8b\x08" * 1_000_000 + whole[1])
    file = InputFile(path.name, str(path), path.stat().st_size, "")
    items = list(warc.read(FileRange(file, 0, file.size), source=WEB, max_record_bytes=1 << 30, watch=Watch(beat)))
    assert numbers(items) == [0, 1]
    assert beats >= 64 // 16
