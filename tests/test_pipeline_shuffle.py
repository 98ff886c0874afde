"""curate.pipeline.shuffle: deduplication in parts comes to the bytes of one process, whatever is asked of it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

import curate
from curate.dedup.find import find_duplicates, no_cuts
from curate.dedup.forests import Members, forest_of, group_components, members_of
from curate.dedup.groups import find_in_group, rows_by_group
from curate.dedup.meeting import ROW_BITS, forest_of_range, keys_by_range, meeting_columns, numbered
from curate.dedup.methods import reads_texts
from curate.dedup.sign import sign_documents
from curate.engine.engine import Answer, Assignment
from curate.engine.inline import InlineEngine
from curate.engine.posix import PosixStore
from curate.engine.records import forget_stage, keys_done
from curate.engine.slices import read_slice, write_slices
from curate.errors import RottenFile, UsageError
from curate.pipeline.parts import (
    ASKED,
    BEST,
    CLEAN,
    COMPONENTS,
    CUT,
    FIRSTS,
    GROUPS,
    LINES,
    MEETINGS,
    MENUS,
    PARTS,
    ROWS,
    SEEN,
    SIGHTS,
    TWICE,
    WINDOWS,
)
from curate.pipeline.run import checked, run_on, silent
from curate.recipe_dedup import Dedup, Verify
from curate.run_files import (
    MEMBERS,
    copies_name,
    cuts_name,
    forest_name,
    found_in_group,
    keys_name,
    part_name,
    rows_name,
)

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
MENU = [
    "Home News Sports Weather Contact Imprint",
    "Subscribe to our newsletter for more of these stories",
    "All rights are reserved by the publisher of this page",
]
SOURCES = ("books", "news", "web", "wiki")
SOURCE = """
[[source]]
name = "{name}"
read = "tables"
paths = ["{folder}/{name}.jsonl"]
"""
RECIPE = """
name = "shuffled"
{sources}
[dedup]
{dedup}
[tokenize]
tokenizer = "bytes"
validation = 0
"""
SETTINGS = [
    {},
    {"method": ("url", "exact", "minhash"), "keep": "latest"},
    {"method": ("minhash",), "verify": 0.0, "prefer": ("wiki", "news")},
    {"verify": Verify(containment=0.5), "exempt": ("books",), "keep": "first"},
    {"unit": "characters", "normalize": "ccnet", "bands": 20, "rows": 4},
    {"method": ("minhash", "exact"), "verify": Verify(0.4, 0.6, ngram=2), "keep": "highest:score"},
    {"method": ("exact",)},
    {"method": ("url", "minhash"), "ngram": 2, "normalize": "none", "verify": 0.95},
]


def rows_of(source: str) -> list[dict[str, object]]:
    """Pages, edited copies of them and equal ones, through all sources; a text without words, and an empty one."""
    rng = random.Random(source)
    rows = []
    for _ in range(40):
        start = 40 * rng.randrange(24)
        words = WORDS[start : start + 150]
        for _ in range(rng.choice([0, 0, 1, 3, 12])):
            words[rng.randrange(len(words))] = f"word{rng.randrange(1000)}"
        lines = [" ".join(words[at : at + 15]) for at in range(0, len(words), 15)]
        lines = [*rng.sample(MENU, rng.choice([0, 0, 2])), *lines]
        stamp = f"2024-01-{1 + rng.randrange(28):02}"
        url = f"https://a.example/{rng.randrange(60)}"
        rows.append({"text": "\n".join(lines), "url": url, "timestamp": stamp, "score": rng.random()})
    return [*rows, {"text": "* * *"}, {"text": " "}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inputs")
    for source in SOURCES:
        (made / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of(source)))
    return made


def recipe_of(folder: Path, dedup: str, sources: Sequence[str] = SOURCES, inputs: Path | None = None) -> Path:
    path = folder / "shuffled.toml"
    tables = "".join(SOURCE.format(name=name, folder=inputs or folder) for name in sources)
    path.write_text(RECIPE.format(sources=tables, dedup=dedup))
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("timing.json", ".lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def stages_timed(run: Path) -> set[str]:
    return {*json.loads((run / "timing.json").read_text())["stages"]}


METHODS = {
    "minhash": "index = true",
    "lines": 'method = "lines"',
    "substring": 'method = ["exact", "substring"]\nkeep = "first"\nsubstring = { min_words = 12 }',
    "cleanest": 'keep = ["cleanest", "highest:score"]\nverify = 0.4\nbands = 30\nrows = 3\nexempt = ["wiki"]',
    "against": 'method = ["minhash", "exact"]\nagainst = ["earlier"]\nindex = true',
    "all": """
        method = ["exact", "minhash", "lines", "substring", "ngrams"]
        keep = "cleanest"
        against = ["earlier"]
        min_words_left = 40
        lines = { span = 2 }
        substring = { min_words = 9 }
        ngrams = { ngram = 3, max_seen = 0.2 }
    """,
}
"""Tables of a recipe; the last takes all parts."""


@pytest.fixture(scope="module")
def recipes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """In folders with a run whose index has documents of its own, and those of one of the sources."""
    found = {}
    for name, dedup in METHODS.items():
        place = tmp_path_factory.mktemp(name)
        if "earlier" in dedup:
            shutil.copytree(earlier_run(folder, dedup, tmp_path_factory), place / "earlier")
        found[name] = recipe_of(place, dedup, inputs=folder)
    return found


def earlier_run(folder: Path, dedup: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("earlier")
    (place / "old.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of("old")))
    shutil.copy(folder / "news.jsonl", place)
    methods = next(line.strip() for line in dedup.splitlines() if "method" in line)
    documents = methods.replace(', "lines", "substring", "ngrams"', "")
    curate.run(recipe_of(place, f"{documents}\nindex = true", ["old", "news"]), out=place / "run", workers=0)
    return place / "run"


@pytest.fixture(scope="module")
def alone(recipes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What one process leaves."""
    return {name: run_alone(recipe, tmp_path_factory.mktemp("alone") / "run") for name, recipe in recipes.items()}


