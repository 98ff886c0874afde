"""Files made to fill memories and days: each is given up in seconds and little memory, with its place and its reason,
and what came before stays. Mutated files of every kind neither stop a reader nor a run."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import resource
import struct
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from curate.batch import Record, Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.readers import inflate
from curate.readers.reader import READERS
from curate.readers.watch import Watch
from curate.recipe import Source

ROOT = Path(__file__).resolve().parents[1]
MANY = 1_000_000
ROW = b'{"text": "A row that is whole."}\n'


def read(path: Path, kind: str, pulses: list[None] | None = None) -> list[Record | Rejected]:
    """Everything that a reader hands out, and that it takes less than 500 MB of memory over what was used before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = READERS[kind]
    source = Source(name="s", read=kind, paths=(str(path),))
    file = find_inputs([str(path)], base=path.parent)[0]
    found: list[Record | Rejected] = []
    for start, end in reader.split_file(file, target_bytes=1 << 30):
        part = FileRange(file, start, end)
        beat = (lambda: pulses.append(None)) if pulses is not None else (lambda: None)
        found += reader.read(part, source=source, max_record_bytes=1 << 20, watch=Watch(beat))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 << 10
    return found


def last_reason(found: list[Record | Rejected]) -> str:
    assert isinstance(found[-1], Rejected)
    assert found[-1].outcome == "quarantined"
    return found[-1].reason


def deflated(head: bytes, block: bytes, times: int) -> bytes:
    """A gzip file of `head` and `times` blocks, packed once; nobody gets as far as its end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + first + again * times


def test_a_line_of_ten_gigabytes_is_given_up_and_the_rows_before_it_stay(tmp_path: Path) -> None:
    path, pulses = tmp_path / "long.jsonl.gz", list[None]()
    path.write_bytes(deflated(ROW * 3 + b'{"text": "', b"a" * (16 << 20), 640))
    found = read(path, "tables", pulses)
    assert [item.payload for item in found[:3] if isinstance(item, Record)] == ["A row that is whole."] * 3
    assert last_reason(found) == "bomb"
    assert found[-1].id == "s/long.jsonl.gz@3"
    assert len(pulses) >= 30


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits for a computer that has no time."""
    monkeypatch.setattr(inflate, "FREE_BYTES", 8 << 20)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("line_end", [b"", b"\n", b" \n"])
