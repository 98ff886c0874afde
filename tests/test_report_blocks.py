"""`curate why --blocks`: what curate's own extractor took for content on a page of a run."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"
RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["web.warc.gz"]
extract = "{extract}"
[tokenize]
tokenizer = "bytes"
"""


def run_of(folder: Path, extract: str) -> curate.Run:
    (folder / "web.warc.gz").write_bytes(SAMPLE.read_bytes()[:200_000])
    (folder / "recipe.toml").write_text(RECIPE.format(extract=extract))
    # The sample ends within a record, which is quarantined: more than the default budget allows.
    with pytest.raises(SystemExit):
        main(["run", str(folder / "recipe.toml"), "--out", str(folder / "run"), "--workers", "1"])
    return curate.Run(folder / "run")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    return run_of(tmp_path_factory.mktemp("blocks"), "curate")


def test_the_blocks_that_are_kept_are_the_text_of_the_page(run: curate.Run) -> None:
    for id, text in run.documents().select("id", "text").collect().head(10).rows():
        kept = "".join(block.text for block in run.blocks(id) if block.is_kept)
        marks = str.maketrans("", "", "|-•. \n\t0123456789")
        assert kept.translate(marks) == text.translate(marks)


def test_what_was_measured_of_a_page_is_in_its_ledger(run: curate.Run) -> None:
    pages = run.ledger().filter(pl.col("outcome") == "kept").collect()
    assert pages["page_type"].null_count() == 0
    assert pages["extraction_confidence"].is_between(0, 1).all()
    assert pages["boilerplate_ratio"].is_between(0, 1).all()


def test_blocks_are_told_on_the_terminal_and_as_json(run: curate.Run, capsys: pytest.CaptureFixture[str]) -> None:
    id = run.documents().select("id").collect()["id"][0]
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["why", str(run.folder), id, "--blocks", *options])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert run.blocks(id)[0].text.split()[0] in told
    [story] = json.loads(told)
    assert [block["text"] for block in story["blocks"]] == [block.text for block in run.blocks(id)]


def test_a_record_that_is_no_page_and_one_that_was_not_read_have_no_blocks(run: curate.Run) -> None:
    other = run.ledger().filter(pl.col("reason") == "record_type").collect()["id"][0]
    with pytest.raises(UsageError, match="only web pages"):
        run.blocks(other)
    with pytest.raises(UsageError, match="read no record with the id web/nothing@0"):
        run.blocks("web/nothing@0")


def test_blocks_of_another_extractor_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, "resiliparse")
    id = run.documents().select("id").collect()["id"][0]
    with pytest.raises(UsageError, match="made by resiliparse"):
        run.blocks(id)
