"""`curate retune`: what it foretells from the ledger is what a new run with the changed recipe does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.engine.clock import Clock
from curate.engine.plan_file import write_plan
from curate.engine.posix import PosixStore
from curate.errors import RunConflict, UsageError
from curate.pipeline.planning import make_plan
from curate.pipeline.run import run
from curate.recipe import Recipe, Source
from curate.recipe_file import load
from curate.recipe_form import to_toml
from curate.report.funnel import by_step, funnel
from curate.report.retune import by_language, difference, samples
from curate.steps.apply import write_recipe as write_recipe_of
from curate.steps.bind import bind, resolve
from curate.steps.decide import decide
from curate.steps.remeasure import measure_unknown
from curate.steps.retune import Change, parse_change, retune
from curate.steps.sample import sample_source
from curate.steps.signals_before import NAMES

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
steps = [
  {{ use = "language", keep = ["en", "de"], min_score = {min_score} }},
  {{ use = "gopher_quality", min_stop_words = 0, min_words = {min_words} }},
  {last}
]
[dedup]
[tokenize]
tokenizer = "bytes"
"""

UPPER = """\
import curate

@curate.transform
def upper(document: curate.Document) -> str:
    return document.text.upper()

@curate.filter
def no_teapots(document: curate.Document, words: tuple[str, ...] = ("teapot",)) -> bool:
    return not any(word in document.text for word in words)
"""