def test_a_table_that_unpacks_to_far_more_than_tables_do_is_given_up(
    tmp_path: Path, pack: str, line_end: bytes
) -> None:
    plain = ROW * 3 + (line_end or b"a") * ((16 << 20) // len(line_end or b"a"))
    packers = {
        "gz": lambda data: gzip.compress(data, 9),
        "bz2": bz2.compress,
        "xz": lambda data: lzma.compress(data, preset=1),
        "zst": zstandard.ZstdCompressor().compress,
    }
    path = tmp_path / f"long.jsonl.{pack}"
    path.write_bytes(packers[pack](plain))
    found = read(path, "tables")
    assert [type(item) for item in found[:3]] == [Record] * 3
    assert last_reason(found) in ("bomb", "too_many")
    assert len(found) == 4


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("kind", ["books", "code"])
def test_a_bomb_in_an_archive_costs_what_stands_behind_it(tmp_path: Path, pack: str, kind: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in (("a/one.txt", b"A book."), ("a/one.py", b"a = 1\n"), ("a/bomb.txt", bytes(16 << 20))):
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    pack_bytes = packers.get(pack, zstandard.ZstdCompressor().compress)
    path = tmp_path / f"a.tar.{pack}"
    path.write_bytes(pack_bytes(packed.getvalue()))
    found = read(path, kind)
    assert [type(item) for item in found].count(Record) == 1
    assert last_reason(found) == "bomb"


def test_an_archive_of_nothing_but_headers_is_given_up(tmp_path: Path) -> None:
    header = tarfile.TarInfo("a/empty.py").tobuf()
    path = tmp_path / "headers.tar.gz"
    path.write_bytes(deflated(b"", header * 32_768, 60))
    found = read(path, "books")
    assert last_reason(found) == "too_many"
    assert len(found) < 80_000


def test_two_hundred_thousand_empty_gzip_members_are_gone_through(tmp_path: Path) -> None:
    pulses = list[None]()
    path = tmp_path / "members.jsonl.gz"
    path.write_bytes(gzip.compress(ROW) + gzip.compress(b"", mtime=0) * 200_000 + gzip.compress(ROW))
    assert len(read(path, "tables", pulses)) == 2
    assert len(pulses) >= 3


def directory_entry(name: bytes, size: int, offset: int, packed: int = 0, checksum: int = 0) -> bytes:
    layout = struct.Struct("<4s6H3L5H2L")
    method = 8 if packed else 0
    fields = (0, 20, 0, method, 0, 0x21, checksum, packed, size, len(name), 0, 0, 0, 0, 0, offset)
    return layout.pack(b"PK\1\2", *fields) + name


def zip_of(body: bytes, directory: bytes, count: int) -> bytes:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(body), 0)
    return body + directory + end


@pytest.mark.parametrize(("kind", "name"), [("code", "a.zip"), ("books", "a.zip"), ("books", "a.epub")])
def test_a_zip_with_a_million_entries_is_given_up_before_they_are_held(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(zip_of(b"", directory_entry(b"a.py", 0, 0) * MANY, MANY))
    [lost] = read(path, kind)
    assert last_reason([lost]) == "too_many"


@pytest.mark.usefixtures("small_limit")
def test_entries_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    plain = b"A line of a book that is repeated.\n" * 28_000
    packed = zlib.compress(plain, 9)[2:-4]
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0x21, zlib.crc32(plain), len(packed), len(plain), 5, 0)
    entry = directory_entry(b"a.txt", len(plain), 0, len(packed), zlib.crc32(plain))
    path = tmp_path / "shared.zip"
    path.write_bytes(zip_of(local + b"a.txt" + packed, entry * 20_000, 20_000))
    found = read(path, "books")
    assert last_reason(found) == "bomb"
    assert 8 <= len(found) < 1000


def test_an_epub_with_a_million_parts_is_given_up(tmp_path: Path) -> None:
    for times, reason in ((MANY, "too_big"), (100_000, "too_many")):
        path = tmp_path / f"{times}.epub"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr("META-INF/container.xml", '<container><rootfile full-path="b.opf"/></container>')
            items = "".join(f'<item id="{at}" href="a.xhtml"/>' for at in range(times))
            spine = "".join(f'<itemref idref="{at}"/>' for at in range(times))
            book.writestr("b.opf", f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
            book.writestr("a.xhtml", "<p>A part</p>")
        assert last_reason(read(path, "books")) == reason


def test_an_xz_file_that_asks_for_a_gigabyte_of_memory_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(ROW, filters=filters))
    header = packed[12 : 12 + (packed[12] + 1) * 4]
    at = header.index(b"\x21\x01") + 2
    header[at] = 40  # the code for a dictionary of 4 GiB
    header[-4:] = struct.pack("<L", zlib.crc32(bytes(header[:-4])))
    packed[12 : 12 + len(header)] = header
    path = tmp_path / "a.jsonl.xz"
    path.write_bytes(packed)
    assert last_reason(read(path, "tables")) == "corrupt"


@pytest.mark.skipif(not (ROOT / "benchmarks" / "fuzz_readers.py").exists(), reason="not in a checkout")
def test_a_hundred_mutated_files_stop_neither_a_reader_nor_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    fuzz = importlib.import_module("fuzz_readers")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    inputs = list(fuzz.write_inputs(tmp_path / "in", 3, range(100)))
    assert [problem for path, kind in inputs if (problem := fuzz.try_input(path, kind, before)[1])] == []
    assert "kept" in fuzz.run_all(tmp_path / "in", tmp_path / "run")
    del sys.modules["fuzz_readers"]
