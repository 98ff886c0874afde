"""A run's ledger is one table, and so are its documents: whoever reads the files of all sources needs no options."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import curate
from curate.pipeline.run import run
from curate.report.verify import differences
from curate.report.why import stories
from curate.run_folder import RunFolder
from curate.steps.retune import Change, retune

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
TEXTS = [" ".join(WORDS[start : start + 60]) for start in range(0, 600, 60)]
OWN = """\
import curate, polars as pl

@curate.signal(dtype=pl.List(pl.Float32))
def vector(batch):
    return pl.Series([[0.5, float(len(text))] for text in batch["text"]], dtype=pl.List(pl.Float32))

@curate.signal(dtype=pl.Int16)
def lines(batch):
    return batch["text"].str.count_matches("\\n")

@curate.transform
def half(document):
    return document.text[: len(document.text) // 2] if document.columns["score"] % 2 else document.text
"""
RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["web.warc.gz"]
steps = ["url", { use = "language", keep = ["en"], min_score = 0.99 }, "c4", "own:vector"]
[[source]]
name = "books"
read = "books"
paths = ["books"]
steps = ["books"]
[[source]]
name = "code"
read = "code"
paths = ["code.tar.gz"]
steps = ["code", "own:lines"]
[[source]]
name = "rated"
read = "tables"
paths = ["rated.jsonl"]
steps = [{ where = "score > 3" }, { where = "good" }, "own:half"]
[[source]]
name = "told"
read = "tables"
paths = ["told.jsonl"]
steps = [{ where = "score <> 'bad'" }]
[[source]]
name = "gone"
read = "tables"
paths = ["gone.jsonl"]
steps = [{ use = "gopher_quality", min_words = 100_000 }]
[dedup]
method = ["exact", "lines"]
[scrub]
[tokenize]
tokenizer = "bytes"
"""


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Sources of all kinds, with columns of one name and several types, and one that keeps nothing."""
    folder = tmp_path_factory.mktemp("tables")
    for name in ("web.warc.gz", "code.tar.gz"):
        shutil.copyfile(SAMPLE / name, folder / name)
    (folder / "books").mkdir()
    for book in (SAMPLE / "books").glob("*.txt"):
        (folder / "books" / book.name).write_text(book.read_text(encoding="utf-8")[:60_000], encoding="utf-8")
    write_lines(
        folder / "rated.jsonl",
        [
            {"text": text, "score": at, "good": at != 5, "year": 2**60 + at, "vector": [at, 0.5], "only": "a"}
            for at, text in enumerate(TEXTS)
        ],
    )
    write_lines(
        folder / "told.jsonl",
        [
            {"text": f"{text} told", "score": "bad" if at == 1 else "fair", "good": at, "year": at + 0.5, "vector": "x"}
            for at, text in enumerate(TEXTS)
        ],
    )
    write_lines(folder / "gone.jsonl", [{"text": text, "score": 1.5} for text in TEXTS])
    (folder / "own.py").write_text(OWN)
    (folder / "toy.toml").write_text(RECIPE)
    return run(folder / "toy.toml", out=folder / "run", workers=0)


@pytest.mark.parametrize("table", ["ledger", "documents"])
def test_a_table_is_read_without_options(done: RunFolder, table: str) -> None:
    files = sorted((done.folder / table).rglob("*.parquet"))
    assert {file.parent.name for file in files} == {"web", "books", "code", "rated", "told", "gone"}
    schemas = [pq.read_schema(file) for file in files]
    assert all(schema.equals(schemas[0]) for schema in schemas)
    by_polars = pl.scan_parquet(done.folder / table / "**" / "*.parquet").collect()
    by_arrow = ds.dataset(done.folder / table, format="parquet").to_table()
    assert by_polars.sort("id").equals(pl.DataFrame(pl.from_arrow(by_arrow)).sort("id"))
    method: Callable[[], pl.LazyFrame] = getattr(done, table)
    assert method().collect().sort("id").equals(by_polars.sort("id"))
    assert by_polars.schema == dict(method().collect_schema())
    assert not [name for name, dtype in by_polars.schema.items() if dtype == pl.Null]


def test_the_plan_says_which_columns_there_will_be(done: RunFolder) -> None:
    plan = json.loads((done.folder / "plan.json").read_text())
    for table, frame in (("ledger", done.ledger()), ("documents", done.documents())):
        assert plan[table] == [[name, str(dtype)] for name, dtype in frame.collect_schema().items()]


def test_what_a_source_does_not_measure_is_null(done: RunFolder) -> None:
    counts = done.ledger().group_by("source").agg(pl.all().count()).collect()
    has = {row["source"]: {name for name, count in row.items() if count} for row in counts.iter_rows(named=True)}
    assert {source for source, names in has.items() if "language_top" in names} == {"web"}
    assert {source for source, names in has.items() if "max_line_length" in names} == {"code"}
    assert {source for source, names in has.items() if "before_own:half" in names} == {"rated"}
    assert all("word_count" in names for names in has.values())


def test_a_column_of_several_types_is_text_and_lists_are_json(done: RunFolder) -> None:
    documents = done.documents().collect()
    assert [documents.schema[name] for name in ("score", "good", "vector", "lines")] == [
        *(pl.String, pl.String, pl.String),
        pl.Int16,
    ]
    rated, told, web = (documents.filter(source=source) for source in ("rated", "told", "web"))
    assert rated["score"].to_list() == ["4", "6", "7", "8", "9"]
    assert set(rated["good"]) == {"true"}
    assert set(told["score"]) == {"fair"}
    assert all(len(json.loads(vector)) == 2 for vector in web["vector"])
    assert json.loads(rated["vector"][0]) == [4, 0.5]


def test_integers_among_numbers_keep_what_a_number_cannot_hold(done: RunFolder) -> None:
    documents = done.documents().collect()
    assert documents.schema["year"] == pl.Float64
    rated = documents.filter(source="rated")
    assert [year or json.loads(extra)["year"] for year, extra in rated.select("year", "extra").rows()] == [
        2**60 + at for at in (4, 6, 7, 8, 9)
    ]


def test_a_source_of_which_nothing_is_kept_has_a_file_of_no_documents(done: RunFolder) -> None:
    assert done.documents("gone").collect().is_empty()
    assert done.documents("gone").collect_schema() == done.documents().collect_schema()


def test_retune_and_why_see_values_as_they_were_measured(done: RunFolder) -> None:
    rows = retune(done, [Change("where#2", "expression", "good AND score > 7")]).rows.filter(source="rated")
    scores = done.ledger("rated").select("id", "score").collect()
    kept = rows.filter(new_outcome="kept").join(scores, on="id")
    assert kept["score"].to_list() == ["8", "9"]
    [story] = stories(done, "rated/rated.jsonl@0")
    assert (story.checks[0].value, story.checks[0].result) == (0, "dropped")
    assert {check.signal for check in story.checks} == {"score", "good"}


def test_the_run_is_as_its_manifest_says(done: RunFolder) -> None:
    assert not list(differences(done))
