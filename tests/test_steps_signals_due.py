"""curate.steps.signals_due: text signals are measured of all documents but those that a step drops as unwanted first,
unless the recipe asks for all; no document that anything is decided on is another one for that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import curate
from curate.errors import RecipeError
from curate.pipeline.run import run
from curate.recipe import Recipe, Source, Step
from curate.run_folder import RunFolder
from curate.steps.bind import bind
from curate.steps.retune import Change, retune
from curate.steps.signals_before import NAMES

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
{more}
steps = [{{ use = "language", keep = ["de"] }}, {{ use = "gopher_quality", min_stop_words = 0 }}]
[dedup]
[tokenize]
tokenizer = "bytes"
"""
SIGNALS = [name for name in NAMES if name != "byte_count"]
IS_UNWANTED = (pl.col("step") == "language") & (pl.col("reason") == "keep")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, first_members: Callable[[int], bytes]) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    (folder / "a.warc.gz").write_bytes(first_members(60))
    return folder


@pytest.fixture(scope="module")
def needed(folder: Path) -> RunFolder:
    return run_of(folder, "needed")


@pytest.fixture(scope="module")
def whole(folder: Path) -> RunFolder:
    return run_of(folder, "whole", 'signals = "all"')


def run_of(folder: Path, name: str, more: str = "") -> RunFolder:
    (folder / f"{name}.toml").write_text(RECIPE.format(more=more), encoding="utf-8")
    return run(folder / f"{name}.toml", out=folder / name, workers=0)


def test_only_documents_in_other_languages_lack_signals_and_nothing_else_differs(
    needed: RunFolder, whole: RunFolder
) -> None:
    some, every = (made.ledger().collect() for made in (needed, whole))
    unwanted = some.filter(IS_UNWANTED)
    assert 0 < unwanted.height < some.height
    assert all(unwanted[name].null_count() == unwanted.height for name in SIGNALS)
    assert every["word_count"].null_count() == 0
    assert_frame_equal(some.filter(~IS_UNWANTED.fill_null(False)), every.filter(~IS_UNWANTED.fill_null(False)))
    assert_frame_equal(some.drop(SIGNALS), every.drop(SIGNALS))
    documents = [pl.read_parquet(made.folder / "documents" / "**" / "*.parquet") for made in (needed, whole)]
    assert_frame_equal(*documents)


def test_a_threshold_over_documents_without_signals_is_unknown_and_over_all_is_what_a_new_run_says(
    folder: Path, needed: RunFolder, whole: RunFolder
) -> None:
    change = [Change("language", "keep", ["de", "en"])]
    freed = pl.col("old_reason") == "keep"
    told = retune(needed, change).rows.filter(freed & (pl.col("new_step").ne_missing("language")))
    assert told.height > 0
    assert set(told["new_outcome"]) == {"unknown"}
    (folder / "anew.toml").write_text(RECIPE.format(more='signals = "all"').replace('["de"]', '["de", "en"]'))
    anew = run(folder / "anew.toml", out=folder / "anew", workers=0).ledger().collect()
    known = retune(whole, change).rows.select("id", "new_outcome", "new_step")
    ends = pl.col("step").is_in(["language", "gopher_quality"]).fill_null(False)
    expected = anew.filter(ends).select("id", new_outcome="outcome", new_step="step").sort("id")
    found = known.filter(pl.col("new_step").is_in(["language", "gopher_quality"]).fill_null(False)).sort("id")
    assert expected.height > 0
    assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("steps", "before"),
    [
        (("url", "language", "gopher_quality", "language"), 2),
        (("gopher_quality", "language"), 0),
        (("url", "language"), 1),
        (("language",), 0),
        ((), 0),
    ],
)
def test_steps_that_look_at_no_signals_come_before_them_but_for_the_last(steps: tuple[str, ...], before: int) -> None:
    source = Source("s", "warc", ("x",), extract="curate", steps=tuple(Step(use) for use in steps))
    assert [step.is_before_signals for step in bind(source, Recipe("r", sources=(source,)))].count(True) == before


def test_with_several_extractors_or_where_all_are_asked_for_every_document_has_signals() -> None:
    steps = (Step("language", {"keep": ("en",)}), Step("gopher_quality"))
    for source in (
        Source("s", "warc", ("x",), extract=("curate", "trafilatura"), steps=steps),
        Source("s", "warc", ("x",), signals="all", steps=steps),
    ):
        assert not any(step.is_before_signals for step in bind(source, Recipe("r", sources=(source,))))


def test_an_unknown_value_is_refused_with_those_there_are(folder: Path) -> None:
    (folder / "wrong.toml").write_text(RECIPE.format(more='signals = "some"'), encoding="utf-8")
    with pytest.raises(RecipeError, match="known: all, needed"):
        curate.load(folder / "wrong.toml")
