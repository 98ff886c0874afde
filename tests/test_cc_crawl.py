"""Common Crawl through its lists and indexes, from a server with its layout that refuses, stumbles and lies: the same
bytes as from files on disk, nothing fetched twice, and the records that warcio finds by hand."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from crawl_server import FAULTS, NAME, Page, Server, build_crawl, serving, write_cdx

import curate
from curate.batch import Rejected
from curate.commands.table import parse
from curate.engine.plan import FileRange, InputFile, Plan
from curate.errors import MachineError, RecipeError, RunConflict
from curate.pipeline.planning import make_plan
from curate.pipeline.run import run
from curate.readers import warc
from curate.readers.common_crawl.capture import Capture
from curate.readers.common_crawl.cdx import indexed_captures
from curate.readers.common_crawl.crawl import crawl_of
from curate.readers.common_crawl.find import parts
from curate.recipe import Captures, Source
from curate.recipe_file import load
from curate.report.verify_inputs import input_differences
from curate.run_folder import RunFolder

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"
RECIPE = """\
name = "crawl"
[[source]]
name = "web"
read = "warc"
extract = "resiliparse"
{lines}
[tokenize]
tokenizer = "bytes"
validation = 0
"""
Recipes = Callable[[str], Path]


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Page]]:
    root = tmp_path_factory.mktemp("crawl")
    return root, build_crawl(SAMPLE, root)


@pytest.fixture
def root(crawl: tuple[Path, list[Page]]) -> Path:
    return crawl[0]


@pytest.fixture
def pages(crawl: tuple[Path, list[Page]]) -> list[Page]:
    return [page for page in crawl[1] if page.status == "200"]


@pytest.fixture
def server(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(root) as state:
        monkeypatch.setenv("CURATE_COMMON_CRAWL", state.address)
        monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("CURATE_HTTP_PAUSE", "0.001")
        yield state


@pytest.fixture
def recipe(tmp_path: Path) -> Recipes:
    """Writes a recipe whose source has these lines."""
    numbers = itertools.count()

    def write(lines: str) -> Path:
        path = tmp_path / f"crawl{next(numbers)}.toml"
        path.write_text(RECIPE.format(lines=lines))
        return path

    return write


def planned(path: Path) -> Plan:
    return make_plan(load(path))


def chosen(plan: Plan) -> set[str]:
    """The ids of the records that a plan names."""
    return {
        f"web/{piece.file.name}@{place}" for split in plan.splits for piece in split.ranges for place in piece.places
    }


def products(folder: Path) -> dict[str, str]:
    """Digests of all that a run is for."""
    files = [path for part in ("documents", "tokens", "ledger") for path in (folder / part).rglob("*")]
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }
    assert len(found) > 3
    return found


@pytest.fixture(scope="module")
def from_disk(crawl: tuple[Path, list[Page]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the crawl's files as they lie on disk."""
    folder = tmp_path_factory.mktemp("disk")
    text = RECIPE.format(lines=f'paths = ["{crawl[0]}/crawl-data/{NAME}/./segments/*/warc/*.warc.gz"]')
    (folder / "disk.toml").write_text(text)
    run(folder / "disk.toml", out=folder / "run", workers=2)
    return folder / "run"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_crawl_from_a_server_that_stumbles_gives_the_bytes_of_the_files_on_disk(
    server: Server, recipe: Recipes, from_disk: Path, tmp_path: Path, workers: int
) -> None:
    kinds = itertools.cycle((*FAULTS, "429:0", "500"))
    server.fault = lambda request, times: next(kinds) if times < 2 else None
    run(recipe(f'paths = "cc:{NAME}"'), out=tmp_path / "run", workers=workers)
    assert products(tmp_path / "run") == products(from_disk)
    assert {*FAULTS} <= {*server.refused}
    assert {agent.split("/")[0] for agent in server.agents} == {"curate-corpus"}
    assert list(input_differences(RunFolder(tmp_path / "run"))) == []


