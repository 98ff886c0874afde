"""`curate why`: the story of a document agrees with the run's tables, whatever became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.pipeline.run import run
from curate.report.terminal.why import checks_table, story_lines
from curate.report.why import stories

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
steps = [
  {{ use = "language", keep = ["en", "de"] }},
  {{ use = "gopher_quality", min_stop_words = 0, min_words = 80 }},
  {{ where = "digit_ratio < 0.1" }},
]
[dedup]
[mix]
tokens = {tokens}
[tokenize]
tokenizer = "bytes"
"""


OWN = """\
import curate, polars as pl

@curate.signal(dtype=pl.Float64)
def length(batch):
    return batch["word_count"] * 1.0

@curate.transform
def loud(document):
    return document.text.upper()
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, first_members: Callable[[int], bytes]) -> curate.Run:
    """A run over a few pages, each twice, of which the mixture draws a part."""
    folder = tmp_path_factory.mktemp("why")
    pages = first_members(60)
    (folder / "a.warc.gz").write_bytes(pages)
    (folder / "b.warc.gz").write_bytes(pages)
    (folder / "toy.toml").write_text(RECIPE.format(tokens=20_000), encoding="utf-8")
    return run(folder / "toy.toml", out=folder / "run", workers=0)


def test_every_dropped_document_names_the_rule_that_its_ledger_row_names(finished: curate.Run) -> None:
    rows = finished.ledger().filter(pl.col("step").is_in(["language", "gopher_quality", "where"])).collect()
    assert set(rows["step"]) >= {"language", "gopher_quality"}
    for row in rows.iter_rows(named=True):
        (story,) = stories(finished, row["id"])
        (culprit,) = [check for check in story.checks if check.result == "dropped"]
        assert (culprit.step, culprit.rule) == (row["step"], row["reason"])
        position = story.checks.index(culprit)
        assert {check.result for check in story.checks[:position]} <= {"kept"}
        is_unwanted = (row["step"], row["reason"]) == ("language", "keep")  # of those no signals are measured
        told = {"not measured"} if is_unwanted else {"would keep", "would drop"}
        assert {check.result for check in story.checks[position + 1 :] if check.step != culprit.step} <= told


def test_nothing_would_drop_what_it_has_not_measured(tmp_path: Path, first_members: Callable[[int], bytes]) -> None:
    """A `where` on an own signal takes null for no, in a run: here the signal never saw the document."""
    (tmp_path / "a.warc.gz").write_bytes(first_members(30))
    (tmp_path / "mine.py").write_text(OWN, encoding="utf-8")
    steps = '"mine:length", { where = "length > 1" }, "url", "mine:loud", "gopher_repetition"'
    recipe = RECIPE.format(tokens=20_000).replace('{ where = "digit_ratio < 0.1" }', steps)
    (tmp_path / "toy.toml").write_text(recipe, encoding="utf-8")
    done = run(tmp_path / "toy.toml", out=tmp_path / "run", workers=0)
    taken = done.ledger().filter(step="gopher_quality").head(1).collect()["id"][0]
    (story,) = stories(done, taken)
    told = {check.step: check.result for check in story.checks}
    assert told["where"] == "not measured"
    assert told["url"] in ("would keep", "would drop")
    assert told["gopher_repetition"] == "not measured"
    [wrong] = done.ledger().filter(step="language", reason="keep").head(1).collect()["id"].to_list() or [None]
    if wrong:
        (story,) = stories(done, wrong)
        told = {check.step: check.result for check in story.checks}
        assert (told["url"], told["gopher_quality"]) == ("not measured", "not measured")


def test_a_threshold_and_its_value_stand_beside_each_other(finished: curate.Run) -> None:
    row = finished.ledger().filter(reason="min_words").head(1).collect().row(0, named=True)
    (story,) = stories(finished, row["id"])
    check = next(check for check in story.checks if check.rule == "min_words")
    assert (check.value, check.threshold, check.signal) == (row["word_count"], 80, "word_count")
    assert row["word_count"] < 80


def test_a_copy_names_its_original_and_the_original_counts_its_copies(finished: curate.Run) -> None:
    duplicates = pl.read_parquet(finished.folder / "dedup" / "duplicates.parquet")
    row = duplicates.drop_nulls("duplicate_of").row(0, named=True)
    (copy,) = stories(finished, row["id"])
    (original,) = stories(finished, row["duplicate_of"])
    assert (copy.outcome, copy.step, copy.duplicate_of) == ("dropped", "dedup", row["duplicate_of"])
    assert original.outcome == "kept"
    assert original.copies == duplicates.filter(duplicate_of=row["duplicate_of"]).height


def test_kept_documents_have_their_tokens_or_were_left_out_by_the_draw(finished: curate.Run) -> None:
    tables = {
        part: (finished.folder / "tokens" / part / "web").glob("*.docs.parquet") for part in ("train", "validation")
    }
    tokens = {
        id: {part: count}
        for part, files in tables.items()
        for file in files
        for id, count in pl.read_parquet(file, columns=["id", "tokens"]).iter_rows()
    }
    kept = finished.ledger().filter(outcome="kept").collect()["id"]
    told = {id: stories(finished, id)[0].tokens for id in kept}
    assert told == {id: tokens.get(id) for id in kept}
    left_out = [id for id in kept if told[id] is None]
    assert left_out
    assert any("left this document out" in line for line in story_lines(stories(finished, left_out[0])[0]))


def test_a_url_finds_all_records_that_came_from_it(finished: curate.Run) -> None:
    url = finished.ledger().filter(outcome="kept").head(1).collect()["url"][0]
    expected = finished.ledger().filter(pl.col("url") == url).collect()["id"]
    assert [story.id for story in stories(finished, url.strip("<>"))] == sorted(expected)


def test_a_record_that_was_no_page_has_a_story_without_rules(finished: curate.Run) -> None:
    row = finished.ledger().filter(step="read").head(1).collect().row(0, named=True)
    (story,) = stories(finished, row["id"])
    assert story.checks == ()
    assert f"dropped by read, {row['reason']}" in "\n".join(story_lines(story))


def test_an_unknown_document_is_answered_with_some_that_look_like_it(finished: curate.Run) -> None:
    with pytest.raises(UsageError, match=r"these contain it: web/a\.warc\.gz@"):
        stories(finished, "a.warc")
    with pytest.raises(UsageError, match="an id looks like source/file@offset"):
        stories(finished, "nothing like it")


def test_a_url_that_was_never_read_is_answered_with_some_like_it(finished: curate.Run) -> None:
    urls = finished.ledger("web").select(pl.col("url").str.strip_chars("<>")).collect()["url"]
    url = next(url for url in urls if url and url.endswith(".html"))
    name = url.rpartition("/")[2].partition(".")[0].casefold()
    with pytest.raises(UsageError, match=f'these contain "{name}": .*{name}'):
        stories(finished, f"http://elsewhere.example/{name}.php?page=2")
    host = "/".join(url.split("/")[:3]) + "/"
    with pytest.raises(UsageError, match=f"these contain its host: .*{re.escape(host)}"):
        stories(finished, f"{host}qqqq")


def test_the_command_prints_the_rules_and_json_has_the_same(
    finished: curate.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    id = finished.ledger().filter(reason="min_words").head(1).collect()["id"][0]
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as exit:
            main(["why", str(finished.folder), id, *options])
        assert exit.value.code == 0
        out = capsys.readouterr().out
        if options:
            assert json.loads(out)[0]["reason"] == "min_words"
        else:
            assert "dropped by gopher_quality, min_words" in out
            assert "would keep" in out
    (story,) = stories(finished, id)
    assert checks_table(story).row_count == len(story.checks) + len({check.step for check in story.checks})
