"""curate.filters.fineweb: decisions of the four rules against their plain definition."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters.fineweb import fineweb
from curate.text.signals import text_signals

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a "
    "wife.\nHowever little known the feelings or views of such a man may be on his first entering a neighbourhood, "
    "this truth is so well fixed in the minds of the surrounding families.\n"
)
MENU = "Home\nAbout us\nContact\nImprint\n"
WORDS = (
    "tea",
    "Mrs Bennet said.",
    "a line of more than thirty characters it is",
    "",
    "  ",
    "ein Satz!",
    "終わり。",
    "…",
)


def failures(text: str) -> list[str]:
    batch = text_signals(pl.Series([text]))
    return [rule.name for rule in fineweb().rules if not batch.select(rule.keep).item()]


def defined(text: str) -> list[str]:
    """The rules on lines, as the paper words them; characters of a line that stood before count as duplicate."""
    lines = [line for line in text.split("\n") if line.strip()]
    seen: set[str] = set()
    repeated = 0
    for line in lines:
        repeated += len(line) if line in seen else 0
        seen.add(line)
    ends = sum(line.endswith((".", "!", "。")) for line in lines) / max(len(lines), 1)
    short = sum(len(line) <= 30 for line in lines) / max(len(lines), 1)
    characters = len(text.replace("\n", ""))
    return [
        name
        for name, fails in (
            ("min_terminal_punctuation_line_ratio", ends < 0.12),
            ("max_short_line_ratio", short > 0.67),
            ("max_duplicate_full_line_character_ratio", repeated / max(characters, 1) > 0.01),
        )
        if fails
    ]


def test_prose_is_kept_and_a_menu_is_not() -> None:
    assert failures(PROSE) == []
    assert failures(MENU) == ["min_terminal_punctuation_line_ratio", "max_short_line_ratio", "max_newline_word_ratio"]
    assert failures("") == ["min_terminal_punctuation_line_ratio"]


def test_a_repeated_line_is_found() -> None:
    assert failures(PROSE * 2) == ["max_duplicate_full_line_character_ratio"]


@settings(deadline=None, max_examples=100)
@given(lines=st.lists(st.sampled_from(WORDS), max_size=12))
def test_the_rules_on_lines_decide_as_their_definition_does(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert [name for name in failures(text) if name != "max_newline_word_ratio"] == defined(text)


def test_the_defaults_are_those_that_fineweb_ran() -> None:
    assert [rule.threshold for rule in fineweb().rules] == [0.12, 0.67, 0.01, 0.3]
