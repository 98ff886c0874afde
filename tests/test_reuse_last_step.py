"""A run whose last step is another one than an earlier run's: decided on again from what that has kept, to the bytes of
a fresh run, or read again where that is not enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pydoc_data import topics
from typing import Any

import polars as pl
import pytest

import curate
from curate.batch import Filter
from curate.engine.engine import Said
from curate.engine.records import read_done, write_done
from curate.pipeline.redecide import are_thresholds
from curate.recipe import Step
from curate.steps.bind import BUILT_IN, bind, resolve
from curate.text.signals import text_signals

TEXTS = [text.strip()[:2500] for text in topics.topics.values() if len(text) > 400]
FRENCH = "Il était une fois une petite fille de village, la plus jolie qu'on eût su voir. " * 6
BRACES = "The function returns { a value } and nothing else. It is called once, and never again.\n" * 8
UNDECIDED = ("timing.json", ".lock")
RECIPE = """\
name = "last"
[[source]]
name = "web"
read = "{read}"
paths = ["{paths}"]
{source}
steps = [{steps}]
{dedup}
[tokenize]
tokenizer = "bytes"
validation = 0.1
"""
DEDUP = '[dedup]\nmethod = ["exact", "minhash"]\nverify = 0.5\n'
LOOSE = "min_stop_words = 0, max_bullet_line_ratio = 1.0, max_ellipsis_line_ratio = 1.0"
OWN = """\
import curate

@curate.filter
def short(document, most: int = 2000) -> bool:
    return len(document.text) < most

