"""Files of the web: what a stumbling server answers never becomes an input, and a refusal is waited out or told of."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import random
import tarfile
import time
import zipfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import polars as pl
import pytest
from crawl_server import FAULTS, Server, serving, surt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.engine import kept
from curate.engine.files import find_inputs, open_file, open_input
from curate.engine.input_digests import InputDigests
from curate.engine.plan import FileRange, InputFile
from curate.engine.web import fetch, is_at_hand, look
from curate.errors import MachineError, RunConflict, UsageError
from curate.pipeline.run import run
from curate.readers.common_crawl.surt import address_pattern, domain_pattern
from curate.readers.inputs import find_source, reader_of, split_inputs
from curate.recipe_file import load
from curate.steps.chapters import read_piece

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.bin").write_bytes(CONTENT)
    (tmp_path / "www" / "empty.bin").write_bytes(b"")
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CURATE_HTTP_PAUSE", "0.01")
    monkeypatch.setenv("CURATE_HTTP_TRIES", "4")
    with serving(tmp_path / "www") as state:
        yield state


def address(server: Server, name: str = "file.bin") -> str:
    return f"{server.address}{name}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_try_that_fails_is_followed_by_one_that_does_not(server: Server, fault: str) -> None:
    server.fault = lambda request, times: fault if len(server.refused) < 2 else None
    found = fetch(address(server), 1000, 200_000)
    assert found.data == CONTENT[1000:200_000]
    assert found.size == len(CONTENT)
    assert server.refused == [fault] * 2
    [(_, start, end)] = server.asked
    assert (start, end) == (199_999 if fault == "short" else start, 200_000)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("403", "403 Forbidden"),
        ("429", "429 Too Many Requests"),
        ("503", "503 Service Unavailable"),
        ("reset", "(reset|IncompleteRead|broken)"),
        ("short", "0 bytes came of 1"),
        ("wrong", "asked for bytes 1000-199999 it gave bytes 7-199006/300000"),
        ("whole", "hands out whole files only"),
    ],
)
def test_a_server_that_never_mends_is_named_with_its_last_answer(server: Server, fault: str, told: str) -> None:
    server.fault = lambda request, times: fault
    with pytest.raises(MachineError, match=f"{address(server)} was given up after 4 tries in .* the last: .*{told}"):
        fetch(address(server), 1000, 200_000)
    assert len(server.refused) == 4


def test_halves_of_two_versions_are_never_joined(server: Server, tmp_path: Path) -> None:
    def fault(request: str, times: int) -> str | None:
        if server.refused:
            (tmp_path / "www" / "file.bin").write_bytes(CONTENT[::-1])
        return None if server.refused else "short"

    server.fault = fault
    assert fetch(address(server), 1000, 200_000).data == CONTENT[::-1][1000:200_000]
    assert [request[1:] for request in server.asked] == [(199_999, 200_000), (1000, 200_000)]


def test_reading_on_is_few_requests_and_brings_little_of_a_neighbors(server: Server) -> None:
    file = InputFile("file.bin", address(server), len(CONTENT), fetch(address(server), 0, 1).version)
    with open_file(file, until=50_000) as opened:
        assert b"".join(opened.read(1000) for _ in range(240)) == CONTENT[:240_000]
        opened.seek(290_000)
        assert opened.read(10) == CONTENT[290_000:290_010]
    steps = [0, 1000, 50_000, 50_000 + (1 << 16), 50_000 + (3 << 16)]
    assert [request[1:] for request in server.asked[1:]] == [*itertools.pairwise(steps), (290_000, 290_010)]


def test_a_server_that_is_not_there_is_a_wrong_name_at_first_and_a_failure_later(server: Server) -> None:
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9/x can't be reached: .*refused"):
        look("http://127.0.0.1:9/x")
    with pytest.raises(MachineError, match=r"127\.0\.0\.1:9/x was given up after 4 tries"):
        fetch("http://127.0.0.1:9/x", 0, 1)
    assert not is_at_hand("http://127.0.0.1:9/x")


@pytest.mark.parametrize("asked", ["1", "date"])
def test_a_pause_that_a_server_asks_for_is_kept_and_is_no_silence(server: Server, asked: str) -> None:
    pulses: list[float] = []
    seconds = "1" if asked == "1" else formatdate(time.time() + 2, usegmt=True)
    server.fault = lambda request, times: f"429:{seconds}" if times < 1 else None
    began = time.monotonic()
    fetch(address(server), 0, 10, lambda: pulses.append(time.monotonic()))
    assert time.monotonic() - began >= 0.95
    assert len(pulses) >= 3


def test_a_server_that_asks_for_hours_is_not_waited_for(server: Server) -> None:
    server.fault = lambda request, times: "503:7200"
    with pytest.raises(MachineError, match="asks not to be asked again for 7,200 s"):
        fetch(address(server), 0, 10)
    assert len(server.refused) == 1


def test_what_is_not_there_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*nothing\.bin: the server says 404 Not Found"):
        find_inputs([address(server, "nothing.bin")], base=tmp_path)
    with pytest.raises(UsageError, match="a web server lists no files"):
        find_inputs([address(server, "*.bin")], base=tmp_path)


def test_the_environment_says_numbers(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_HTTP_CONTACT", "crawler@example.org")
    fetch(address(server), 0, 1)
    assert any("(crawler@example.org)" in agent for agent in server.agents)
    monkeypatch.setenv("CURATE_HTTP_TRIES", "many")
    with pytest.raises(UsageError, match='CURATE_HTTP_TRIES is a number, found "many"'):
        fetch(address(server), 0, 1)


def test_inputs_are_found_with_names_sizes_and_versions(server: Server, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{address(server)}?token=1\n{address(server, 'empty.bin')}\n")
    empty, file = find_inputs(["@list.txt"], base=tmp_path)
    assert (file.name, file.size, empty.size) == ("file.bin", len(CONTENT), 0)
    assert file.version.startswith('"')
    assert open_file(empty).read() == b""


@settings(deadline=None, max_examples=40)
@given(reads=st.lists(st.tuples(st.integers(0, 310_000), st.integers(-1, 120_000)), max_size=8))
def test_a_file_of_the_web_reads_and_seeks_as_one_on_disk(
    web_and_disk: tuple[str, Path], reads: list[tuple[int, int]]
) -> None:
    uri, path = web_and_disk
    with open_input(uri) as web, path.open("rb") as disk:
        for position, size in reads:
            assert web.seek(position) == disk.seek(position)
            assert web.read(size) == disk.read(size)
            assert web.read(100) == disk.read(100)
            assert web.tell() == disk.tell()


@pytest.fixture(scope="module")
def web_and_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    root = tmp_path_factory.mktemp("www")
    (root / "file.bin").write_bytes(CONTENT)
    with serving(root) as state:
        yield f"{state.address}file.bin", root / "file.bin"


def test_an_input_that_changes_is_refused_wherever_it_is_read(server: Server, tmp_path: Path) -> None:
    [file] = find_inputs([address(server)], base=tmp_path)
    piece = FileRange(file, 0, file.size)
    (tmp_path / "www" / "file.bin").write_bytes(CONTENT[::-1])
    with pytest.raises(RunConflict, match=r"file\.bin has changed since this run was planned"):
        InputDigests({piece: (0, file.size)}).finished()


RECIPE = """\
name = "rows"
[[source]]
name = "json"
read = "tables"
paths = ["{at}rows.jsonl.gz"]
[[source]]
name = "parquet"
read = "tables"
paths = ["{at}rows.parquet"]
[[source]]
name = "books"
read = "books"
paths = ["{at}books.zip"]
[tokenize]
tokenizer = "bytes"
validation = 0
"""


def test_every_reader_reads_files_of_the_web(server: Server, tmp_path: Path) -> None:
    rows = [{"text": f"This is the text of row {number}."} for number in range(3000)]
    www = tmp_path / "www"
    (www / "rows.jsonl.gz").write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    pl.DataFrame(rows).write_parquet(www / "rows.parquet", row_group_size=500)
    with zipfile.ZipFile(www / "books.zip", "w") as archive:
        archive.writestr("one.txt", "It is a truth universally acknowledged.")
    documents = []
    for name, at in (("web", server.address), ("disk", f"{www}/")):
        (tmp_path / f"{name}.toml").write_text(RECIPE.format(at=at))
        run(tmp_path / f"{name}.toml", out=tmp_path / name, workers=0)
        documents.append(pl.read_parquet(tmp_path / name / "documents" / "**/*.parquet").sort("id"))
    assert documents[0].equals(documents[1])
    assert documents[0].height == 6001


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.parquet", "books.zip", "code.tar.gz", "pages.warc.gz"])
@pytest.mark.parametrize("failure", ["refuses", "changes"])
def test_no_reader_takes_a_failure_of_the_web_for_damage_of_the_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, failure: str
) -> None:
    www, noise = tmp_path / "www", random.Random(2)
    rows = [{"text": noise.randbytes(600).hex()} for _ in range(3000)]
    write_example(www / name, rows)
    read = {"rows": "tables", "books": "books", "code": "code", "pages": "warc"}[name.partition(".")[0]]
    lines = f'name = "a"\n[[source]]\nname = "a"\nread = "{read}"\npaths = ["{server.address}{name}"]\n'
    (tmp_path / "r.toml").write_text(lines)
    recipe = load(tmp_path / "r.toml")
    [source] = recipe.sources
    splits = split_inputs(recipe, {"a": find_source(source, recipe)})
    size = (www / name).stat().st_size
    assert size > 1 << 20
    if failure == "changes":
        content = (www / name).read_bytes()
        (www / name).write_bytes(content[: size // 2] + bytes(100) + content[size // 2 + 100 :])
    else:
        well = itertools.count(0 if name == "pages.warc.gz" else -1)  # which is read by one request
        server.fault = lambda request, times: "503" if next(well) >= 0 else None
        monkeypatch.setenv("CURATE_HTTP_TRIES", "2")
    pieces = [piece for split in splits for piece in split.ranges]
    reader = reader_of(source, recipe)
    with pytest.raises(MachineError if failure == "refuses" else RunConflict):
        list(itertools.chain.from_iterable(read_piece(reader, piece, source, recipe) for piece in pieces))


def write_example(path: Path, rows: list[dict[str, str]]) -> None:
    """A file of more than a megabyte, of the kind that its name says."""
    texts = [row["text"] for row in rows]
    if path.name == "rows.parquet":
        pl.DataFrame(rows).write_parquet(path, row_group_size=500, compression="uncompressed")
    elif path.name == "rows.jsonl.gz":
        path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    elif path.name == "books.zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number, text in enumerate(texts):
                archive.writestr(f"{number}.txt", text)
    elif path.name == "code.tar.gz":
        with tarfile.open(path, "w:gz") as tar:
            for number, text in enumerate(texts):
                entry = tarfile.TarInfo(f"{number}.py")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    else:
        heads = [f"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: {len(text)}\r\n\r\n" for text in texts]
        members = [gzip.compress(f"{head}{text}\r\n\r\n".encode()) for head, text in zip(heads, texts, strict=True)]
        path.write_bytes(b"".join(members))


def test_what_is_kept_is_checked_bounded_and_may_vanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    kept.keep("a", b"content")
    assert kept.take("a") == b"content"
    [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(path.read_bytes()[:-1] + b"T")
    assert kept.take("a") is None
    known = {path}
    for number in range(8):
        kept.keep(str(number), bytes(1000))
        [new] = {each for each in tmp_path.rglob("*") if each.is_file()} - known
        known.add(new)
        os.utime(new, (time.time() - 100 + number,) * 2)
    path.unlink()
    monkeypatch.setenv("CURATE_CACHE_BYTES", "3500")
    kept.tidy()
    assert [number for number in range(8) if kept.take(str(number)) is not None] == [5, 6, 7]
    kept.forget("7")
    assert kept.take("7") is None
    monkeypatch.setenv("CURATE_CACHE_BYTES", "0")
    kept.keep("b", b"content")
    assert kept.take("b") is None


def test_what_is_old_is_asked_for_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    kept.keep("a", b"content")
    [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
    os.utime(path, (time.time() - 40 * 86_400,) * 2)
    assert kept.take("a") is None
    kept.tidy()
    assert not path.exists()


LABEL = st.sampled_from(["a", "b", "www", "www2", "example", "x-y", "gov", "test"])
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PATH = st.lists(st.sampled_from(["", "A", "b.html", "c-d", ".x", "e%20f", "index.html"]), max_size=4).map("/".join)
QUERY = st.sampled_from(["", "?z=1&a=2"])
URL = st.builds("{}://{}/{}{}".format, st.sampled_from(["http", "https"]), HOST, PATH, QUERY)
PATTERN = st.builds(
    "{}{}/{}{}".format, st.sampled_from(["", "*.", "*", "w*."]), HOST, PATH, st.sampled_from(["", "*", "/*", "*?*"])
)


@settings(max_examples=1000, deadline=None)
@given(url=URL, pattern=PATTERN)
@example(url="http://www.example/", pattern="w*.example/")
@example(url="http://www.www.a.a/", pattern="*.www.a.a/")
def test_an_address_that_matches_lies_in_the_ranges_of_the_index(url: str, pattern: str) -> None:
    wanted = address_pattern(pattern)
    if not wanted.matches(url):
        return
    try:
        ranges = [*wanted.ranges()]
    except UsageError:
        return  # too wide
    assert any(first <= surt(url).encode() < end for first, end in ranges)


@pytest.mark.parametrize(
    ("pattern", "url", "is_one"),
    [
        ("example.org/blog/*", "https://example.org/blog/2024/a.html?b=1", True),
        ("example.org/blog/*", "https://www.example.org/blog/", False),
        ("www.example.org", "http://www.example.org:8080/anything?x", True),
        ("*.example.org/*", "http://example.org/", True),
        ("*.example.org/*", "http://an.other.example.org/x", True),
        ("*.example.org/*", "http://example.org.evil.test/", False),
        ("*.gov/*", "https://www.nasa.gov/moon", True),
        ("*.gov/*", "https://nasa.gov.uk/moon", False),
        ("https://Example.org/A?b=*", "http://example.org/A?b=c", True),
        ("example.org/A", "http://example.org/a", False),
        ("bücher.example/*", "http://xn--bcher-kva.example/", True),
    ],
)
def test_patterns_mean_what_they_say(pattern: str, url: str, is_one: bool) -> None:
    assert address_pattern(pattern).matches(url) is is_one


def test_a_domain_is_all_below_it_and_no_name_that_only_ends_alike() -> None:
    wanted = domain_pattern("example.org")
    assert wanted.matches("http://a.b.example.org/x")
    assert not wanted.matches("http://notexample.org/x")
    ranges = [*wanted.ranges()]
    assert not any(first <= b"org,example-not)/ 2024" < end for first, end in ranges)
    assert any(first <= b"org,example:8080)/ 2024" < end for first, end in ranges)
