"""Tables: every row once whatever the cuts, each bad row alone, JSON Lines against the plain reading of the file."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.batch import Record, Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.readers import tables
from curate.readers.json_items import split_items
from curate.readers.lines import split_lines
from curate.readers.look import look_at_tables
from curate.recipe import Source

BOOKS = Path(tables.__file__).parents[1] / "recipes" / "quickstart" / "books"
PARAGRAPHS = (BOOKS / "northangerabbey.txt").read_text(encoding="utf-8").split("\n\n")[10:210]


def read(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    target_bytes: int = 1 << 30,
    max_record_bytes: int = 1 << 20,
) -> list[Record | Rejected]:
    source = Source(name="news", read="tables", paths=(str(path),), columns=columns or {})
    file = find_inputs([str(path)], base=path.parent)[0]
    found: list[Record | Rejected] = []
    for start, end in tables.split_file(file, target_bytes=target_bytes):
        found += tables.read(FileRange(file, start, end), source=source, max_record_bytes=max_record_bytes)
    return found


def write_lines(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def rows(texts: list[str]) -> list[bytes]:
    return [json.dumps({"text": text, "n": number}, ensure_ascii=False).encode() for number, text in enumerate(texts)]


def texts(found: list[Record | Rejected]) -> list[object]:
    return [item.payload for item in found if isinstance(item, Record)]


def outcomes(found: list[Record | Rejected]) -> list[str]:
    return [item.reason if isinstance(item, Rejected) else "read" for item in found]


@pytest.mark.parametrize("target_bytes", [1 << 30, 5000, 77, 1])
def test_plain_lines_are_read_once_each_wherever_the_file_is_cut(tmp_path: Path, target_bytes: int) -> None:
    lines = rows(PARAGRAPHS if target_bytes > 100 else PARAGRAPHS[:5])
    path = write_lines(tmp_path / "novel.jsonl", lines)
    found = read(path, target_bytes=target_bytes)
    assert texts(found) == [json.loads(line)["text"] for line in lines]
    content = path.read_bytes()
    for item in found:
        offset = int(item.id.removeprefix("news/novel.jsonl@"))
        assert offset == 0 or content[offset - 1 : offset] == b"\n"
        assert isinstance(item, Record)
        assert json.loads(content[offset:].split(b"\n")[0])["text"] == item.payload


@settings(deadline=None, max_examples=40)
@given(
    content=st.lists(st.sampled_from([b"", b"\r", b'{"text": "a"}', b'{"text": "\xe2\x80\xa8 line"}']), max_size=12),
    target_bytes=st.integers(1, 40),
    ends=st.booleans(),
)
def test_any_cut_gives_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], target_bytes: int, ends: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(b"\n".join(content) + (b"\n" if ends else b""))
    assert read(path, target_bytes=target_bytes) == read(path)
    assert texts(read(path)) == [json.loads(line)["text"] for line in content if line.strip()]


@given(data=st.binary(max_size=60), size=st.integers(1, 9), max_bytes=st.integers(0, 12))
def test_lines_are_those_of_bytes_split(data: bytes, size: int, max_bytes: int) -> None:
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    expected = data.split(b"\n")
    expected = expected if expected[-1] else expected[:-1]
    found = list(split_lines(chunks, offset=0, max_bytes=max_bytes))
    by_row = {line.row: line.data for line in found}
    assert [by_row.get(row, b"") for row in range(len(expected))] == [
        line if len(line) <= max_bytes else None for line in expected
    ]
    offsets = [0]
    for line in expected:
        offsets.append(offsets[-1] + len(line) + 1)
    assert [line.offset for line in found] == [offsets[line.row] for line in found]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_lines_are_named_by_row(tmp_path: Path, suffix: str) -> None:
    plain = b"\n".join([*rows(PARAGRAPHS[:3]), b"", *rows(PARAGRAPHS[3:6])])
    pack = gzip.compress if suffix == "gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"novel.jsonl.{suffix}"
    path.write_bytes(pack(plain))
    found = read(path, target_bytes=100)
    assert texts(found) == PARAGRAPHS[:6]
    assert [item.id.rpartition("@")[2] for item in found] == ["0", "1", "2", "4", "5", "6"]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_rows_before_the_cut_of_a_compressed_file_are_kept(tmp_path: Path, suffix: str) -> None:
    pack = gzip.compress if suffix == "gz" else zstandard.ZstdCompressor(level=1).compress
    parts = [pack(b"".join(row + b"\n" for row in rows(PARAGRAPHS[start : start + 20]))) for start in range(0, 200, 20)]
    path = tmp_path / f"novel.jsonl.{suffix}"
    path.write_bytes(b"".join(parts)[:-200])
    *kept, lost = read(path)
    assert 180 <= len(kept) < 200
    assert texts(kept) == PARAGRAPHS[: len(kept)]
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "truncated")
    assert lost.id == f"news/novel.jsonl.{suffix}@{len(kept)}"


def test_each_bad_line_costs_itself_alone(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"text": "a byte order mark"}',
        b'{"text": "half',
        b'{"text": "caf\xe9"}',
        b'{"text": null}',
        b'{"text": 7}',
        b'{"other": "x"}',
        b'["text"]',
        b'{"text": "\\ud800"}',
        b'{"text": "fine", "url": "http://a/\\udfff"}',
        b"[" * 100_000,
        b'{"text": "' + b"x" * 200_000 + b'"}',
        b'{"text": "\\ud83d\\ude00 <|endoftext|> \xe2\x80\xa8"}',
    ]
    found = read(write_lines(tmp_path / "bad.jsonl", lines), max_record_bytes=150_000)
    assert outcomes(found) == [
        *("read", "bad_json", "encoding", "no_text", "no_text", "no_text", "bad_json", "encoding", "encoding"),
        *("bad_json", "too_big", "read"),
    ]
    assert texts(found) == ["a byte order mark", "😀 <|endoftext|> \u2028"]


def test_a_line_over_the_limit_is_skipped_without_being_held(tmp_path: Path) -> None:
    giant = b'{"text": "' + b"x" * (24 << 20) + b'"}\n{"text": "after"}\n'
    path = tmp_path / "giant.jsonl.gz"
    path.write_bytes(gzip.compress(giant, compresslevel=1))
    del giant
    tracemalloc.start()
    found = read(path, max_record_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcomes(found) == ["too_big", "read"]
    assert peak < 12 << 20


def test_columns_are_mapped_and_the_others_left_out(tmp_path: Path) -> None:
    row = {
        "content": "A text.",
        "link": "http://a/",
        "id": 17,
        "license": "MIT",
        "score": 0.5,
        "noise": 1,
        "tags": ["x"],
    }
    columns = {"text": "content", "url": "link", "score": "score", "labels": "tags"}
    lines_path = write_lines(tmp_path / "news.jsonl", [json.dumps(row).encode()])
    table_path = tmp_path / "news.parquet"
    pq.write_table(pa.Table.from_pylist([row]), table_path)
    for path in (lines_path, table_path):
        [record] = read(path, columns=columns)
        assert isinstance(record, Record)
        assert (record.payload, record.url, record.id) == ("A text.", "http://a/", f"news/{path.name}@0")
        assert record.columns == {"original_id": "17", "license": "MIT", "score": 0.5, "labels": '["x"]'}


def test_a_file_without_a_text_column_is_set_aside_by_its_name(tmp_path: Path) -> None:
    lines_path = write_lines(tmp_path / "news.jsonl", [b'{"body": "x", "link": "y"}'] * 300)
    table_path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"body": ["x"], "link": ["y"]}), table_path)
    for path in (lines_path, table_path):
        [lost] = read(path)
        assert isinstance(lost, Rejected)
        assert (lost.outcome, lost.reason, lost.id) == ("quarantined", "no_text_column", f"news/{path.name}@0")
    pq.write_table(pa.table({"text": [1]}), table_path)
    [lost] = read(table_path)
    assert isinstance(lost, Rejected)
    assert "int64" in lost.detail


def test_only_strings_are_text_and_all_kinds_of_strings_are(tmp_path: Path) -> None:
    values: list[object] = [[["a", "b"]], {"k": "v"}, 10**30, 1.5, True, "plain", ""]
    found = read(write_lines(tmp_path / "a.jsonl", [json.dumps({"text": value}).encode() for value in values]))
    assert outcomes(found) == ["no_text"] * 5 + ["read"] * 2
    json_path = tmp_path / "json.parquet"
    pq.write_table(pa.table({"text": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['"a"']))}), json_path)
    assert outcomes(read(json_path)) == ["no_text_column"]
    pq.write_table(pa.table({"text": pa.nulls(2), "n": [1, 2]}), tmp_path / "null.parquet")
    assert outcomes(read(tmp_path / "null.parquet")) == ["no_text", "no_text"]


ITEM_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "\\", "[{", "]},"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(
    items=st.lists(st.dictionaries(st.text(max_size=4), ITEM_VALUES, max_size=3), max_size=6),
    indent=st.sampled_from([None, 2]),
    is_array=st.booleans(),
    is_ascii=st.booleans(),
    size=st.integers(1, 20),
)
def test_the_items_of_an_array_are_those_that_the_library_reads(
    items: list[dict[str, object]], indent: int | None, is_array: bool, is_ascii: bool, size: int
) -> None:
    whole = [json.dumps(item, indent=indent, ensure_ascii=is_ascii) for item in items]
    content = (json.dumps(items, indent=indent, ensure_ascii=is_ascii) if is_array else "\n".join(whole)).encode()
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    found = list(split_items(chunks, max_bytes=1 << 20))
    assert [json.loads(line.data or b"") for line in found] == items
    assert [line.row for line in found] == list(range(len(items)))
    assert all(content[line.offset :].startswith(line.data or b"?") for line in found)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_array_in_a_json_file_is_read_item_by_item(tmp_path: Path, suffix: str) -> None:
    content = json.dumps([{"text": text} for text in PARAGRAPHS], indent=1).encode()
    path = tmp_path / f"novel.json{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    found = read(path, target_bytes=5000)
    assert texts(found) == PARAGRAPHS
    assert [item.id.rpartition("@")[2] for item in found] == [str(number) for number in range(len(PARAGRAPHS))]
    path.write_bytes(gzip.compress(content[:-3000]) if suffix else content[:-3000])
    *rows, lost = read(path)
    assert isinstance(lost, Rejected)
    assert (lost.reason, texts(rows)) == ("truncated", PARAGRAPHS[: len(rows)])


def test_one_object_over_several_lines_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"text": PARAGRAPHS[0], "tags": ["a", "b"]}, indent=2), encoding="utf-8")
    assert texts(read(path)) == [PARAGRAPHS[0]]
    path.write_text('{"text": "a"}\n{"text": "b"}\n', encoding="utf-8")
    assert texts(read(path)) == ["a", "b"]


def test_a_too_long_item_of_an_array_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "novel.json"
    path.write_text(json.dumps([{"text": "a"}, {"text": "b" * 5000}, 7, {"text": "c"}]), encoding="utf-8")
    assert outcomes(read(path, max_record_bytes=1000)) == ["read", "too_big", "bad_json", "read"]


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
        *(pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.large_string())),
    ],
)
def test_row_groups_are_read_once_each_whatever_the_cut(tmp_path: Path, kind: pa.DataType) -> None:
    when = [datetime(1803, 1, 1 + number % 28) for number in range(len(PARAGRAPHS))]
    is_binary = kind in (pa.binary(), pa.large_binary(), pa.binary_view())
    values = [text.encode() for text in PARAGRAPHS] if is_binary else PARAGRAPHS
    path = tmp_path / "novel.parquet"
    pq.write_table(pa.table({"text": pa.array(values).cast(kind), "timestamp": when}), path, row_group_size=30)
    whole = read(path)
    assert texts(whole) == PARAGRAPHS
    assert [item.id for item in whole] == [f"news/novel.parquet@{row}" for row in range(len(PARAGRAPHS))]
    assert isinstance(whole[29], Record)
    assert whole[29].timestamp == "1803-01-02T00:00:00"
    for target_bytes in (1, 9000):
        assert read(path, target_bytes=target_bytes) == whole


def test_one_row_with_invalid_text_does_not_take_its_batch_along(tmp_path: Path) -> None:
    values = [b"good", b"caf\xe9", None, b"x" * 2000, b"good too"]
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"text": pa.array(values, pa.binary()).cast(pa.string(), safe=False)}), path)
    assert outcomes(read(path, max_record_bytes=1000)) == ["read", "encoding", "no_text", "too_big", "read"]


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "novel.parquet"
    table = pa.table({"text": PARAGRAPHS})
    pq.write_table(table, path, row_group_size=50, write_page_checksum=True, compression="zstd", use_dictionary=False)
    column = pq.read_metadata(path).row_group(1).column(0)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0x55
    path.write_bytes(content)
    found = read(path, target_bytes=1)
    assert texts(found) == PARAGRAPHS[:50] + PARAGRAPHS[100:]
    [lost] = [item for item in found if isinstance(item, Rejected)]
    assert (lost.id, lost.reason) == ("news/novel.parquet@50", "corrupt")
    assert "rows 50 to 99" in lost.detail


def test_what_is_no_table_is_accounted_for(tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no footer")
    (tmp_path / "notes.txt").write_text("no table")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert outcomes(read(tmp_path / "cut.parquet")) == ["corrupt"]
    assert outcomes(read(tmp_path / "notes.txt")) == ["file_type"]
    assert read(tmp_path / "empty.jsonl") == []


@pytest.mark.parametrize(
    ("times", "written"),
    [
        (pa.array([1234567890123456789], pa.timestamp("ns")), "2009-02-13T23:31:30.123456789"),
        (pa.array([1234567890123456789], pa.timestamp("ns", "Asia/Tokyo")), "2009-02-13T23:31:30.123456789Z"),
        (pa.array([1], pa.timestamp("us", "Mars/City")), "1970-01-01T00:00:00.000001Z"),
        (pa.array([1 << 62], pa.timestamp("us")), "4611686018427387904 us"),
        (pa.array([(1 << 31) - 1], pa.date32()), "2147483647 days"),
        (pa.array([1234567890123], pa.time64("ns")), "00:20:34.567890123"),
        (pa.array([1 << 62], pa.duration("s")), "4611686018427387904 s"),
        (pa.array([[0, (1 << 31) - 1]], pa.list_(pa.date32())), '["1970-01-01", "2147483647 days"]'),
        (
            pa.array([{"at": 1234567890123456789, "by": "x"}], pa.struct([("at", pa.timestamp("ns")), ("by", "str")])),
            '{"at": "2009-02-13T23:31:30.123456789", "by": "x"}',
        ),
        (pa.array([[("a", 1 << 62)]], pa.map_(pa.string(), pa.timestamp("us"))), '[["a", "4611686018427387904 us"]]'),
    ],
)
def test_a_time_that_python_cannot_hold_costs_no_row(tmp_path: Path, times: pa.Array, written: str) -> None:
    pq.write_table(pa.table({"text": ["A plain sentence about boats."], "times": times}), tmp_path / "a.parquet")
    [record] = read(tmp_path / "a.parquet", columns={"times": "times"})
    assert isinstance(record, Record)
    assert str(record.columns["times"]) == written


def test_a_column_whose_name_is_half_a_character_stops_no_run(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [b'{"text": "A plain sentence.", "\\ud83d": 1, "n": 2}'])
    source = Source(name="news", read="tables", paths=(str(path),))
    assert look_at_tables(find_inputs([str(path)], base=tmp_path), source) == {"text": "text", "n": "integer"}


def test_a_byte_order_mark_before_an_object_over_several_lines_costs_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{\r\n "text": "one"\r\n}\r\n{\r\n "text": "two"\r\n}\r\n')
    assert texts(read(tmp_path / "a.json")) == ["one", "two"]
