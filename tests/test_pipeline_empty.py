"""A text of which nothing is left is no document, wherever it lost the last of it: it is dropped by its step's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate import Run
from curate.pipeline.run import run
from curate.report.verify import differences

MENU = "Home About Search Contact Imprint Help"
WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = """\
name = "toy"
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
{steps}
[tokenize]
tokenizer = "bytes"
validation = 0
{more}
"""
OWN = """\
import curate

@curate.transform
def without_menus(document: curate.Document) -> str:
    return document.text.replace("Home About Search Contact Imprint Help", "")
"""


def run_texts(folder: Path, texts: list[str], *, steps: str = "", more: str = "") -> Run:
    lines = [json.dumps({"text": text}) + "\n" for text in texts]
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    (folder / "toy.toml").write_text(RECIPE.format(steps=steps, more=more), encoding="utf-8")
    return run(folder / "toy.toml", out=folder / "run", workers=0)


def outcomes(done: Run) -> list[tuple[str, str | None, str | None]]:
    return list(done.ledger().select("outcome", "step", "reason").collect().iter_rows())


KEPT = ("kept", None, None)


@pytest.mark.parametrize("text", ["", " \n\t ", "\u00a0\u2003\u3000", "\u200b\ufeff\u2060", "\x00\x01"])
def test_white_space_and_signs_of_no_width_are_no_text(tmp_path: Path, text: str) -> None:
    assert outcomes(run_texts(tmp_path, [text, "A text."])) == [("dropped", "extract", "empty_text"), KEPT]


def test_a_text_that_a_users_transform_emptied_is_dropped_by_its_step(tmp_path: Path) -> None:
    done = run_texts(tmp_path, [MENU, f"{MENU} and more"], steps='steps = ["own:without_menus"]')
    assert outcomes(done) == [("dropped", "own:without_menus", "emptied"), KEPT]
    assert not list(differences(done))


def test_a_text_that_was_cut_away_is_dropped_even_where_no_word_must_be_left(tmp_path: Path) -> None:
    pages = [f"{MENU}\n{' '.join(WORDS[:80])}", MENU]
    done = run_texts(tmp_path, pages, more='[dedup]\nmethod = ["lines"]\nmin_words_left = 0')
    assert outcomes(done) == [KEPT, ("dropped", "dedup", "too_short_after_cuts")]
    documents = done.documents().collect()
    assert documents["token_count"].min() > 1


def test_a_text_that_decontamination_left_empty_is_dropped(tmp_path: Path) -> None:
    item = " ".join(WORDS[100:130])
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": item}) + "\n", encoding="utf-8")
    more = '[decontaminate]\nagainst = ["quiz.jsonl"]\nngrams = { window = 200, min_piece = 0 }'
    done = run_texts(tmp_path, [item, " ".join(WORDS[:90])], more=more)
    assert outcomes(done) == [("dropped", "decontaminate", "contaminated"), KEPT]
