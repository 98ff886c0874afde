"""Rows from Python are read as a file of them, whatever holds them, and are the same input when they come again."""

from __future__ import annotations

import datetime
import importlib
import json
import re
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import RecipeError, RunConflict
from curate.given.data import TABLE_ROWS
from curate.given.written import GROUP_ROWS, write_rows

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
PROSE = "It was the best of times, it was the worst of times, and we had everything before us. "
ROWS = [
    {"text": f"{PROSE * 3}Number {n}.", "url": f"https://example.org/{n}", "n": n, "tags": {"a": [n, n + 1]}}
    for n in range(2500)
]
ROWS[7] = ROWS[7] | {"text": None}


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed")


HOLDERS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "list": list,
    "generator": lambda rows: (row for row in rows),
    "function": lambda rows: lambda: iter(rows),
    "polars": pl.DataFrame,
    "chunked polars": lambda rows: pl.concat([pl.DataFrame(rows[:10]), pl.DataFrame(rows[10:])], rechunk=False),
    "lazy polars": pl.LazyFrame,
    "pyarrow": pa.Table.from_pylist,
    "stream": lambda rows: pa.Table.from_pylist(rows).to_reader(max_chunksize=33),
    "pandas": lambda rows: library("pandas").DataFrame(rows),
    "datasets": lambda rows: library("datasets").Dataset.from_list(rows),
    "shuffled datasets": lambda rows: library("datasets").Dataset.from_list(rows[::-1]).select(range(len(rows))[::-1]),
    "datasets stream": lambda rows: library("datasets").Dataset.from_list(rows).to_iterable_dataset(),
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def toy(data: Any, **changes: Any) -> dict[str, Any]:
    source = {"name": "notes", "read": "tables", "data": data, **changes}
    return {"name": "toy", "source": [source], "tokenize": {"tokenizer": "bytes", "validation": 0}}


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_rows_gives_the_rows(holder: str, tmp_path: Path) -> None:
    path = write_rows(HOLDERS[holder](ROWS), tmp_path, name="notes")
    assert pl.read_parquet(path).to_dicts() == ROWS
    assert pq.read_metadata(path).num_row_groups == 3
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]  # no scratch is left
    assert write_rows(ROWS, tmp_path, name="notes") == path  # the same rows, whatever holds them


def test_the_file_does_not_depend_on_how_the_rows_were_cut(tmp_path: Path) -> None:
    whole = pa.Table.from_pylist(ROWS)
    paths = {write_rows(whole.to_reader(max_chunksize=size), tmp_path, name="notes") for size in (1, 100, 1025, 9999)}
    [path] = paths
    groups = pq.read_metadata(path)
    assert [groups.row_group(n).num_rows for n in range(3)] == [GROUP_ROWS, GROUP_ROWS, len(ROWS) - 2 * GROUP_ROWS]


def test_row_groups_of_large_documents_are_small(tmp_path: Path) -> None:
    path = write_rows(({"text": str(n) * (1 << 20)} for n in range(100)), tmp_path, name="big")
    groups = pq.read_metadata(path)
    assert groups.num_row_groups > 3
    assert pl.read_parquet(path)["text"].str.len_bytes().sum() == sum(len(str(n)) << 20 for n in range(100))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.fixed_dictionaries({"text": st.text(st.characters(exclude_categories=["Cs"]))}, optional={
    "whole": st.integers(-(2**63), 2**63 - 1), "list": st.lists(st.integers(0, 9), max_size=3), "none": st.none(),
    "inner": st.fixed_dictionaries({"a": st.booleans()}), "day": st.dates(),
}), min_size=1, max_size=20))  # fmt: skip
def test_dicts_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = write_rows(rows, tmp_path_factory.mktemp("rows"), name="notes")
    names = list(dict.fromkeys(name for row in rows for name in row))
    assert pq.read_table(path).to_pylist() == [{name: row.get(name) for name in names} for row in rows]


def test_columns_that_come_late_or_grow_are_found_out(tmp_path: Path) -> None:
    early: list[dict[str, Any]] = [{"text": "a", "score": None, "deep": {"a": 1}}] * 2000
    late: list[dict[str, Any]] = [{"text": "b", "score": 0.5, "deep": {"b": "x"}, "new": 1}]
    found = pq.read_table(write_rows(early + late, tmp_path, name="notes")).to_pylist()
    assert found[0] == {"text": "a", "score": None, "deep": {"a": 1, "b": None}, "new": None}
    assert found[-1] == {"text": "b", "score": 0.5, "deep": {"a": None, "b": "x"}, "new": 1}