@curate.transform
def shouted(document) -> str:
    return document.text.upper()
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("last") / "in"
    folder.mkdir()
    texts = [*TEXTS[:40], TEXTS[3], FRENCH, BRACES, TEXTS[8] + " More of it.", "too short"]
    rows = [{"text": text, "url": f"http://a.test/{n}", "rank": n % 7} for n, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    return folder


def recipe(folder: Path, name: str, steps: str, **parts: str) -> Path:
    known = {"read": "tables", "paths": "rows.jsonl", "source": "", "dedup": DEDUP}
    path = folder / f"{name}.toml"
    path.write_text(RECIPE.format(steps=steps, **{**known, **parts}), encoding="utf-8")
    return path


def files(run: curate.Run) -> dict[str, bytes]:
    found = {path.relative_to(run.folder).as_posix(): path for path in run.folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in UNDECIDED}


def changed(inputs: Path, folder: Path, old: str, new: str, **parts: str) -> tuple[curate.Run, list[str]]:
    """A run with the new steps beside one with the old, compared with a fresh one; and what it has said."""
    said: list[str] = []

    def show(told: Any) -> None:
        if isinstance(told, Said):
            said.append(f"{told.step}: {told.line}")

    curate.run(recipe(inputs, "old", old, **parts), out=folder / "runs" / "old", workers=0)
    path = recipe(inputs, "new", new, **parts)
    run = curate.run(path, out=folder / "runs" / "new", workers=0, fresh=False, show=show)
    fresh = curate.run(path, out=folder / "fresh", workers=0)
    assert files(run) == files(fresh)
    assert curate.verify(run).is_sound
    return run, said


QUALITY = f'{{ use = "gopher_quality", min_words = %d, {LOOSE} }}'
AGAIN: Mapping[str, tuple[str, str]] = {
    "a rule's threshold, lower": (QUALITY % 300, QUALITY % 80),
    "higher": (QUALITY % 80, QUALITY % 300),
    "behind another step": (f'"gopher_repetition", {QUALITY % 300}', f'"gopher_repetition", {QUALITY % 100}'),
    "an expression": ('{ where = "word_count > 200" }', '{ where = "word_count > 90 AND digit_ratio < 0.2" }'),
    "a column of the user's own": (
        '{ where = "word_count > 50" }, { where = "rank < 3" }',
        '{ where = "word_count > 50" }, { where = "rank < 5" }',
    ),
    "a score of a model": (
        '{ use = "language", keep = ["en"], min_score = 0.9 }',
        '{ use = "language", keep = ["en"], min_score = 0.5 }',
    ),
    "which languages are kept": ('{ use = "language", keep = ["en"] }', '{ use = "language", keep = ["en", "fr"] }'),
    "behind a step that takes much": (
        f'{{ use = "language", keep = ["en"] }}, {QUALITY % 300}',
        f'{{ use = "language", keep = ["en"] }}, {QUALITY % 100}',
    ),
    "a score beside what was dropped before": (
        f'{QUALITY % 200}, {{ use = "toxicity", max_score = 0.01 }}',
        f'{QUALITY % 200}, {{ use = "toxicity", max_score = 0.02 }}',
    ),
    "of a step that changes texts": ('{ use = "c4", min_sentences = 12 }', '{ use = "c4", min_sentences = 5 }'),
    "one more step": ('{ where = "word_count > 50" }', '{ where = "word_count > 50" }, "gopher_repetition"'),
    "another step in its place": ('{ where = "word_count > 200" }', '"gopher_repetition"'),
    "two steps in its place": ('{ where = "word_count > 200" }', f'"gopher_repetition", {QUALITY % 100}'),
    "nothing changes sides": ('{ where = "word_count > 3" }', '{ where = "word_count > 4" }'),
}


@pytest.mark.parametrize("change", AGAIN)
def test_it_is_decided_again_without_reading(change: str, inputs: Path, tmp_path: Path) -> None:
    run, said = changed(inputs, tmp_path, *AGAIN[change])
    assert "decided again, with the texts in" in said[0]
    steps = run.timing["stages"]["filter"]["steps"].keys()
    assert not steps & {"read", "extract", "signals"}


def test_without_dedup_too(inputs: Path, tmp_path: Path) -> None:
    run, _ = changed(inputs, tmp_path, QUALITY % 300, QUALITY % 80, dedup="")
    assert "read" not in run.timing["stages"]["filter"]["steps"]


@pytest.mark.parametrize("keep", ["highest:word_count", "highest:rank", "cleanest"])
def test_documents_that_come_back_are_signed_by_what_decides_which_copy_stays(
    keep: str, inputs: Path, tmp_path: Path
) -> None:
    run, _ = changed(inputs, tmp_path, QUALITY % 300, QUALITY % 80, dedup=f'{DEDUP}keep = "{keep}"\n')
    assert "read" not in run.timing["stages"]["filter"]["steps"]


def test_what_depends_on_the_texts_alone_is_taken_where_no_document_changes_sides(inputs: Path, tmp_path: Path) -> None:
    """The ledger says the value that decided: none is dropped on either side."""
    run, _ = changed(inputs, tmp_path, '{ where = "word_count > 0" }', '{ where = "word_count > 1" }')
    assert {*run.timing["stages"]} == {"filter"}


def test_thresholds_moved_again_and_again_build_on_one_another(inputs: Path, tmp_path: Path) -> None:
    for number, words in enumerate((300, 100, 200, 50)):
        out = tmp_path / "runs" / f"{number}"
        run = curate.run(recipe(inputs, "chain", QUALITY % words), out=out, workers=0, fresh=False)
        fresh = curate.run(recipe(inputs, "chain", QUALITY % words), out=tmp_path / f"fresh-{number}", workers=0)
        assert files(run) == files(fresh)
        assert ("read" in run.timing["stages"]["filter"]["steps"]) == (number == 0)


SIXTY = f'{QUALITY % 50}, {{ where = "word_count > 60" }}'
ANEW: Mapping[str, tuple[str, str, str]] = {
    "a step before": (SIXTY, SIXTY.replace("50", "40").replace("60", "61"), "another step than the last"),
    "fewer steps": (SIXTY, QUALITY % 50, "another step than the last"),
    "what is measured": ('"language"', '{ use = "language", model = "curate" }', "measures something else"),
    "what changes a text": ('"c4"', '{ use = "c4", min_words_per_line = 7 }', "changes a text"),
    "other columns": ('{ where = "word_count > 50" }', '"language"', "other columns"),
    "one's own function": ('"own:short"', '{ use = "own:short", most = 1500 }', "measures something else"),
    "one's own transform goes": ('"own:shouted"', '"gopher_repetition"', ""),
}


@pytest.mark.parametrize("change", ANEW)
def test_it_is_read_again_where_that_is_not_enough(change: str, inputs: Path, tmp_path: Path) -> None:
    old, new, why = ANEW[change]
    run, said = changed(inputs, tmp_path, old, new)
    assert "read" in run.timing["stages"]["filter"]["steps"]
    assert said[0].startswith("filter: anew (source web: ")
    assert why in said[0]


def test_another_page_text_may_stay_so_pages_are_read_again(inputs: Path, tmp_path: Path) -> None:
    crawl = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"
    parts = {"read": "warc", "paths": crawl.as_posix(), "source": 'extract = ["resiliparse", "curate"]'}
    _, said = changed(inputs, tmp_path, QUALITY % 300, QUALITY % 200, **parts)
    assert "several extractors" in said[0]


def test_pages_of_a_crawl_are_not_extracted_again(inputs: Path, tmp_path: Path) -> None:
    crawl = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"
    parts = {"read": "warc", "paths": crawl.as_posix(), "source": 'extract = "resiliparse"'}
    language = '{ use = "language", keep = ["en"] }, '
    run, _ = changed(inputs, tmp_path, language + QUALITY % 400, language + QUALITY % 100, **parts)
    assert not run.timing["stages"]["filter"]["steps"].keys() & {"read", "extract", "language"}


def test_what_broke_on_the_last_step_may_pass_now_and_is_read_again(inputs: Path, tmp_path: Path) -> None:
    """As the record of a run says it that has lost a document to a limit of time."""
    old = curate.run(recipe(inputs, "old", QUALITY % 300), out=tmp_path / "runs" / "old", workers=0)
    (done,) = read_done(old.store, "filter")
    steps = {**done.counts["steps"], "quarantined/gopher_quality/timeout": [1, 100]}
    write_done(old.store, replace(done, counts={**done.counts, "steps": steps}))
    said: list[Any] = []
    out = tmp_path / "runs" / "new"
    curate.run(recipe(inputs, "new", QUALITY % 100), out=out, workers=0, fresh=False, show=said.append)
    (told,) = [each.line for each in said if isinstance(each, Said)]
    assert told == "anew (documents that gopher_quality broke on were not kept)"


def test_the_last_step_with_another_file_is_read_again(inputs: Path, tmp_path: Path) -> None:
    (inputs / "list.txt").write_text("b.test\n")  # the recipe says the same of both lists
    step = '{ use = "url", blocklists = ["list.txt"] }'
    curate.run(recipe(inputs, "old", step), out=tmp_path / "runs" / "old", workers=0)
    (inputs / "list.txt").write_text("a.test\n")
    run = curate.run(recipe(inputs, "new", step), out=tmp_path / "runs" / "new", workers=0, fresh=False)
    assert run.manifest["counts"]["web"]["kept"] == 0


def filter_of(use: str, folder: Path, **parameters: Any) -> tuple[Step, Filter]:
    """A built-in step with its parameters filled in."""
    asked = {"use": use, **({"keep": ["en"]} if use == "language" else {}), **parameters}
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in asked.items())
    loaded = resolve(curate.load(recipe(folder, "one", f"{{ {pairs} }}")))
    (step,) = loaded.sources[0].steps
    (bound,) = bind(loaded.sources[0], loaded)
    return step, bound.filter


