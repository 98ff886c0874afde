"""curate.filters.gopher: the thresholds of table A1, their order, and decisions on signals that stand on them."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from curate.batch import Filter
from curate.filters.gopher import gopher_quality, gopher_repetition
from curate.text.signals import SIGNALS, text_signals

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a "
    "wife. However little known the feelings or views of such a man may be on his first entering a neighbourhood, "
    "this truth is so well fixed in the minds of the surrounding families, that he is considered as the rightful "
    "property of some one or other of their daughters."
)


def failures(rules: Filter, text: str) -> list[str]:
    batch = text_signals(pl.Series([text]))
    return [rule.name for rule in rules.rules if not batch.select(rule.keep).item()]


def test_prose_is_kept() -> None:
    assert failures(gopher_quality(), PROSE) == []
    assert failures(gopher_repetition(), PROSE) == []


def test_every_rule_has_the_published_threshold_in_datatroves_order() -> None:
    quality = {rule.name: rule.threshold for rule in gopher_quality().rules}
    assert list(quality.values()) == [50, 100_000, 3, 10, 0.1, 0.1, 0.9, 0.3, 0.8, 2]
    repetition = {rule.name: rule.threshold for rule in gopher_repetition().rules}
    assert list(repetition.values()) == [0.3, 0.2, 0.3, 0.2, 0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10]


def test_every_rule_decides_on_a_signal_that_is_measured() -> None:
    measured = {signal.name for signal in SIGNALS}
    for rule in gopher_quality().rules + gopher_repetition().rules:
        assert rule.signal in measured
        assert rule.keep.meta.root_names() == [rule.signal]


def test_a_value_on_the_threshold_is_kept_and_the_next_one_is_dropped() -> None:
    for rule in gopher_quality().rules + gopher_repetition().rules:
        beyond = -math.inf if rule.name.startswith("min_") else math.inf
        on, over = float(rule.threshold), math.nextafter(rule.threshold, beyond)
        kept = pl.DataFrame({rule.signal: [on, over]}).select(rule.keep).to_series()
        assert kept.to_list() == [True, False], rule.name


def test_three_equal_lines_of_ten_stand_on_the_threshold_and_four_are_over() -> None:
    lines = [f"line {word}" for word in ["one", "two", "three", "four", "five", "six", "seven"]]
    assert "max_duplicate_line_ratio" not in failures(gopher_repetition(), "\n".join(lines + lines[:3]))
    assert "max_duplicate_line_ratio" in failures(gopher_repetition(), "\n".join(lines[:6] + lines[:4]))


def test_each_fault_is_found_by_its_rule() -> None:
    assert "min_words" in failures(gopher_quality(), "Too short to be of use to anyone.")
    assert failures(gopher_quality(max_words=20), PROSE) == ["max_words"]
    assert "max_mean_word_length" in failures(gopher_quality(), PROSE.replace(" ", ""))
    assert failures(gopher_quality(), PROSE.replace("th", "t#h")) == ["max_hash_symbol_ratio"]
    assert "max_ellipsis_ratio" in failures(gopher_quality(), PROSE.replace("th", "t…h"))
    assert failures(gopher_quality(), f"{PROSE}…") == ["max_ellipsis_line_ratio"]
    assert failures(gopher_quality(), "\n".join(f"- {words}" for words in PROSE.split(","))) == [
        "max_bullet_line_ratio"
    ]
    assert failures(gopher_quality(), PROSE + " 17" * 60) == ["min_alphabetic_word_ratio"]
    assert failures(gopher_quality(), PROSE.upper()) == ["min_stop_words"]


def test_a_repeated_paragraph_and_a_repeated_phrase_are_found() -> None:
    assert "max_duplicate_paragraph_ratio" in failures(gopher_repetition(), f"{PROSE}\n\n{PROSE}")
    assert "max_duplicate_10gram_ratio" in failures(gopher_repetition(), f"{PROSE} Again: {PROSE}")


def test_an_empty_document_is_dropped_for_its_words_and_not_for_repetition() -> None:
    assert failures(gopher_repetition(), "") == []
    assert failures(gopher_quality(), "")[0] == "min_words"


def measured(text: str, **parameters: Any) -> dict[str, float]:
    step = gopher_repetition(**parameters)
    batch = pl.DataFrame({"text": [text]}).hstack(text_signals(pl.Series([text])))
    return (step.measure(batch) if step.measure else batch).row(0, named=True)


def test_four_equal_lines_among_twelve_are_three_repeats_or_four_duplicates() -> None:
    text = "\n".join(["the same line"] * 4 + [f"line number {at}" for at in range(8)])
    assert measured(text)["duplicate_line_ratio"] == 3 / 12
    assert measured(text, count="all")["all_duplicate_line_ratio"] == pytest.approx(4 / 12)


def test_all_occurrences_of_a_phrase_count_where_they_are_to() -> None:
    phrase = " ".join(f"w{at}" for at in range(10))
    text = f"{phrase} " + " ".join(f"x{at:02}" for at in range(60)) + f" {phrase}"
    words = len(text.replace(" ", ""))
    every = measured(text, count="all")
    for size in range(5, 11):
        assert every[f"all_duplicate_{size}gram_ratio"] == pytest.approx(2 * len(phrase.replace(" ", "")) / words)
    assert every["all_top_2gram_ratio"] == pytest.approx(2 * 4 / words)
    assert measured("all words differ here", count="all")["all_top_2gram_ratio"] == 0
    assert measured("", count="all")["all_duplicate_paragraph_ratio"] == 0


def test_the_rules_decide_on_the_signals_of_their_way_to_count() -> None:
    assert {rule.signal.startswith("all_") for rule in gopher_repetition(count="all").rules} == {True}
    names = [[rule.name for rule in step.rules] for step in (gopher_repetition(count="all"), gopher_repetition())]
    assert names[0] == names[1]


def test_stop_words_count_once_or_every_time() -> None:
    batch = text_signals(pl.Series(["the cat, the dog, the bird"]))
    for repeated, expected in ((False, False), (True, True)):
        rule = gopher_quality(repeated_stop_words=repeated).rules[-1]
        assert batch.select(rule.keep).item() is expected
