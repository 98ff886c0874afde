"""curate.filters.madlad: sentences counted, and those that look like lists or match a pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curate.errors import UsageError
from curate.filters.madlad import madlad

SENTENCE = "It is a truth universally acknowledged, that a single man must be in want of a wife. "
NAMES = "Darcy Bingley Bennet Collins Wickham Lucas Hurst Gardiner Phillips Forster Denny Long and so on! "


def judged(text: str, **parameters: Any) -> tuple[int, float, list[str]]:
    step = madlad(**parameters)
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": [text]}, schema={"text": pl.String}))
    failed = [rule.name for rule in step.rules if not batch.select(rule.keep).item()]
    return batch["madlad_sentence_count"].item(), batch["madlad_questionable_ratio"].item(), failed


def test_prose_stays_and_a_page_of_few_sentences_goes() -> None:
    assert judged(SENTENCE * 5) == (5, 0.0, [])
    assert judged(SENTENCE * 4) == (4, 0.0, ["min_sentences"])
    assert judged("") == (0, 0.0, ["min_sentences"])
    assert judged("1. 2? 3!\n4... \x00 5. ") == (5, 0.0, [])


def test_lists_of_names_are_questionable_and_a_fifth_of_them_is_allowed() -> None:
    assert judged(SENTENCE * 4 + NAMES) == (5, 0.2, [])
    assert judged(SENTENCE * 7 + NAMES * 2)[2] == ["max_questionable_ratio"]
    eleven = "Aa Bb Cc Dd Ee Ff Gg Hh Ii Jj Kk. "
    assert judged(eleven * 5)[1] == 0
    assert judged(("Ll " + eleven) * 5)[1] == 1


def test_patterns_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "cursed.txt"
    file.write_text("# what nobody reads\n\\bmp3\\b\nEpisode \\d+\n", encoding="utf-8")
    text = SENTENCE * 3 + "Get the mp3 of it here. Then see Episode 12 of it. "
    assert judged(text)[1] == 0
    assert judged(text, patterns=str(file)) == (5, 0.4, ["max_questionable_ratio"])
    assert madlad(patterns=str(file)).files[0].name == "cursed.txt"


def test_a_wrong_pattern_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "cursed.txt"
    file.write_text("fine\n(never closed\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cursed\.txt:2.*never closed"):
        madlad(patterns=str(file))
    with pytest.raises(UsageError, match="list of patterns"):
        madlad(patterns=str(tmp_path / "missing"))


def test_documents_keep_their_order_and_number() -> None:
    texts = [SENTENCE * count for count in (7, 0, 3, 5)]
    step = madlad()
    assert step.measure is not None
    assert step.measure(pl.DataFrame({"text": texts}))["madlad_sentence_count"].to_list() == [7, 0, 3, 5]
