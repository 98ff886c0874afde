"""The inputs of ../shared/data/cases that concern the web, run by their own recipes as a user runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from curate.cli import main

CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases"


def run_case(name: str, folder: Path) -> Path:
    """The run of a case's recipe, on a copy of its folder."""
    if not (CASES / name).exists():
        pytest.skip(f"the shared case {name} is not here")
    shutil.copytree(CASES / name, folder / name)
    run = folder / "run"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / name / "recipe.toml"), "--out", str(run), "--workers", "1"])
    assert ended.value.code == 0
    return run


def texts(run: Path) -> list[str]:
    return pl.read_parquet(run / "documents" / "**" / "*.parquet").sort("id")["text"].to_list()


def ledger(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "ledger" / "**" / "*.parquet").sort("id")


def test_heads_that_stand_twice_or_before_the_answer_are_no_text(tmp_path: Path) -> None:
    found = texts(run_case("http-heads-repeated-interim", tmp_path))
    sentence = "A plain sentence about rivers and boats, long enough to stay."
    assert found == [" ".join([sentence] * 3)] * 4