def write_recipe(
    folder: Path, *, min_score: float = 0.65, min_words: int = 80, last: str = '"gopher_repetition"'
) -> Path:
    path = folder / "toy.toml"
    path.write_text(RECIPE.format(min_score=min_score, min_words=min_words, last=last), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, first_members: Callable[[int], bytes]) -> Path:
    """The first gzip members of the sample's WARC."""
    folder = tmp_path_factory.mktemp("retune")
    (folder / "a.warc.gz").write_bytes(first_members(100))
    (folder / "mine.py").write_text(UPPER, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def finished(inputs: Path) -> curate.Run:
    return run(write_recipe(inputs), out=inputs / "run", workers=0)


def sampled(path: Path) -> tuple[Source, Recipe, pl.DataFrame]:
    """The documents of a recipe's only source, with their text signals, before any step."""
    recipe = resolve(load(path))
    (source,) = recipe.sources
    return source, recipe, sample_source(recipe, source, make_plan(recipe), 500)


def decisions(ledger: pl.DataFrame, prefix: str = "") -> dict[str, str]:
    """What the filters made of each document: the step that took it, or "kept"."""
    steps = ledger[f"{prefix}step"].replace(["dedup"], [None]).fill_null("kept")
    return dict(zip(ledger["id"], steps, strict=True))


@pytest.mark.parametrize(
    "changes",
    [[("min_words", 30)], [("min_words", 300)], [("min_score", 0.3)], [("min_score", 0.9), ("min_words", 10)]],
)
def test_the_forecast_is_what_a_new_run_does(
    inputs: Path, finished: curate.Run, tmp_path: Path, changes: Sequence[tuple[str, float]]
) -> None:
    owners = {"min_words": "gopher_quality", "min_score": "language"}
    told = retune(finished, [Change(owners[name], name, value) for name, value in changes]).rows
    (tmp_path / "a.warc.gz").symlink_to(inputs / "a.warc.gz")
    values = dict(changes)
    recipe = write_recipe(tmp_path, min_score=values.get("min_score", 0.65), min_words=int(values.get("min_words", 80)))
    again = run(recipe, out=tmp_path / "run", workers=0).ledger().collect()
    done = again.filter(~pl.col("step").is_in(["read", "extract"]).fill_null(False))
    assert decisions(told, "new_") == decisions(done)
    assert decisions(told, "new_") != decisions(told, "old_")


def test_without_a_change_nothing_changes(finished: curate.Run) -> None:
    told = retune(finished, [Change("gopher_quality", "min_words", 80)])
    assert decisions(told.rows, "new_") == decisions(told.rows, "old_")
    assert samples(told, 5).is_empty()
    assert all(row.documents == row.documents_then for row in difference(finished, told))


def test_the_difference_adds_up_and_names_the_languages(finished: curate.Run) -> None:
    told = retune(finished, [Change("language", "keep", ["en"])])
    rows = list(difference(finished, told))
    assert sum(row.documents for row in rows) == sum(row.documents_then for row in rows) == told.rows.height
    kept = next(row for row in rows if row.step == "kept")
    assert kept.tokens is not None
    assert kept.tokens_then is not None
    assert 0 < kept.tokens_then < kept.tokens
    assert {row.language: row.kept_then for row in by_language(told)} == {"de": 0}


@pytest.mark.parametrize(
    "last",
    [
        '"toxicity"',
        '{ use = "url", words = ["us"] }',
        '{ use = "c4", terminal_punctuation = false, min_words_per_line = 3 }, "gopher_repetition"',
        '{ use = "c4", min_sentences = 1 }, { use = "language", keep = ["en"], min_score = 0.9 }, "toxicity"',
        '{ use = "gopher_repetition", count = "all" }, { use = "license", keep_unknown = true }, "fineweb2"',
    ],
)
def test_cheap_steps_have_measured_what_an_earlier_step_dropped(inputs: Path, tmp_path: Path, last: str) -> None:
    """The forecast is complete, and it is what a new run does: one of the two thresholds frees documents, one takes."""
    (tmp_path / "a.warc.gz").symlink_to(inputs / "a.warc.gz")
    done = run(write_recipe(tmp_path, min_words=150, last=last), out=tmp_path / "run", workers=0)
    for min_words, min_score in ((20, 0.65), (20, 0.3), (200, 0.65)):
        changes = [Change("gopher_quality", "min_words", min_words), Change("language", "min_score", min_score)]
        told = retune(done, changes)
        assert "unknown" not in {row.step for row in difference(done, told)}
        recipe = write_recipe(tmp_path, min_words=min_words, min_score=min_score, last=last)
        again = run(recipe, out=tmp_path / f"run-{min_words}-{min_score}", workers=0).ledger().collect()
        anew = again.filter(~pl.col("step").is_in(["read", "extract"]).fill_null(False))
        assert decisions(told.rows, "new_") == decisions(anew)
        assert decisions(told.rows, "new_") != decisions(told.rows, "old_")


def test_measuring_what_was_dropped_changes_no_outcome(inputs: Path, tmp_path: Path) -> None:
    last = '{ use = "c4", min_sentences = 1 }, "toxicity", { where = "word_count > 100" }'
    source, recipe, batch = sampled(write_recipe(inputs, min_words=150, last=last))
    steps, batch = bind(source, recipe), batch.drop(signal for signal in NAMES if signal != "byte_count")
    dear = tuple(replace(step, filter=replace(step.filter, is_cheap=False)) for step in steps)
    measured, spared = (decide(batch, each, Clock()) for each in (steps, dear))
    decided = ("id", "outcome", "step", "reason", "value")
    assert measured.select(decided).equals(spared.select(decided))
    assert measured.filter(outcome="kept")["text"].equals(spared.filter(outcome="kept")["text"])
    cheap = measured.filter(step="gopher_quality")
    assert cheap["toxicity_score"].null_count() == 0
    assert cheap.height > 0


def test_what_a_step_never_saw_is_unknown_and_not_kept(inputs: Path, tmp_path: Path) -> None:
    for name in ("a.warc.gz", "mine.py"):
        (tmp_path / name).symlink_to(inputs / name)
    done = run(write_recipe(tmp_path, last='"mine:no_teapots"'), out=tmp_path / "run", workers=0)
    rows = retune(done, [Change("gopher_quality", "min_words", 10)]).rows
    freed = rows.filter((pl.col("old_step") == "gopher_quality") & (pl.col("new_step") != "gopher_quality"))
    assert freed.height > 0
    assert set(freed["new_outcome"]) == {"unknown"}
    with pytest.raises(UsageError, match="words is no threshold here"):
        retune(done, [Change("mine:no_teapots", "words", ["kettle"])])


def test_a_threshold_before_a_change_of_texts_is_judged_on_the_old_text(inputs: Path, tmp_path: Path) -> None:
    for name in ("a.warc.gz", "mine.py"):
        (tmp_path / name).symlink_to(inputs / name)
    last = '{ use = "c4", min_words_per_line = 12, min_sentences = 1 }'
    done = run(write_recipe(tmp_path, last=last), out=tmp_path / "run", workers=0)
    ledger = done.ledger("web").collect()
    cut = ledger.filter(pl.col("before_c4").is_not_null()).unnest("before_c4", separator="@")
    assert cut.height > 0
    assert (cut["before_c4@word_count"] > cut["word_count"]).all()
    limit = int(cut["before_c4@word_count"].median() or 0)
    told = retune(done, [Change("gopher_quality", "min_words", limit)])
    anew = run(write_recipe(tmp_path, last=last, min_words=limit), out=tmp_path / "anew", workers=0)
    ledger = anew.ledger("web").collect().filter(~pl.col("step").is_in(["read", "extract"]).fill_null(False))
    assert decisions(told.rows, "new_") == decisions(ledger)
    for forecast, real, side in ((told, anew, "_then"), (told, done, "")):
        expected = {row.step: row.bytes for row in by_step(funnel(real)) if row.outcome == "dropped"}
        steps = [row for row in difference(done, forecast) if row.step in expected]
        assert {row.step: getattr(row, f"bytes{side}") for row in steps}.items() <= expected.items()
        assert len(steps) > 1


def test_what_is_unknown_is_measured_on_the_documents_read_again(inputs: Path, tmp_path: Path) -> None:
    """Own code, a transform and patterns are asked only when that is wanted; then the forecast is a new run's."""
    (tmp_path / "a.warc.gz").write_bytes((inputs / "a.warc.gz").read_bytes())
    (tmp_path / "mine.py").symlink_to(inputs / "mine.py")
    last = (
        '"mine:no_teapots", "refinedweb", { use = "gopher_quality", min_stop_words = 0, min_words = 60 }, "mine:upper"'
    )
    done = run(write_recipe(tmp_path, min_words=150, last=last), out=tmp_path / "run", workers=0)
    changes = [Change("gopher_quality", "min_words", 20), Change("language", "keep", ["en", "de", "es", "fr"])]
    told = retune(done, changes)
    assert "unknown" in set(told.rows["new_outcome"])
    told = measure_unknown(done, told)
    recipe = write_recipe(tmp_path, min_words=20, last=last)
    recipe.write_text(recipe.read_text().replace('keep = ["en", "de"]', 'keep = ["en", "de", "es", "fr"]'))
    again = run(recipe, out=tmp_path / "anew", workers=0).ledger().collect()
    anew = again.filter(~pl.col("step").is_in(["read", "extract"]).fill_null(False))
    assert decisions(told.rows, "new_") == decisions(anew)
    assert "gopher_quality#2" in set(told.rows["new_step"])
    with (tmp_path / "a.warc.gz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RunConflict, match="has changed since this run was planned"):
        measure_unknown(done, retune(done, changes))


def test_own_code_that_was_edited_since_the_run_is_not_asked(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes((inputs / "a.warc.gz").read_bytes())
    (tmp_path / "mine.py").write_text(UPPER)
    done = run(write_recipe(tmp_path, min_words=150, last='"mine:no_teapots"'), out=tmp_path / "run", workers=0)
    (tmp_path / "mine.py").write_text(UPPER.replace('"teapot"', '"kettle"'))
    with pytest.raises(RunConflict, match=r"mine:no_teapots has changed since this run was planned"):
        measure_unknown(done, retune(done, [Change("gopher_quality", "min_words", 20)]))


def test_the_readmes_example_answers_with_numbers(tmp_path: Path, first_members: Callable[[int], bytes]) -> None:
    """`curate retune runs/quickstart --set gopher_quality.min_words=30`, on a part of the same pages and steps."""
    recipe = Path(curate.__file__).parent / "recipes" / "quickstart" / "quickstart.toml"
    (tmp_path / "web.warc.gz").write_bytes(first_members(120))
    text = recipe.read_text().replace("vocab_size = 4096", "vocab_size = 300")
    text = re.sub(r'\[\[source\]\]\nname = "(books|code)"[^[]*(\[[^[]*)*?(?=\[\[|\[dedup)', "", text)
    text = text.replace('prefer = ["books", "web", "code"]', "").replace(
        "web = 0.6, books = 0.3, code = 0.1", "web = 1"
    )
    (tmp_path / "part.toml").write_text(text, encoding="utf-8")
    done = run(tmp_path / "part.toml", out=tmp_path / "run", workers=0)
    told = retune(done, [parse_change("gopher_quality.min_words=30")])
    assert "unknown" not in set(told.rows["new_outcome"])
    rows = {row.step: row for row in difference(done, told)}
    assert rows["kept"].documents_then > rows["kept"].documents


def test_applying_writes_only_what_was_changed(inputs: Path, finished: curate.Run, tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").symlink_to(inputs / "a.warc.gz")
    text = RECIPE.format(min_score=0.65, min_words=80, last='"gopher_repetition",  # as published')
    text = "# mine\n" + text + "\n[limits]   # none\nmax_drop = 1.0\n"
    (tmp_path / "toy.toml").write_text(text, encoding="utf-8")
    done = run(tmp_path / "toy.toml", out=tmp_path / "run", workers=0)
    changes = [Change("gopher_quality", "min_words", 30), Change("gopher_repetition", "max_top_2gram_ratio", 0.5)]
    told = retune(done, changes)
    assert write_recipe_of(done, told, changes, tmp_path / "looser.toml")
    written = (tmp_path / "looser.toml").read_text(encoding="utf-8")
    lines = [pair for pair in zip(text.splitlines(), written.splitlines(), strict=True) if pair[0] != pair[1]]
    assert lines == [
        ('name = "toy"', 'name = "looser"'),
        (
            '  { use = "gopher_quality", min_stop_words = 0, min_words = 80 },',
            '  { use = "gopher_quality", min_stop_words = 0, min_words = 30 },',
        ),
        (
            '  "gopher_repetition",  # as published',
            '  { use = "gopher_repetition", max_top_2gram_ratio = 0.5 },  # as published',
        ),
    ]
    assert resolve(load(tmp_path / "looser.toml")).sources == told.recipe.sources


def test_applying_to_a_recipe_that_extends_writes_the_steps_out(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").symlink_to(inputs / "a.warc.gz")
    own = 'extends = "fineweb"  # all of it\nname = "own"\n[[source]]\nname = "web"\npaths = ["*.gz"]  # here\n'
    own += '[tokenize]\ntokenizer = "bytes"\n'
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    done = run(tmp_path / "own.toml", out=tmp_path / "run", workers=0)
    changes = [Change("language", "min_score", 0.5), Change("fineweb", "max_short_line_ratio", 0.8)]
    told = retune(done, changes)
    assert write_recipe_of(done, told, changes, tmp_path / "own-2.toml")
    written = (tmp_path / "own-2.toml").read_text(encoding="utf-8")
    assert written.startswith('extends = "fineweb"  # all of it\nname = "own-2"\n')
    assert '{ use = "fineweb", max_short_line_ratio = 0.8 }' in written
    assert "max_line_length" not in written
    assert resolve(load(tmp_path / "own-2.toml")).sources == told.recipe.sources
    (tmp_path / "own.toml").write_text(own + "validation = 0.1\n", encoding="utf-8")
    assert not write_recipe_of(done, told, changes, tmp_path / "own-3.toml")
    assert resolve(load(tmp_path / "own-3.toml")).sources == told.recipe.sources


def test_a_shipped_recipes_copy_finds_its_inputs_and_takes_no_runs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "quickstart-2").mkdir(parents=True)
    place = tmp_path / "runs" / "quickstart"
    recipe = resolve(load("quickstart"))
    write_plan(PosixStore(place), make_plan(recipe))
    (place / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
    changes = [Change("where", "expression", "word_count > 3"), Change("gopher_quality", "min_words", 30)]
    told = retune(curate.Run(place), changes)
    assert told.rows.is_empty()
    (tmp_path / "other").mkdir()
    assert write_recipe_of(curate.Run(place), told, changes, tmp_path / "other" / "quickstart.toml")
    found = load(tmp_path / "other" / "quickstart.toml")
    assert found.name == "quickstart-3"
    assert [len(files) for files in make_plan(resolve(found)).inputs().values()] == [1, 2, 1]
    assert resolve(found).source("code").steps == told.recipe.source("code").steps


def test_wrong_changes_say_what_would_be_right(finished: curate.Run) -> None:
    with pytest.raises(UsageError, match='did you mean "gopher_quality"'):
        retune(finished, [Change("gopher_qualty", "min_words", 10)])
    with pytest.raises(UsageError, match='unknown parameter "min_word"; did you mean "min_words"'):
        retune(finished, [Change("gopher_quality", "min_word", 10)])
    with pytest.raises(UsageError, match="expected step"):
        parse_change("min_words 10")


def test_a_change_is_read_as_toml() -> None:
    assert parse_change("a.b=3") == Change("a", "b", 3)
    assert parse_change('language.keep = ["en"]') == Change("language", "keep", ["en"])
    assert parse_change("where#2.expression=word_count < 3") == Change("where#2", "expression", "word_count < 3")


def test_the_command_prints_the_difference_and_writes_a_recipe_that_loads(
    inputs: Path, finished: curate.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["retune", str(finished.folder), "--set", "gopher_quality.min_words=30"]
    for options, code in (
        ([], 0),
        (["--json"], 0),
        (["--apply", str(inputs / "new.toml")], 0),
        (["--apply", str(inputs / "new.toml")], 2),
        (["--apply", str(tmp_path / "x.toml")], 2),
    ):
        with pytest.raises(SystemExit) as exit:
            main([*command, *options])
        printed = capsys.readouterr()
        assert exit.value.code == code, printed.err
        if options == ["--json"]:
            assert {row["step"] for row in json.loads(printed.out)["difference"]} >= {"language", "kept"}
        elif not options:
            assert "dropped by gopher_quality, min_words" in printed.out
            assert "copies are looked for in a new run only" in printed.out
    (gopher,) = [step for step in curate.load(inputs / "new.toml").sources[0].steps if step.use == "gopher_quality"]
    assert gopher.parameters["min_words"] == 30