def run_alone(recipe: Path, out: Path) -> dict[str, bytes]:
    curate.run(recipe, out=out, workers=0)
    verdicts = pl.read_parquet(out / "dedup" / "duplicates.parquet")
    if "against" in recipe.read_text():
        assert (verdicts["method"] == "known").sum() > 10
        assert (verdicts["earlier"] & (verdicts["method"] != "known")).sum() > 10
    assert verdicts["duplicate_of"].count() + pl.read_parquet(out / "dedup" / "cuts.parquet").height > 10
    assert not stages_timed(out) & {*PARTS}
    return files_of(out)


@pytest.fixture
def recipe(recipes: dict[str, Path]) -> Path:
    return recipes["all"]


@pytest.mark.parametrize("ranges", [1, 7])
@pytest.mark.parametrize("name", METHODS)
def test_any_number_of_ranges_comes_to_the_bytes_of_one_process(
    recipes: dict[str, Path],
    alone: dict[str, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    ranges: int,
) -> None:
    monkeypatch.setenv(ASKED, str(ranges))
    curate.run(recipes[name], out=tmp_path / "run", workers=0)
    parts = stages_timed(tmp_path / "run") & {*PARTS}
    assert parts == {*PARTS} if name == "all" else len(parts) >= 5
    assert files_of(tmp_path / "run") == alone[name]


@pytest.mark.parametrize("asked", SETTINGS, ids=str)
def test_groups_find_what_all_documents_at_once_do(asked: dict[str, Any], tmp_path: Path) -> None:
    dedup = Dedup(**asked)
    signed, texts = [], []
    for source in SOURCES:
        rows = pl.DataFrame(rows_of(source)).with_columns(pl.lit(source).alias("source"))
        rows = rows.with_columns(pl.format("{}@{}", "source", pl.int_range(pl.len())).alias("id"))
        signed.append(tmp_path / f"{source}.signatures.parquet")
        texts.append(tmp_path / f"{source}.documents.parquet")
        sign_documents(rows, dedup).write_parquet(signed[-1])
        rows.write_parquet(texts[-1])
    whole = find_duplicates(
        signed, dedup, texts=lambda number, rows: pl.read_parquet(texts[number])["text"].gather(rows)
    )
    assert whole.cuts.equals(no_cuts())
    for ranges in (1, 5):
        found = found_in_parts(signed, texts, dedup, ranges, tmp_path)
        assert found.equals(whole.verdicts)
        assert found.schema == whole.verdicts.schema


def found_in_parts(
    signed: Sequence[Path], texts: Sequence[Path], dedup: Dedup, ranges: int, folder: Path
) -> pl.DataFrame:
    columns = meeting_columns(dedup)
    keys = [keys_by_range(pl.read_parquet(file), columns, ranges) for file in signed]
    starts = np.cumsum([0, *(pl.read_parquet(file).height for file in signed)])
    forests = [forest_of_range(enumerate(split[number] for split in keys)) for number in range(ranges)]
    groups = group_components((numbered(forest, starts) for forest in forests), int(starts[-1]), ranges)
    assert groups.count > 1 or ranges == 1
    rows = [
        rows_by_group(file, its_texts if reads_texts(dedup) else None, *members_of(members), groups.count, dedup)
        for file, its_texts, members in zip(signed, texts, Members(groups, starts), strict=True)
    ]
    found = [find_in_group([split[number] for split in rows], dedup, scratch=folder) for number in range(groups.count)]
    return pl.concat(group.verdicts for group in found).sort("id")


@pytest.mark.parametrize("methods", ['"lines", "minhash"', '"exact", "my_dedup:ALL"'])
def test_what_looks_at_all_documents_at_once_is_one_task(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: str
) -> None:
    monkeypatch.setenv(ASKED, "7")
    (tmp_path / "my_dedup.py").write_text(MY_DEDUP)
    recipe = recipe_of(tmp_path, f"method = [{methods}]", inputs=folder)
    curate.run(recipe, out=tmp_path / "run", workers=0)
    assert not stages_timed(tmp_path / "run") & {*PARTS}


MY_DEDUP = """
import polars as pl
from curate.dedup.equal import find_equal
from curate.dedup.method import DocumentMethod

ALL = DocumentMethod(
    name="length",
    about="they are equally long",
    reason="same_length",
    columns=lambda dedup: {"own": pl.UInt32},
    sign=lambda documents, dedup: documents.select(pl.col("text").str.len_bytes().alias("own")),
    find=lambda search: find_equal(search, ["own"], is_same_text=False),
)
"""


def test_several_processes_share_the_parts(
    recipe: Path, alone: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED, "7")
    program = "import sys, curate; curate.run(sys.argv[1], out=sys.argv[2], workers=0, rank=1, world=2)"
    with subprocess.Popen([sys.executable, "-c", program, recipe, tmp_path / "run"]) as other:
        curate.run(recipe, out=tmp_path / "run", workers=0, rank=0, world=2)
    assert other.returncode == 0
    assert files_of(tmp_path / "run") == alone["all"]


def test_a_run_that_is_killed_in_every_part_goes_on_to_the_same_bytes(
    recipe: Path, alone: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED, "3")
    store = PosixStore(tmp_path / "killed")
    for stage in PARTS:
        with pytest.raises(Killed):
            run_on(checked(recipe), store, DiesIn(store, stage), keep_intermediate=True, show=silent)
        assert keys_done(store, stage)
        monkeypatch.delenv(ASKED, raising=False)  # what was decided stays
    assert not keys_done(store, "dedup")
    run_on(checked(recipe), store, InlineEngine(store), keep_intermediate=True, show=silent)
    assert files_of(store.root) == alone["all"]


class Killed(BaseException):
    pass


@dataclass
class DiesIn:
    """An engine of this process that is gone once it has done one task of a stage, with another one to do or not."""

    store: PosixStore
    stage: str
    workers: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        self.inner = InlineEngine(self.store)

    def submit(self, assignment: Assignment) -> None:
        if self.is_over:
            raise Killed
        self.inner.submit(assignment)
        self.is_over = assignment.task.stage == self.stage

    def wait(self) -> Sequence[Answer]:
        return self.inner.wait()

    def close(self) -> None:
        self.inner.close()


OF_SPLITS = [part_name(part, "web-00000") for part in (LINES, CLEAN)]
OF_SPLITS += [part_name(part, "2@web-00000") for part in (SIGHTS, WINDOWS)]
OF_RANGES = [part_name(part, "00001") for part in (FIRSTS, MENUS)]
OF_RANGES += [part_name(part, "2@00001") for part in (TWICE, BEST)]
ROTTEN: list[tuple[list[str], set[str]]] = [
    (
        [keys_name("web-00000"), MEMBERS, copies_name(0), *OF_RANGES, part_name(SEEN, "4@all")],
        {MEETINGS, ROWS, LINES, CLEAN, SIGHTS, WINDOWS, CUT},
    ),
    (
        [forest_name(1), rows_name("web-00000"), rows_name("@00000"), found_in_group(0, "verdicts"), *OF_SPLITS],
        {COMPONENTS, FIRSTS, MENUS, GROUPS, TWICE, BEST},
    ),
    ([part_name(CUT, "2@web-00000"), cuts_name("4@web-00000")], {SIGHTS, TWICE, WINDOWS, BEST}),
]
"""What rots at once, and the parts that read it, none of which wrote any of it."""


@pytest.mark.parametrize(("names", "readers"), ROTTEN)
def test_what_rots_between_two_parts_is_made_anew(
    recipe: Path,
    alone: dict[str, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    readers: set[str],
) -> None:
    monkeypatch.setenv(ASKED, "3")
    store = PosixStore(tmp_path / "rotten")
    with pytest.raises(Killed):
        run_on(checked(recipe), store, DiesIn(store, "dedup"), keep_intermediate=True, show=silent)
    for stage in (*readers, "dedup"):
        forget_stage(store, stage)  # they are at work again
    for name in names:
        content = bytearray(store.read(name))
        content[-1] ^= 1
        store.write(name, bytes(content))
    run_on(checked(recipe), store, InlineEngine(store), keep_intermediate=True, show=silent)
    assert files_of(store.root) == alone["all"]


def test_one_id_for_two_documents_is_refused_in_parts_too() -> None:
    signed = pl.DataFrame({"id": ["a", "b"], "hash_high": pl.Series([1, 2], dtype=pl.UInt64)})
    again = pl.DataFrame({"id": ["c", "a"], "hash_high": pl.Series([3, 4], dtype=pl.UInt64)})
    slices = [keys_by_range(frame, ["hash_high"], 1)[0] for frame in (signed, again)]
    forest = forest_of_range(enumerate(slices))
    assert [*zip(*forest, strict=True)] == [((1 << ROW_BITS) + 1, 0)]  # its second document with the first one's first


@pytest.mark.parametrize("asked", ["many", "-1", "2000"])
def test_a_number_of_ranges_that_is_none_is_refused(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv(ASKED, asked)
    with pytest.raises(UsageError, match=f'is a number up to 1,024, found "{asked}"'):
        curate.run(recipe, out=tmp_path / "run", workers=0)


@settings(deadline=None)  # the first example compiles
@given(seed=st.integers(0), pairs=st.integers(0, 80), cuts=st.integers(1, 5), wanted=st.integers(1, 9))
def test_forests_of_parts_hang_together_as_all_pairs_do(seed: int, pairs: int, cuts: int, wanted: int) -> None:
    edges = np.random.default_rng(seed).integers(0, 61, (pairs, 2))
    parts = [edges[number::cuts] for number in range(cuts)]
    groups = group_components((forest_of(part[:, 0], part[:, 1]) for part in parts), 61, wanted)
    graph = csr_matrix((np.ones(pairs), (edges[:, 0], edges[:, 1])), shape=(61, 61))
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component)[component]
    rows, group = groups.of(0, 61)
    assert rows.tolist() == np.flatnonzero(sizes > 1).tolist()
    assert groups.members == len(rows)
    assert {*group.tolist()} == {*range(groups.count)} or not len(rows)
    by_component = {(which, number) for which, number in zip(component[rows], group, strict=True)}
    assert len(by_component) == len({*component[rows]})  # no component in two groups
    most = -(-len(rows) // wanted)
    for number in {*group.tolist()}:
        held = rows[group == number]
        assert len(held) <= most or len({*component[held]}) == 1


@settings(deadline=None)  # a disk may be slow
@given(contents=st.lists(st.binary(max_size=40), min_size=1), flipped=st.integers(0))
def test_a_slice_is_read_as_it_was_written_or_not_at_all(contents: list[bytes], flipped: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = PosixStore(Path(folder))
        with (store.root / "object").open("wb") as file:
            write_slices(file, contents)
        assert [read_slice(store, "stage", "key", "object", at) for at in range(len(contents))] == contents
        data = bytearray((store.root / "object").read_bytes())
        data[flipped % len(data)] ^= 4
        (store.root / "object").write_bytes(data)
        wrong = 0
        for at, content in enumerate(contents):
            try:
                assert read_slice(store, "stage", "key", "object", at) == content
            except RottenFile:
                wrong += 1
        assert wrong == 1
