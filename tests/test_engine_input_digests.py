"""Digests of inputs, taken while they are read: always those of the bytes, however a reader goes about, and each byte
is read once wherever a reader reads it once."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.engine import input_digests
from curate.engine.files import find_inputs, open_file
from curate.engine.input_digests import HashedInput, InputDigests, PieceDigest
from curate.engine.plan import FileRange, InputFile
from curate.errors import RunConflict
from curate.readers.custom import resolve_reader
from curate.readers.reader import READERS, Reader
from curate.readers.watch import Watch
from curate.recipe import Source

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
NOVEL = (SAMPLE / "books" / "persuasion.txt").read_bytes()


class Counted(io.BytesIO):
    """A file in memory that knows what was read of it."""

    def __init__(self, content: bytes, reads: list[tuple[int, int]]) -> None:
        super().__init__(content)
        self.reads = reads

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.reads.append((start, start + len(data)))
        return data

    def size(self) -> int:
        return len(self.getbuffer())


def read_and_digest(
    path: Path, reader: Reader, kind: str, *, target_bytes: int = 1 << 30
) -> tuple[list[tuple[int, int, str]], list[tuple[int, int]]]:
    """The digests of all ranges of a file, and every stretch of it that was read while `filter` reads and digests."""
    [file] = find_inputs([str(path)], base=path.parent)
    source = Source(name="s", read=kind, paths=(str(path),))
    found: list[tuple[int, int, str]] = []
    reads: list[tuple[int, int]] = []
    for start, end in reader.split_file(file, target_bytes=target_bytes):
        piece = FileRange(file, start, end)
        own = {piece: reader.own_bytes(piece)}
        digests = InputDigests(own, opener=lambda file: Counted(Path(file.uri).read_bytes(), reads))
        for _ in reader.read(piece, source=source, max_record_bytes=1 << 24, watch=Watch(open=digests.opener(piece))):
            pass
        found += digests.finished().get(file.name, [])
    return found, reads


def assert_of_the_whole_file(found: list[tuple[int, int, str]], content: bytes) -> None:
    """Ranges that lie side by side from the first byte to the last, each with its SHA-256."""
    assert [start for start, _, _ in found] == [0, *(end for _, end, _ in found)][: len(found)]
    assert found[-1][1] == len(content)
    assert all(sha256 == hashlib.sha256(content[start:end]).hexdigest() for start, end, sha256 in found)


def bytes_read(reads: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in reads)


def table(rows: int) -> pa.Table:
    texts = [NOVEL[1000 * row : 1000 * row + 900].decode("utf-8", "replace") for row in range(rows)]
    return pa.table({"text": texts, "n": list(range(rows)), "unwanted": [text[::-1] for text in texts]})


def write_lines(path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in table(300).to_pylist()))
    return path


def write_gzip(path: Path) -> Path:
    path.write_bytes(gzip.compress(write_lines(path.with_suffix("")).read_bytes()))
    return path


def write_array(path: Path) -> Path:
    path.write_text(json.dumps(table(300).to_pylist()))
    return path


def write_parquet(path: Path) -> Path:
    pq.write_table(table(300), path, row_group_size=50)
    return path


def write_book(path: Path) -> Path:
    path.write_bytes(NOVEL)
    return path


def write_foreign(path: Path) -> Path:
    path.write_bytes(NOVEL[:5000])
    return path


def write_nothing(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def write_crawl(path: Path) -> Path:
    path.write_bytes((SAMPLE / "web.warc.gz").read_bytes())
    return path


def write_plain_crawl(path: Path) -> Path:
    path.write_bytes(gzip.decompress((SAMPLE / "web.warc.gz").read_bytes()))
    return path


def write_damaged_crawl(path: Path) -> Path:
    crawl = (SAMPLE / "web.warc.gz").read_bytes()
    path.write_bytes(crawl[:700_000] + bytes(900) + crawl[700_900:1_900_000])
    return path


def write_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(200):
            archive.writestr(f"src/{number}.py", f"x = {number}\n" * 50)
        archive.writestr("unwanted.bin", NOVEL[:100_000])
    return path


def write_tar(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(SAMPLE / "books" / "persuasion.txt", "persuasion.txt")
        archive.add(SAMPLE / "NOTICE.md", "NOTICE.md")
    return path


FORWARD: list[tuple[str, str, Callable[[Path], Path], int]] = [
    ("tables", "rows.jsonl", write_lines, 1 << 30),
    ("tables", "rows.jsonl.gz", write_gzip, 1 << 30),
    ("books", "novel.txt", write_book, 1 << 30),
    ("books", "novel.pdf", write_foreign, 1 << 30),
    ("books", "empty.txt", write_nothing, 1 << 30),
    ("books", "both.tar.gz", write_tar, 1 << 30),
    ("code", "src.tar.gz", write_tar, 1 << 30),
    ("warc", "web.warc.gz", write_crawl, 1 << 30),
    ("warc", "web.warc", write_plain_crawl, 1 << 30),
]
OTHERS: list[tuple[str, str, Callable[[Path], Path], int]] = [
    ("tables", "rows.jsonl", write_lines, 100_000),
    ("tables", "rows.json", write_array, 1 << 30),
    ("tables", "rows.parquet", write_parquet, 1 << 30),
    ("tables", "rows.parquet", write_parquet, 100_000),
    ("tables", "damaged.parquet", write_foreign, 1000),
    ("code", "src.zip", write_zip, 1 << 30),
    ("warc", "web.warc.gz", write_crawl, 300_000),
    ("warc", "web.warc", write_plain_crawl, 300_000),
    ("warc", "damaged.warc.gz", write_damaged_crawl, 300_000),
]


@pytest.mark.parametrize(("kind", "name", "write", "target_bytes"), [*FORWARD, *OTHERS])
def test_every_reader_leaves_the_digests_of_all_bytes_of_its_files(
    tmp_path: Path, kind: str, name: str, write: Callable[[Path], Path], target_bytes: int
) -> None:
    path = write(tmp_path / name)
    found, _ = read_and_digest(path, READERS[kind], kind, target_bytes=target_bytes)
    assert_of_the_whole_file(found, path.read_bytes())


@pytest.mark.parametrize(("kind", "name", "write", "target_bytes"), FORWARD)
def test_a_file_that_is_read_forward_is_read_once(
    tmp_path: Path, kind: str, name: str, write: Callable[[Path], Path], target_bytes: int
) -> None:
    path = write(tmp_path / name)
    _, reads = read_and_digest(path, READERS[kind], kind, target_bytes=target_bytes)
    stretches = [(start, end) for start, end in reads if start < end]
    assert [start for start, _ in stretches] == [0, *(end for _, end in stretches)][: len(stretches)]
    assert bytes_read(reads) == path.stat().st_size


def test_of_a_table_and_a_zip_only_what_stands_at_the_end_is_read_twice(tmp_path: Path) -> None:
    parquet, archive = write_parquet(tmp_path / "rows.parquet"), write_zip(tmp_path / "src.zip")
    footer = pq.read_metadata(parquet).serialized_size
    _, reads = read_and_digest(parquet, READERS["tables"], "tables")
    assert bytes_read(reads) <= parquet.stat().st_size + footer + (64 << 10)
    for kind in ("books", "code"):
        _, reads = read_and_digest(archive, READERS[kind], kind)
        assert bytes_read(reads) <= archive.stat().st_size + 3 * (66 << 10), kind


def test_a_range_of_a_shared_file_reads_little_of_its_neighbors(tmp_path: Path) -> None:
    path = write_crawl(tmp_path / "web.warc.gz")
    found, reads = read_and_digest(path, READERS["warc"], "warc", target_bytes=1 << 20)
    assert len(found) == 3
    # At each of two borders: a look at the form of the file, and the rest of a record, which is a page of the web.
    assert bytes_read(reads) <= path.stat().st_size + 2 * (64 << 10) + 2 * (256 << 10)


def test_readers_of_users_have_digests_too_of_what_they_do_not_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import curate\n\n@curate.reader\ndef first_line(file):\n    yield {'text': file.readline().decode()}\n\n"
        "def cut(file, target):\n    return [(0, 3), (3, 5)]\n\n"
        "@curate.reader(split_file=cut)\ndef backwards(file, start, end):\n"
        "    for at in range(start, end):\n        file.seek(1000 * (end - at))\n"
        "        yield {'text': file.read(50).decode(), 'at': at}\n"
    )
    path = write_book(tmp_path / "novel.txt")
    for name in ("first_line", "backwards"):
        found, _ = read_and_digest(path, resolve_reader(f"mine:{name}", {}, base=tmp_path), f"mine:{name}")
        assert found == [(0, len(NOVEL), hashlib.sha256(NOVEL).hexdigest())]


@settings(deadline=None, max_examples=200)
@given(data=st.data(), content=st.binary(max_size=300))
def test_reads_in_any_order_and_over_any_borders_come_to_the_digest_of_the_bytes(
    data: st.DataObject, content: bytes
) -> None:
    positions = st.integers(0, len(content))
    start, end = sorted((data.draw(positions), data.draw(positions)))
    digest = PieceDigest(start, end)
    opened = HashedInput(Counted(content, []), digest, "x")
    for position, size in data.draw(st.lists(st.tuples(positions, st.integers(-1, 120)), max_size=20)):
        opened.seek(position)
        assert opened.read(size) == (content[position:] if size < 0 else content[position : position + size])
        assert opened.tell() == min(len(content), len(content) if size < 0 else position + size)
    while digest.reached < end:
        opened.read_missing()
    assert digest.hexdigest() == hashlib.sha256(content[start:end]).hexdigest()
    assert digest.held_bytes == 0


def test_what_comes_early_is_held_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_digests, "MAX_HELD_BYTES", 10_000)
    digest, reads = PieceDigest(0, len(NOVEL)), list[tuple[int, int]]()
    opened = HashedInput(Counted(NOVEL, reads), digest, "x")
    for position in range(100_000, 0, -5000):
        opened.seek(position)
        assert opened.read(4000) == NOVEL[position : position + 4000]
        assert digest.held_bytes <= 10_000
    assert bytes_read(reads) < 104_000 + 20 * 4000, "what lies before is read once, not once for each jump"


def test_a_file_that_became_shorter_while_it_was_read_is_refused_by_name(tmp_path: Path) -> None:
    file = InputFile("novel.txt", str(write_book(tmp_path / "novel.txt")), len(NOVEL) + 10, "")
    piece = FileRange(file, 0, 1)
    with pytest.raises(RunConflict, match=r"novel\.txt has changed"):
        InputDigests({piece: (0, file.size)}).finished()


def test_a_book_and_a_library_read_a_hashed_input_like_any_file(tmp_path: Path) -> None:
    [file] = find_inputs([str(write_parquet(tmp_path / "rows.parquet"))], base=tmp_path)
    piece = FileRange(file, 0, 6)
    opener: Callable[[InputFile], Any] = InputDigests({piece: (0, file.size)}).opener(piece)
    with opener(file) as hashed, open_file(file) as plain:
        assert pq.read_table(hashed).equals(pq.read_table(plain))
    with opener(file) as hashed:
        buffered = io.BufferedReader(hashed)
        assert buffered.peek(4)[:4] == buffered.read(4) == b"PAR1"
    assert hashed.closed


def test_thousands_of_small_reads_that_come_early_are_hashed_in_their_order() -> None:
    data = bytes(range(256)) * 20
    digest = PieceDigest(0, len(data))
    for position in range(len(data) - 1, -1, -1):
        digest.take(position, data[position : position + 1])
    assert digest.reached == len(data)
    assert digest.held_bytes == 0
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