UNMOVED = {"license", "redpajama_v2", "refinedweb", "where", "rights"}
"""Without a number that is a threshold and nothing else."""
WITH_FILES = {"fasttext", "classifier", "perplexity"}


@pytest.mark.parametrize("use", sorted({*BUILT_IN} - UNMOVED - WITH_FILES))
def test_what_a_step_measures_does_not_depend_on_its_thresholds(use: str, inputs: Path) -> None:
    """Of every parameter that counts as a threshold: otherwise a run could not be decided on again."""
    old, was = filter_of(use, inputs)
    texts = pl.Series("text", [*TEXTS[:12], FRENCH, BRACES])
    batch = pl.DataFrame({"id": [f"web/{n}" for n in range(len(texts))], "url": ["http://a.test/sex"] * len(texts)})
    batch = batch.with_columns(texts, source=pl.lit("web"), byte_count=texts.str.len_bytes().cast(pl.Int64))
    batch = batch.hstack(text_signals(texts).drop("byte_count", strict=False))
    batch = batch.with_columns(path=pl.lit("a.py"), license=pl.lit("MIT"), language=pl.lit("Python"))
    moved = 0
    for name, value in old.parameters.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        new, now = filter_of(use, inputs, **{name: type(value)(value * 0.5 if value > 1 else value * 0.9)})
        if new.parameters[name] == value or not are_thresholds(old, new, was, now):
            continue
        moved += 1
        if was.measure is not None and now.measure is not None:
            assert was.measure(batch).equals(now.measure(batch)), name
    assert moved
