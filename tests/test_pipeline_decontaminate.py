"""Decontamination within whole runs: which documents go, what is left, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.errors import RecipeError
from curate.pipeline.run import run
from curate.report.terminal.why import story_lines
from curate.report.verify import differences
from curate.report.why import stories

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
QUESTION = " ".join(WORDS[200:240])
PROMPT = "Read the text below with care and then choose the one answer that fits it best of all"
FILLER = " ".join(f"filler{number}" for number in range(80))
RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.parquet"]
[decontaminate]
{decontaminate}
[tokenize]
tokenizer = "bytes"
validation = 0
"""


def recipe(folder: Path, decontaminate: str, texts: list[str]) -> Path:
    (folder / "evals").mkdir(parents=True)
    items = [{"id": "q1", "question": f"{PROMPT}: {QUESTION}", "choices": ["yes", "no"], "answer": "yes"}]
    items += [{"id": f"q{n}", "question": f"{PROMPT}: short {n}", "choices": [], "answer": None} for n in (2, 3)]
    (folder / "evals" / "quiz.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "evals" / "lines.txt").write_text("too short\n" + " ".join(WORDS[400:430]) + "\n")
    pl.DataFrame({"text": texts}).write_parquet(folder / "rows.parquet")
    path = folder / "toy.toml"
    path.write_text(RECIPE.format(decontaminate=decontaminate))
    return path


def test_ngrams_of_items_are_cut_and_the_report_names_the_item(tmp_path: Path) -> None:
    texts = [f"{FILLER} {QUESTION} {FILLER}", QUESTION, FILLER, *[f"{PROMPT}. {FILLER} {n}" for n in range(4)]]
    path = recipe(tmp_path, 'against = ["evals"]\nngrams = { max_documents = 3 }', texts)
    done = run(path, out=tmp_path / "run", workers=0)
    documents = done.documents("web").sort("id").collect()
    assert len(documents) == 6
    assert documents["text"][0] == FILLER[: len(FILLER) - 199].strip() + "\n\n" + FILLER[200:].strip()
    assert documents["text"].to_list()[1:] == texts[2:]  # the prompt is in more documents than three
    dropped = done.ledger().filter(pl.col("outcome") == "dropped").select("id", "step", "reason", "value").collect()
    assert dropped.rows() == [("web/rows.parquet@1", "decontaminate", "contaminated", "quiz.jsonl: q1")]
    report = pl.read_parquet(tmp_path / "run" / "dedup" / "contamination.parquet")
    assert report.select("id", "set", "item", "outcome").rows() == [
        ("web/rows.parquet@0", "quiz.jsonl", "q1", "cut"),
        ("web/rows.parquet@1", "quiz.jsonl", "q1", "dropped"),
    ]
    assert QUESTION.startswith(report["excerpt"][0].strip())
    assert done.manifest["contamination"] == {
        "sets": {
            "lines.txt": {"items": 2, "too_short": 1, "found": 0, "documents": 0},
            "quiz.jsonl": {"items": 3, "too_short": 0, "found": 1, "documents": 2},
        },
        "cut": 1,
        "dropped": 1,
    }
    assert {entry["name"] for entry in done.manifest["models"]} == {"lines.txt", "quiz.jsonl"}
    assert "dropped by decontaminate, contaminated: quiz.jsonl: q1" in said(done, 1)
    assert "holds     quiz.jsonl: q1" in said(done, 0)
    assert not list(differences(done))


def said(done: curate.Run, row: int) -> str:
    return "\n".join(story_lines(stories(done, f"web/rows.parquet@{row}")[0]))


def test_documents_that_hold_most_of_an_item_are_dropped(tmp_path: Path) -> None:
    texts = [f"{FILLER} {PROMPT}: {QUESTION} yes it is {FILLER}", f"{FILLER} {PROMPT}: {QUESTION} {FILLER}", FILLER]
    path = recipe(tmp_path, 'against = ["evals/*.jsonl"]\nmethod = "sampled"\ncolumns = ["question"]', texts)
    done = run(path, out=tmp_path / "run", workers=0)
    assert done.documents("web").sort("id").collect()["text"].to_list() == texts[1:]  # without its answer it may stay
    report = pl.read_parquet(tmp_path / "run" / "dedup" / "contamination.parquet")
    assert report.select("id", "item", "outcome").rows() == [("web/rows.parquet@0", "q1", "dropped")]
    assert report["share"][0] == pytest.approx(1.0)


def test_an_evaluation_set_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'against = ["evals/lines.txt"]', [f"{FILLER} {QUESTION}", FILLER])
    assert run(path, out=tmp_path / "one", workers=0).manifest["contamination"]["cut"] == 0
    (tmp_path / "evals" / "lines.txt").write_text(QUESTION + "\n")
    assert run(path, out=tmp_path / "two", workers=0).manifest["contamination"]["cut"] == 1


def test_any_number_of_workers_decontaminates_alike(tmp_path: Path) -> None:
    texts = [f"{FILLER} {number} {QUESTION if number % 9 == 0 else ''} {FILLER}" for number in range(60)]
    path = recipe(tmp_path, 'against = ["evals"]\nngrams = { max_documents = 100 }', texts)
    one = run(path, out=tmp_path / "one", workers=0)
    two = run(path, out=tmp_path / "two", workers=2)
    assert one.manifest == two.manifest
    assert one.manifest["contamination"]["cut"] == 7


@pytest.mark.parametrize(
    ("decontaminate", "words"),
    [
        ('against = ["nowhere.jsonl"]', r'toy.toml:7: \[decontaminate\]: no file matches "nowhere.jsonl"'),
        ('against = ["evals/quiz.jsonl"]\ncolumns = ["questions"]', r'no column "questions"; did you mean "question"'),
        ('against = ["toy.toml"]\nngrams = { ngram = 60 }', r"none of the .* evaluation items has 60 words or more"),
        ('method = "sampled"', r'the key "against" is missing'),
    ],
)
def test_mistakes_in_the_recipe_are_found_before_a_run(tmp_path: Path, decontaminate: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        curate.run(recipe(tmp_path, decontaminate, [FILLER]), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_report_shows_of_each_item_where_the_document_has_it(tmp_path: Path) -> None:
    lines = " ".join(WORDS[400:430])
    path = recipe(tmp_path, 'against = ["evals"]', [f"{FILLER} {QUESTION} {FILLER} {lines} {FILLER}"])
    run(path, out=tmp_path / "run", workers=0)
    report = pl.read_parquet(tmp_path / "run" / "dedup" / "contamination.parquet").sort("set")
    assert [excerpt.split()[0] for excerpt in report["excerpt"]] == [WORDS[400], WORDS[200]]
