"""The inputs of ../shared/data/cases that concern the web, run by their own recipes as a user runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from curate.batch import Record
from curate.cli import main
from curate.extract.html import Extraction
from curate.readers.epub import read_epub
from curate.steps.extract import extract_text

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


def test_what_stands_in_figures_is_in_the_text(tmp_path: Path) -> None:
    [text] = texts(run_case("figure-content", tmp_path))
    for words in ("Genoa\t12", "    sail(ship)", "The sea is calm tonight.", "Ships by port."):
        assert words in text


def test_what_stands_in_figures_of_a_book_is_in_the_text(tmp_path: Path) -> None:
    book = CASES / "figure-content" / "book.epub"
    if not book.exists():
        pytest.skip("the shared case figure-content is not here")
    with book.open("rb") as file:
        record = read_epub(file, id="book", max_bytes=1 << 20)
    assert isinstance(record, Record)
    text = extract_text(record, _never)["text"]
    for words in ("Fig. 1. The harbour in 1890.", "listing line"):
        assert words in text


def _never(html: str, is_xhtml: bool) -> Extraction:
    raise AssertionError("a book's whole text is wanted")


def test_a_nul_after_each_record_costs_nothing(tmp_path: Path) -> None:
    run = run_case("warc-nul-after-member", tmp_path)
    assert len(texts(run)) == 2
    assert ledger(run)["outcome"].to_list() == ["kept", "kept"]