def test_a_report_shows_what_was_dropped_and_does_without_the_network(
    server: Server, recipe: Recipes, tmp_path: Path
) -> None:
    path = recipe(f'paths = "cc:{NAME}"\ncc = {{ domain = "trixie.test" }}\nsteps = ["gopher_quality"]')
    found = curate.run(path, out=tmp_path / "run", workers=0)
    dropped = found.ledger().filter(pl.col("step") == "gopher_quality").collect()
    assert dropped.height
    full = found.report(out=tmp_path / "full.html").read_text()
    server.fault = lambda request, times: "503"
    before = len(server.refused)
    bare = found.report(out=tmp_path / "bare.html").read_text()
    assert len(server.refused) == before + 1
    assert len(bare) < len(full)


def test_a_server_is_asked_by_few_at_once(
    server: Server, recipe: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_HTTP_CONNECTIONS", "2")
    server.seconds = 0.02
    run(recipe(f'paths = "cc:{NAME}"'), out=tmp_path / "run", workers=4)
    assert 1 <= server.most_at_once <= 2


SELECTIONS: dict[str, Callable[[Page], bool]] = {
    'url = "*.bookworm.test/*"': lambda page: page.host.endswith(".bookworm.test"),
    'url = "*.test/*/de-DE/*"': lambda page: "/de-DE/" in page.url,
    'url = "http://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/fr-FR/*"': lambda page: (
        page.url.startswith("http://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/fr-FR/")
    ),
    'url = ["debian-faq.bookworm.test", "developers-reference.*.test/*"]': lambda page: (
        page.host == "debian-faq.bookworm.test" or fnmatch.fnmatch(page.host, "developers-reference.*.test")
    ),
    'domain = "trixie.test"': lambda page: page.host.endswith("trixie.test"),
    'domain = "bookworm.test", language = ["deu", "fra"]': lambda page: (
        page.host.endswith("bookworm.test") and page.language[:3] in ("deu", "fra")
    ),
    'domain = ["pictures.test", "test"], language = "fra"': lambda page: page.language == "fra",
    'language = "deu"': lambda page: page.language.startswith("deu"),
    'language = ["deu", "fra"]': lambda page: page.language[:3] in ("deu", "fra"),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_records_are_chosen_as_filtering_by_hand_chooses_them(
    server: Server, recipe: Recipes, pages: list[Page], selection: str
) -> None:
    expected = {page.id("web") for page in pages if SELECTIONS[selection](page)}
    assert 0 < len(expected) < len(pages)
    assert chosen(planned(recipe(f'paths = "cc:{NAME}"\ncc = {{ {selection} }}'))) == expected
    warc_bytes = sum(end - start for _, start, end in server.of(".warc.gz"))
    assert warc_bytes <= len({page.file for page in pages}), "a plan needs the sizes of files, not what is in them"


def test_chosen_records_are_documents_as_in_a_run_of_everything_and_cost_their_own_bytes(
    server: Server, recipe: Recipes, pages: list[Page], from_disk: Path, tmp_path: Path
) -> None:
    wanted = [page for page in pages if page.host.endswith("trixie.test")]
    run(recipe(f'paths = "cc:{NAME}"\ncc = {{ domain = "trixie.test" }}'), out=tmp_path / "run", workers=0)
    ids = [page.id("web") for page in wanted]
    expected = pl.read_parquet(from_disk / "documents" / "**/*.parquet").filter(pl.col("id").is_in(ids)).sort("id")
    found = pl.read_parquet(tmp_path / "run" / "documents" / "**/*.parquet").sort("id")
    assert expected.height > 5
    assert found.select("id", "url", "text").equals(expected.select("id", "url", "text"))
    fetched = sum(end - start for _, start, end in server.of("/warc/") if end - start > 1)
    own = sum(page.length for page in wanted)
    assert own <= fetched < own + 32_768 * len(wanted)
    assert list(input_differences(RunFolder(tmp_path / "run"))) == []


def hash_of(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def test_a_sample_of_files_goes_by_the_hashes_of_their_names(
    server: Server, recipe: Recipes, pages: list[Page]
) -> None:
    files = sorted({page.file for page in pages}, key=hash_of)
    for share, count in ((0.001, 1), (0.34, 2), (0.5, 3), (1.0, 6)):
        plan = planned(recipe(f'paths = "cc:{NAME}"\nsample = {share}'))
        names = [file.name for file in plan.inputs()["web"]]
        assert names == sorted(file.removeprefix(f"crawl-data/{NAME}/") for file in files[:count])


@pytest.mark.parametrize("by", ['domain = "test"', 'language = ["eng", "deu", "fra"]'])
def test_a_sample_of_records_goes_by_the_hashes_of_their_places_in_both_indexes(
    server: Server, recipe: Recipes, pages: list[Page], by: str
) -> None:
    plan = planned(recipe(f'paths = "cc:{NAME}"\nsample = 0.2\ncc = {{ {by} }}'))
    expected = {page.id("web") for page in pages if hash_of(f"{page.file}@{page.offset}") < 0.2}
    assert chosen(plan) == expected
    assert len(expected) > 20


def test_a_plan_is_the_same_from_a_folder_and_what_it_needs_is_fetched_once(
    server: Server, recipe: Recipes, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe(f'paths = "cc:{NAME}"\ncc = {{ domain = "bookworm.test" }}')
    first = planned(path)
    assert [*planned(path).splits] == [*first.splits]
    of_index = [request for request in server.of("/indexes/") if request[2] - request[1] > 1]
    sizes = server.of(".warc.gz")
    assert len(of_index) == len({*of_index}) > 2
    assert len(sizes) == len({*sizes}) == len(first.inputs()["web"])
    monkeypatch.setenv("CURATE_COMMON_CRAWL", str(root))
    assert chosen(planned(path)) == chosen(first)


PROGRAM = "import sys; from curate.pipeline.run import run; run(sys.argv[1], out=sys.argv[2], workers=1)"


def test_a_run_that_was_killed_fetches_nothing_again_that_was_committed(
    server: Server, recipe: Recipes, from_disk: Path, tmp_path: Path
) -> None:
    path, out = recipe(f'paths = "cc:{NAME}"'), tmp_path / "run"
    server.seconds = 0.05
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), str(out)], start_new_session=True)
    while process.poll() is None and len(committed(out)) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ready = committed(out)
    assert 2 <= len(ready) < len([*planned(path).splits])
    before = len(server.asked)
    server.seconds = 0
    run(path, out=out, workers=0)
    plan = planned(path)
    own = [
        (f"crawl-data/{NAME}/{piece.file.name}", piece.start, piece.end)
        for split in plan.splits
        if split.key in ready
        for piece in split.ranges
    ]
    assert own
    again = [request for request in server.asked[before:] if request[2] - request[1] > 1]
    for (
        file,
        start,
        end,
    ) in own:  # of a file's two ranges one may be done and the other not: its first bytes tell the form
        inside = [r for r in again if r[0] == file and max(start, 1 << 17) <= r[1] and r[2] <= end - (1 << 17)]
        assert not inside
    assert products(out) == products(from_disk)


def committed(out: Path) -> set[str]:
    return {path.stem for path in (out / "done" / "filter").glob("*.json")}


def test_a_file_that_changes_is_refused_by_its_name_and_a_new_run_takes_it(
    root: Path, recipe: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    with serving(copy) as server:
        monkeypatch.setenv("CURATE_COMMON_CRAWL", server.address)
        path = recipe(f'paths = "cc:{NAME}"\ncc = {{ domain = "trixie.test" }}')
        plan = planned(path)
        changed = next(iter(plan.splits)).ranges[0].file
        with (copy / "crawl-data" / NAME / changed.name).open("ab") as file:
            file.write(b"\0")
        with pytest.raises(RunConflict, match=f"{changed.name} has changed since this run was planned"):
            run(path, out=tmp_path / "run", workers=0)
        run(path, out=tmp_path / "another", workers=0)
        with pytest.raises(RunConflict, match=f"1 changed .web/{changed.name}"):
            run(path, out=tmp_path / "run", workers=0)


def test_a_record_that_is_not_where_the_index_says_is_quarantined(
    server: Server, recipe: Recipes, tmp_path: Path
) -> None:
    path = recipe(f'paths = "cc:{NAME}"\ncc = {{ domain = "trixie.test" }}')
    plan = planned(path)
    piece = next(iter(plan.splits)).ranges[0]
    wrong = piece.places[0]
    shutil.copytree(server.root, tmp_path / "copy")
    folder = tmp_path / "copy" / "cc-index" / "collections" / NAME / "indexes"
    told, changed = (f'"offset": "{offset}"'.encode() for offset in (wrong, wrong + 1))
    cdx = next(path for path in folder.glob("cdx-*.gz") if told in gzip.decompress(path.read_bytes()))
    text = gzip.decompress(cdx.read_bytes()).replace(told, changed)
    cdx.write_bytes(gzip.compress(text))
    (folder / "cluster.idx").write_text(f"a 1\t{cdx.name}\t0\t{cdx.stat().st_size}\t1\n")
    server.root = tmp_path / "copy"
    shutil.rmtree(tmp_path / "cache")
    run(path, out=tmp_path / "run", workers=0)
    ledger = pl.read_parquet(tmp_path / "run" / "ledger" / "**/*.parquet")
    lost = ledger.filter(pl.col("outcome") == "quarantined")
    assert lost["reason"].to_list() == ["not_there"]
    assert lost["id"].item() == f"web/{piece.file.name}@{wrong + 1}"


def test_what_the_columnar_index_said_is_not_asked_again(server: Server, recipe: Recipes) -> None:
    path = recipe(f'paths = "cc:{NAME}"\ncc = {{ language = "deu" }}')
    first = chosen(planned(path))
    tables = [request for request in server.of(".parquet") if request[2] - request[1] > 1]
    assert tables
    assert chosen(planned(path)) == first
    assert [request for request in server.of(".parquet") if request[2] - request[1] > 1] == tables


def test_the_recipes_and_commands_of_the_page_are_understood(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "common-crawl.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "r.toml").write_text(block)
        assert load(tmp_path / "r.toml").sources[0].crawls
    lines = [line.partition("   ")[0] for line in page.splitlines() if line.startswith("curate ")]
    assert [parse(line.split()[1:]).command for line in lines] == ["plan", "run", "verify"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Page]]:
    """An index of many hosts, whose cluster has many pages, and no crawl behind it."""
    root, drawn = tmp_path_factory.mktemp("large"), random.Random(3)
    tops = ["gov", "org", "com.example", "test"]
    hosts = [f"{drawn.choice(['', 'www.', 'a.', 'b-c.'])}h{n % 4000}.{tops[n % 4]}" for n in range(12_000)]
    file = f"crawl-data/{NAME}/segments/1.0/warc/a.warc.gz"
    found = [
        Page(f"http://{host}/{n}", "20240220211055", "eng", "200", file, n * 100, 90) for n, host in enumerate(hosts)
    ]
    write_cdx(found, root / "cc-index" / "collections" / NAME / "indexes", lines_a_block=2)
    return root, found


@pytest.mark.parametrize(
    "wanted",
    [
        {"domain": ("h7.org",)},
        {"domain": ("h0.gov", "h3999.test", "nowhere.org")},
        {"url": ("*.gov/*",)},
        {"url": ("b-c.*.test/1*",)},
        {"domain": tuple(f"h{n}.{top}" for n in range(0, 4000, 400) for top in ("gov", "test"))},
        {"domain": ("example", "gov", "org", "test")},
    ],
    ids=str,
)
def test_an_index_of_many_pages_is_searched_by_halves(
    large: tuple[Path, list[Page]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: dict[str, tuple[str, ...]]
) -> None:
    root, pages = large
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    with serving(root) as server:
        monkeypatch.setenv("CURATE_COMMON_CRAWL", server.address)
        found = [capture.offset for capture in indexed_captures(crawl_of(f"cc:{NAME}"), Captures(**wanted))]
        clusters = server.of("cluster.idx")
    expected = {page.offset for page in pages if is_wanted(page, wanted)}
    assert sorted(found) == sorted(expected)
    assert len(clusters) == len({*clusters})
    size = (root / "cc-index" / "collections" / NAME / "indexes" / "cluster.idx").stat().st_size
    assert size > 5 << 16
    if len(expected) < 10:
        assert len(clusters) < 6 + len(wanted["domain"]) * 3


def is_wanted(page: Page, wanted: dict[str, tuple[str, ...]]) -> bool:
    place = page.url.partition("://")[2]
    of_domain = any(f".{page.host}".endswith(f".{domain}") for domain in wanted.get("domain", ()))
    return of_domain or any(fnmatch.fnmatchcase(place, pattern) for pattern in wanted.get("url", ()))


def test_damage_in_one_chosen_record_costs_no_other(root: Path, pages: list[Page], tmp_path: Path) -> None:
    own = [page for page in pages if page.file == pages[0].file and "pictures" not in page.url]
    one, two, _, four = sorted(own, key=lambda page: page.offset)[:4]
    data = bytearray((root / one.file).read_bytes())
    data[two.offset + 40 : two.offset + 80] = bytes(40)
    (tmp_path / "a.warc.gz").write_bytes(data)
    file = InputFile("a.warc.gz", str(tmp_path / "a.warc.gz"), len(data), "")
    places = (one.offset, two.offset, four.offset)
    piece = FileRange(file, one.offset, four.offset + four.length, places)
    found = list(warc.read(piece, source=Source("web", "warc", ()), max_record_bytes=1 << 20))
    assert [item.id for item in found] == [f"web/a.warc.gz@{place}" for place in places]
    assert [isinstance(item, Rejected) and item.reason for item in found] == [False, "corrupt", False]
    cut = FileRange(file, four.offset, four.offset + four.length - 10, (four.offset,))
    [item] = warc.read(cut, source=Source("web", "warc", ()), max_record_bytes=1 << 20)
    assert isinstance(item, Rejected)
    assert (item.outcome, item.reason) == ("quarantined", "truncated")


def test_neighbors_are_fetched_together_and_those_between_are_passed_over() -> None:
    captures = [Capture("a", 0, 10), Capture("a", 5000, 10), Capture("a", 90_000, 7), Capture("a", 20, 30)]
    assert [(part.start, part.end, part.places) for part in parts(captures)] == [
        (0, 5010, (0, 20, 5000)),
        (90_000, 90_007, (90_000,)),
    ]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            'paths = "cc:CC-MAIN-1999-01"',
            'there is no crawl "cc:CC-MAIN-1999-01" .*collinfo.* the server says 404 Not Found',
        ),
        ('paths = "cc:"', "names no crawl"),
        (f'paths = "cc:{NAME}/wat"', 'no "wat" that can be read.*robotstxt'),
        (f'paths = "cc:{NAME}/wet"\ncc = {{ domain = "a.test" }}', "knows none of"),
        (f'paths = "cc:{NAME}"\ncc = {{ domain = "nowhere.test" }}', "has no record that cc asks for"),
        (f'paths = "cc:{NAME}"\ncc = {{ language = "tlh" }}', "has no record that cc asks for"),
        (f'paths = "cc:{NAME}"\ncc = {{ url = "*/robots.txt" }}', "too wide"),
        (f'paths = "cc:{NAME}"\ncc = {{ domain = "http://a.test/" }}', 'one is written as "example.org"'),
        (f'paths = "cc:{NAME}"\ncc = {{}}', "url, domain or language"),
        (f'paths = "cc:{NAME}"\ncc = {{ domains = "a" }}', 'unknown key "domains".*did you mean "domain"'),
        (f'paths = "cc:{NAME}"\ncc = {{ language = "en" }}', 'three letters .*, as "eng", found .*en'),
        (f'paths = "cc:{NAME}"\nsample = 0', "sample.*1e-09"),
        ('paths = "*.warc.gz"\nsample = 0.1', "sample chooses from crawls"),
        (f'paths = ["cc:{NAME}", "a.warc.gz"]\ncc = {{ domain = "a.test" }}', "cc chooses from crawls"),
        ('paths = "cc:CC-MAIN-1999-01"\ncc = { url = "a.test/*" }', 'there is no index of "cc:CC-MAIN-1999-01"'),
    ],
)
def test_what_cannot_be_is_said_with_its_line(server: Server, recipe: Recipes, lines: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told) as error:
        planned(recipe(lines))
    assert ".toml:" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_server_that_goes_on_refusing_ends_the_run_in_a_line_and_the_same_command_goes_on(
    server: Server, recipe: Recipes, from_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_HTTP_TRIES", "3")
    path = recipe(f'paths = "cc:{NAME}"')
    server.fault = lambda request, times: "503" if "00003.warc.gz" in request and "bytes=0-0" not in request else None
    with pytest.raises(MachineError, match=r"00003.warc.gz was given up after 3 tries in .* 503 Service Unavailable"):
        run(path, out=tmp_path / "run", workers=0)
    server.fault = lambda request, times: None
    run(path, out=tmp_path / "run", workers=0)
    assert products(tmp_path / "run") == products(from_disk)
