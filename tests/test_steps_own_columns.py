"""A table's own columns: kept, of one type whatever stands in later rows, asked by `where`; and the user's own ids."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import Run
from curate.errors import RecipeError
from curate.pipeline.run import run
from curate.report.plan import plan, plan_values
from curate.report.verify import differences
from curate.report.why import stories

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
TEXTS = [" ".join(WORDS[start : start + 60]) for start in range(0, 600, 60)]
RECIPE = """\
name = "toy"
[[source]]
name = "news"
read = "tables"
paths = ["in"]
{more}
[tokenize]
tokenizer = "bytes"
validation = 0
"""


def run_rows(folder: Path, files: dict[str, list[dict[str, object]]], more: str = "", out: str = "run") -> Run:
    (folder / "in").mkdir(exist_ok=True)
    for name, rows in files.items():
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        (folder / "in" / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (folder / "toy.toml").write_text(RECIPE.format(more=more), encoding="utf-8")
    return run(folder / "toy.toml", out=folder / out, workers=0)


def test_columns_that_nobody_declared_are_kept_with_their_types(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": text, "id": f"n-{at}", "score": at if at % 2 else at / 4, "year": 1990 + at, "tags": ["a", at]}
        | {"good": at > 3, "section": None if at == 2 else "world", "mixed": at if at % 2 else "x"}
        for at, text in enumerate(TEXTS)
    ]
    done = run_rows(tmp_path, {"a.jsonl": rows})
    found = done.documents().collect()
    types = {name: found.schema[name] for name in ("score", "year", "tags", "good", "section", "mixed", "extra")}
    assert types == {
        "score": pl.Float64,
        "year": pl.Int64,
        "tags": pl.String,
        "good": pl.Boolean,
        "section": pl.String,
        "mixed": pl.String,
        "extra": pl.String,
    }
    for name in ("score", "year", "good", "section"):
        assert found[name].to_list() == [row[name] for row in rows]
    assert [json.loads(value) for value in found["tags"]] == [row["tags"] for row in rows]
    assert [json.loads(value) for value in found["mixed"]] == [row["mixed"] for row in rows]
    assert found["extra"].null_count() == len(rows)
    assert "tags" not in done.ledger().collect_schema()
    assert not list(differences(done))


def test_parquet_and_lines_of_one_source_agree_on_a_type(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    table = pa.table(
        {
            "text": TEXTS[:2],
            "score": pa.array([1, 2], pa.int8()),
            "when": pa.array([0, 1], pa.date32()),
            "raw": [b"\xff", b"a"],
        }
    )
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    done = run_rows(tmp_path, {"b.jsonl.gz": [{"text": TEXTS[2], "score": 0.5, "when": "today"}]})
    found = done.documents().sort("id").collect()
    assert found["score"].to_list() == [1.0, 2.0, 0.5]
    assert found["when"].to_list() == ["1970-01-01", "1970-01-02", "today"]
    assert found["raw"].to_list() == ["/w==", "a", None]


def test_a_value_that_does_not_fit_its_column_is_kept_beside_it(tmp_path: Path) -> None:
    """The first megabyte decides; what comes later is another kind, or another column."""
    rows: list[dict[str, object]] = [{"text": f"{at} " + "word " * 300, "n": at} for at in range(1000)]
    rows += [{"text": TEXTS[0], "n": "many"}, {"text": TEXTS[1], "n": 7, "new": [1]}, {"text": TEXTS[2], "n": 10**30}]
    found = run_rows(tmp_path, {"a.jsonl": rows}).documents().collect()
    assert found.schema["n"] == pl.Int64
    assert found["n"].to_list() == [*range(1000), None, 7, None]
    assert [json.loads(value) for value in found["extra"].tail(3)] == [{"n": "many"}, {"new": [1]}, {"n": 10**30}]


def test_where_decides_on_a_tables_own_column_and_is_checked_before_the_run(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "score": at} for at, text in enumerate(TEXTS)]
    done = run_rows(tmp_path, {"a.jsonl": rows}, more='steps = [{ where = "score >= 6" }]')
    assert done.documents().collect()["score"].to_list() == [6, 7, 8, 9]
    assert done.ledger().collect()["score"].to_list() == list(range(10))
    with pytest.raises(RecipeError, match=r'no column "scor"; did you mean "score"'):
        run_rows(tmp_path, {"a.jsonl": rows}, more='steps = [{ where = "scor >= 6" }]', out="other")


def test_a_plan_expects_of_an_own_columns_where_what_the_run_keeps(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "score": at} for at, text in enumerate(TEXTS)]
    done = run_rows(tmp_path, {"a.jsonl": rows}, more='steps = [{ where = "score >= 6" }]')
    planned = plan_values(plan(tmp_path / "toy.toml"))["sources"]["news"]
    assert planned["estimated"]["documents"] == 4
    assert planned["estimated_tokens"] == done.manifest["counts"]["news"]["tokens"]["train"]


def test_names_that_curate_has_itself_get_a_prefix(tmp_path: Path) -> None:
    row = {"text": TEXTS[0], "word_count": 1, "outcome": "x", "part": "y", "pii_email": 2, "own_part": 3, "": 4}
    found = run_rows(tmp_path, {"a.jsonl": [row, row | {"text": TEXTS[1]}]}).documents().collect()
    assert found.select("own_word_count", "own_outcome", "own_own_part", "own_part", "own_pii_email", "own_").row(
        0
    ) in (
        (1, "x", 3, "y", 2, 4),
        (1, "x", "y", 3, 2, 4),
    )
    assert found["part"].to_list() == ["train", "train"]


def test_columns_only_keeps_what_the_recipe_names(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": TEXTS[0], "score": 1, "noise": "x"}]
    done = run_rows(tmp_path, {"a.jsonl": rows}, more='columns_only = true\ncolumns = { rank = "score" }')
    found = done.documents().collect()
    assert found["rank"].to_list() == [1]
    assert not {"noise", "score"} & set(found.columns)
    assert found["extra"].null_count() == 1
    assert done.ledger().collect()["rank"].to_list() == [1]


def test_why_knows_the_users_own_id(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "id": f"n-{at}"} for at, text in enumerate(TEXTS)]
    done = run_rows(tmp_path, {"a.jsonl.gz": rows})
    [story] = stories(done, "n-4")
    assert story.id == "news/a.jsonl.gz@4"


def test_only_if_no_file_has_the_text_column_the_run_is_refused(tmp_path: Path) -> None:
    odd: list[dict[str, object]] = [{"body": text} for text in TEXTS]
    with pytest.raises(RecipeError, match=r'no column "text" to take "text" from.*known: body'):
        run_rows(tmp_path, {"a.jsonl": odd}, out="refused")
    done = run_rows(tmp_path, {"a.jsonl": odd, "b.jsonl": [{"text": TEXTS[0]}]})
    rows = done.ledger().select("id", "outcome", "reason").sort("id").collect().rows()
    assert rows == [("news/a.jsonl@0", "quarantined", "no_text_column"), ("news/b.jsonl@0", "kept", None)]