def test_a_run_of_rows_is_the_run_of_their_file(tmp_path: Path) -> None:
    made = curate.run(toy(ROWS), workers=0)
    with Path("notes.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in ROWS)
    source = {"name": "notes", "read": "tables", "paths": "notes.jsonl"}
    other = curate.run(toy(None) | {"source": [source]}, workers=0, out="files")
    assert made.manifest["counts"] == other.manifest["counts"]
    texts = [run.documents("notes").select("text", "url", "n", "tags").collect() for run in (made, other)]
    assert texts[0].equals(texts[1])
    assert made.ledger().filter(reason="no_text").collect()["id"].to_list() == ["notes/notes.parquet@7"]
    assert curate.verify(made, inputs=True).is_sound
    [story] = made.why("https://example.org/8")
    assert (story.id, story.outcome) == ("notes/notes.parquet@8", "kept")


def test_the_same_rows_go_on_and_others_are_refused() -> None:
    curate.run(toy(ROWS), workers=0)
    written = next(Path("runs/.data").rglob("notes.parquet"))
    before = written.stat()
    shutil.rmtree("runs/.data")
    Path("runs/toy/manifest.json").unlink()  # as if it had been interrupted
    assert curate.run(toy(iter(ROWS)), workers=0).is_complete
    after = written.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(RunConflict, match=r"begun with other inputs: 1 changed \(notes/notes.parquet\)"):
        curate.run(toy(ROWS[1:]), workers=0)
    assert curate.verify("runs/toy", inputs=True).is_sound  # what it was made of is still there


def test_a_finished_run_is_asked_without_the_rows() -> None:
    run = curate.run(toy(ROWS[:20], steps=[{"use": "gopher_quality", "min_words": 20}]), workers=0)
    assert run.recipe.sources[0].paths == ("python:notes",)
    assert run.retune({"gopher_quality.min_words": 1000}, measure=True).steps
    told = r'recipe\.toml:\d+: source "notes": "python:notes" stands for rows that were given from Python'
    with pytest.raises(RecipeError, match=told):
        curate.plan(run.folder / "recipe.toml")


def test_a_file_may_be_extended_with_the_rows_that_it_lacks() -> None:
    run = curate.run(toy(ROWS[:20], steps=[{"use": "gopher_quality", "min_words": 20}]), workers=0)
    rows = {"source": [{"name": "notes", "data": ROWS[:20]}]}
    assert curate.run({"extends": "runs/toy/recipe.toml", **rows}, workers=0) == run
    run.retune({"gopher_quality.min_words": 10}, apply="retuned.toml")
    again = curate.run({"extends": "retuned.toml", **rows}, workers=0)
    assert again.folder != run.folder
    assert again.recipe.source("notes").steps[0].parameters["min_words"] == 10


def test_a_recipe_of_rows_is_planned_checked_and_tried() -> None:
    table = toy(lambda: iter(ROWS), steps=[{"use": "gopher_quality", "min_words": 20}])
    assert curate.plan(table).sources[0].estimated.documents == len(ROWS) - 1
    assert not curate.check(table, documents=50).has_fault
    assert curate.try_step(table, "gopher_quality").source == "notes"
    shipped = {"extends": "fineweb", "name": "toy", "source": [{"name": "web", "read": "tables", "data": ROWS}]}
    assert curate.plan(shipped).sources[0].files == 1


def test_a_row_that_is_no_text_costs_itself_alone() -> None:
    rows = [{"text": "Half of \ud83d a character."}, {"text": PROSE}, {"text": None}]
    ledger = curate.run(toy(rows), workers=0).ledger().collect()
    assert ledger["reason"].to_list() == ["encoding", None, "no_text"]


def test_conversations_are_read_from_rows() -> None:
    turns = [{"role": "user", "content": "What is a whale?"}, {"role": "assistant", "content": "A mammal."}]
    table = toy(pl.DataFrame([{"messages": turns}] * 3), read="conversations")
    run = curate.run(table | {"tokenize": {"tokenizer": "bytes", "template": "plain"}}, workers=0)
    assert run.manifest["counts"]["notes"]["kept"] == 3


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("rows.csv", "rows are a DataFrame of polars or pandas, .* found a string"),
        (3, "rows are a DataFrame of polars or pandas, .* found a whole number"),
        ({"train": ROWS}, 'a dict is one row, or a table for each of "train": give one table'),
        (["a text"], r'row 0 is no dict with "text" and other columns, but a string'),
        ([{3: "x"}], "a column's name is a string"),
        ([{"text": "a"}, {"text": 3}], r'from row 0 on no table .* column "text": '),
        ([{"text": "a", "x": 1}] * 1024 + [{"text": "b", "x": "y"}], "up to row 1024 its columns are of other types"),
        ([{"text": "a", "x": {}}], "its columns can't be written as Parquet: "),
        ([{"text": "a", "x": object()}], r'from row 0 on .* column "x": '),
        (pl.DataFrame({"text": pl.Series([object()], dtype=pl.Object)}), 'the column "text" holds objects of Python'),
        (
            pl.DataFrame({"text": ["a"], "n": pl.Series([1], dtype=pl.Int128)}),
            "from row 0 on no table can be made of it",
        ),
        (pa.table([["a"], ["b"]], names=["text", "text"]), 'two columns are called "text"'),
        (iter([]), "it gives no rows. An iterator gives them only once"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(data: Any, told: str) -> None:
    with pytest.raises(RecipeError, match=rf"^source\[0\]\.data: {told}"):
        curate.load(toy(data))
    assert not list(Path("runs/.data").iterdir())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"paths": ["x"]}, r"^source\[0\]\.data: a source has paths or data, not both"),
        (
            {"read": "warc"},
            r'^source\[0\]\.data: data is read as tables or conversations, and "notes" is read as "warc"',
        ),
        ({"name": "a/b"}, r"^source\[0\]\.name: a source's name has"),
        ({"name": None}, r'^source\[0\]: the key "name" is missing'),
        ({"columns": {"text": "txt"}}, r'^source\[0\]: source "notes": notes.parquet has no column "txt"'),
        ({"colums": {}}, r'^source\[0\]\.colums: unknown key "colums"'),
    ],
)
def test_the_rest_of_the_source_is_looked_at(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        curate.plan(toy(ROWS[:3], **changes))


def test_a_text_that_is_a_number_is_told_of_as_in_a_file() -> None:
    with pytest.raises(RecipeError, match=r'notes\.parquet: the column "text" is no text: it holds int64'):
        curate.plan(toy([{"text": 1}]))


def test_what_a_users_iterator_raises_is_the_users() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"text": "a", "when": datetime.datetime(2024, 1, 1)}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        curate.load(toy(rows()))
    assert not list(Path("runs/.data").iterdir())


