"""curate.filters.fineweb2: thresholds and stop words of each document's own language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curate.errors import UsageError
from curate.filters.fineweb2 import SHIPPED, fineweb2, read_table
from curate.text.signals import text_signals
from curate.text.words import words_of

GERMAN = (
    "Wenn der Abend kommt und die Sonne hinter den Bergen steht, wird es still in dem kleinen Dorf am See. "
    "Die Fischer haben ihre Boote an das Ufer gezogen, und nur von fern ist noch das Lachen der Kinder zu hören. "
    "Im Gasthaus sitzt ein alter Mann, der als Junge über das Meer gefahren war und viel erzählen kann.\n"
    "Niemand weiß genau, wie lange er fort war, aber für seine Geschichten geben ihm alle gern einen Platz am Feuer.\n"
)
FRENCH = (
    "Quand le soir tombe et que le soleil descend derrière les montagnes, le calme revient dans le petit village. "
    "Les pêcheurs ont tiré leurs barques sur la rive, et on entend au loin le rire des enfants qui jouent encore. "
    "À l'auberge est assis un vieil homme, qui avait traversé la mer dans sa jeunesse et sait beaucoup raconter. "
    "Personne ne sait combien de temps il est resté au loin, mais chacun aime écouter ses histoires du passé.\n"
)


def judged(documents: dict[str, str], **parameters: Any) -> list[list[str]]:
    """The rules that each (language, text) fails."""
    step = fineweb2(**parameters)
    assert step.measure is not None
    batch = pl.DataFrame({"language": list(documents), "text": list(documents.values())})
    batch = step.measure(batch.hstack(text_signals(batch["text"])))
    fails = batch.select((~rule.keep.fill_null(True)).alias(rule.name) for rule in step.rules)
    return [[name for name, failed in row.items() if failed] for row in fails.iter_rows(named=True)]


def test_prose_stays_in_its_own_language() -> None:
    assert judged({"de": GERMAN, "fr": FRENCH}) == [[], []]


def test_a_text_under_a_wrong_label_has_no_stop_words() -> None:
    assert "min_stop_words" in judged({"fr": GERMAN})[0]
    assert "min_stop_words" in judged({"ru": FRENCH})[0]


def test_thresholds_are_those_of_the_language() -> None:
    # German has no rule on end marks (0.0), Spanish wants three lines of ten to have one
    unmarked = GERMAN.replace(".\n", "\n") * 1 + "".join(f"ohne Zeichen am Ende der Zeile {at}\n" for at in range(10))
    assert "min_terminal_punctuation_line_ratio" not in judged({"de": unmarked})[0]
    assert "min_terminal_punctuation_line_ratio" in judged({"es": unmarked})[0]


def test_other_languages_go_unless_they_are_kept() -> None:
    assert judged({"th": FRENCH})[0][0] == "language"
    assert judged({"th": FRENCH}, keep_other_languages=True)[0] == ["min_stop_words"]


def test_scores_count_only_where_asked() -> None:
    step = fineweb2(use_language_score=True)
    rule = next(rule for rule in step.rules if rule.name == "min_language_score")
    batch = pl.DataFrame({"language": ["de", "de", "th"], "language_score": [0.9, 0.8, 0.1]})
    assert batch.select(rule.keep).to_series().to_list() == [True, False, None]


def test_stop_words_are_counted_as_a_set_of_words_does() -> None:
    table = read_table(str(SHIPPED), "")
    step = fineweb2()
    assert step.measure is not None
    for language, text in (("de", GERMAN), ("fr", FRENCH), ("fr", GERMAN), ("it", "L' albero e l'acqua è di tutti.")):
        counted = step.measure(pl.DataFrame({"language": [language], "text": [text]}))[
            "language_stop_word_count"
        ].item()
        assert counted == len(set(table[language].stop_words) & set(words_of(text))), (language, text)


def test_the_shipped_table_has_the_published_values() -> None:
    french = read_table(str(SHIPPED), "")["fr"]
    assert french.min_language_score == 0.824
    assert french.max_top_ngram_ratios == (0.161, 0.149, 0.134)
    assert french.max_duplicate_ngram_ratios == (0.15, 0.141, 0.131, 0.121, 0.111, 0.1)
    assert (french.min_mean_word_length, french.max_mean_word_length) == (2, 11)
    assert len(french.stop_words) == 18
    assert len(read_table(str(SHIPPED), "")) == 27


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[fr]\nmin_language_score = 1\n", r'\[fr\]: the key "max_duplicate_line_ratio" is missing'),
        ("fr = 1\n", "expected tables by language"),
        ("[fr", "not TOML"),
    ],
)
def test_a_wrong_table_is_named_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        fineweb2(table=str(path))


def test_an_own_table_replaces_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    start = text.index("[fr]")
    path.write_text(text[start : text.index("[es]")].replace("[fr]", "[en]"), encoding="utf-8")
    assert judged({"en": FRENCH, "fr": FRENCH}, table=str(path)) == [[], ["language", "min_stop_words"]]


def test_without_a_column_language_it_says_what_is_needed() -> None:
    step = fineweb2()
    assert step.measure is not None
    with pytest.raises(UsageError, match="language"):
        step.measure(pl.DataFrame({"text": ["a"]}))
