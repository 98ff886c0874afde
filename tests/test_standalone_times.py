"""Times that Arrow can hold and Python cannot cost no file and no row, wherever tables are read or written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import curate
from curate.decontaminate.evaluations import open_evaluation
from curate.recipe import Decontaminate
from curate.recipe_dedup import Dedup
from curate.standalone.dedup import dedup_files

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 60]) for start in range(0, 180, 60)]
NS = 1_700_000_000_123_456_789
ODD = {
    "ns": pa.array([NS, 2, None], pa.timestamp("ns")),
    "zoned": pa.array([NS, NS, NS], pa.timestamp("ns", "Europe/Berlin")),
    "far": pa.array([10_000_000] * 3, pa.int32()).cast(pa.date32()),
    "time": pa.array([1, 2, 3], pa.time64("ns")),
    "span": pa.array([1, 10**18 + 1, 3], pa.duration("ns")),
    "listed": pa.array([[NS], None, []], pa.list_(pa.timestamp("ns"))),
    "fields": pa.array([{"at": NS, "n": 1}] * 3, pa.struct([("at", pa.timestamp("ns")), ("n", pa.int64())])),
    "mapped": pa.array([[("k", NS)]] * 3, pa.map_(pa.string(), pa.timestamp("ns"))),
    "half": pa.array([{"x": float("nan")}, {"x": 1.0}, None]),
}
FIRST = {
    "ns": "2023-11-14T22:13:20.123456789",
    "zoned": "2023-11-14T22:13:20.123456789Z",
    "far": "29349-01-26",
    "time": "00:00:00.000000001",
    "span": "1 ns",
    "listed": ["2023-11-14T22:13:20.123456789"],
    "fields": {"at": "2023-11-14T22:13:20.123456789", "n": 1},
    "mapped": [["k", "2023-11-14T22:13:20.123456789"]],
    "half": {"x": None},
}


def odd_table(path: Path) -> Path:
    pq.write_table(pa.table({"text": PAGES} | ODD), path)
    return path


def test_a_table_with_nanoseconds_is_read_and_all_its_columns_are_kept(tmp_path: Path) -> None:
    odd_table(tmp_path / "pages.parquet")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\n[[source]]\nname = "t"\nread = "tables"\npaths = ["pages.parquet"]\n'
        '[tokenize]\ntokenizer = "bytes"\n'
    )
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    kept = run.documents("t").collect().to_dicts()
    assert [row["text"] for row in kept] == PAGES
    nested = {"listed", "fields", "mapped", "half"}
    found = {name: json.loads(kept[0][name]) if name in nested else kept[0][name] for name in FIRST}
    assert found == FIRST


def test_rows_with_nanoseconds_are_written_as_json_lines(tmp_path: Path) -> None:
    dedup_files([odd_table(tmp_path / "pages.parquet")], Dedup(), kept=tmp_path / "kept.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == PAGES
    assert {name: rows[0][name] for name in FIRST} == FIRST


def test_an_evaluation_set_with_such_times_is_one_without_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": PAGES}), tmp_path / "plain.parquet")
    odd = {name: ODD[name] for name in ("ns", "zoned", "far", "time", "span")}
    pq.write_table(pa.table({"text": PAGES} | odd), tmp_path / "odd.parquet")
    sets = [open_evaluation(Decontaminate(against=(name,)), tmp_path) for name in ("plain.parquet", "odd.parquet")]
    plain, odd_one = (one.items.drop("set").to_dicts() for one in sets)
    assert plain == odd_one