def test_an_empty_frame_is_an_empty_source() -> None:
    assert curate.run(toy(pl.DataFrame(schema={"text": pl.String})), workers=0).manifest["counts"]["notes"]["read"] == 0


def test_pandas_and_datasets_are_no_dependency() -> None:
    source = Path(importlib.import_module("curate.given.data").__file__ or "").read_text(encoding="utf-8")
    assert "import pandas" not in source
    assert "import datasets" not in source


def test_few_rows_are_held_at_a_time(tmp_path: Path) -> None:
    class Row(dict[str, Any]):
        """A dict that can be watched."""

    alive: weakref.WeakValueDictionary[int, Row] = weakref.WeakValueDictionary()
    most = 0

    def rows() -> Iterator[Row]:
        nonlocal most
        for number in range(10 * TABLE_ROWS):
            alive[number] = row = Row(text=f"Row {number}.")
            most = max(most, len(alive))
            yield row

    assert pl.read_parquet(write_rows(rows, tmp_path, name="notes")).height == 10 * TABLE_ROWS
    assert most <= TABLE_ROWS + 2


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"text": ["a"], "x": [object()]}, "from row 0 on .*Conversion failed for column x"),
        ({"text": ["a", 3]}, "from row 0 on .*Conversion failed for column text"),
    ],
)
def test_what_pandas_holds_and_no_table_can_is_refused(columns: dict[str, Any], told: str) -> None:
    frame = library("pandas").DataFrame(columns)
    with pytest.raises(RecipeError, match=rf"^source\[0\]\.data: {told}"):
        curate.load(toy(frame))
    with pytest.raises(RecipeError, match="Duplicate column names found"):
        curate.load(toy(library("pandas").DataFrame([["a", "b"]], columns=["text", "text"])))


def test_a_set_of_tables_is_asked_for_one() -> None:
    tables = library("datasets").DatasetDict({"train": library("datasets").Dataset.from_list(ROWS[:3])})
    with pytest.raises(RecipeError, match='a table for each of "train": give one table'):
        curate.load(toy(tables))


def test_steps_of_ones_own_are_found_in_the_current_folder() -> None:
    code = "import curate\n\n\n@curate.filter\ndef is_even(document):\n    return document.text.endswith('0')\n"
    Path("my_steps.py").write_text(code, encoding="utf-8")
    run = curate.run(toy([{"text": f"{PROSE}{n}"} for n in range(20)], steps=["my_steps:is_even"]), workers=0)
    assert run.manifest["counts"]["notes"]["kept"] == 2


@pytest.mark.skipif(not PAGE.exists(), reason="not in a checkout")
def test_the_lines_of_the_page_work(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    exec("\n".join(blocks), {})
    shown = capsys.readouterr()
    assert shown.out.split() == ["20", "20"]
    assert "filter: 1/1" in shown.err
