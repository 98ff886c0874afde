"""curate.filters.c4: the text that is left and what is dropped, against the rules said in plain Python."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.batch import HAS_TEXT
from curate.engine.clock import Clock
from curate.errors import UsageError
from curate.filters.c4 import c4
from curate.steps.bind import BoundStep
from curate.steps.decide import decide

PROSE = (
    "It is a truth universally acknowledged, that a single man must be in want of a wife.[1]\n"
    "However little known his feelings may be, this truth is well fixed. It is so in many families![edit]\n"
    "“My dear Mr. Bennet,” said his lady to him one day. And what did he say?\n"
)
PIECES = ["a tale of two cities", "It is so.", "What?", "[1]", "[12", "[]", "[edit]", "[citation needed]", "...", "…"]
PIECES += ["JavaScript", "lorem ipsum", "{", "cookie policy", "uses cookies", "x" * 12, '"', "'", ".", " ", "  ", "\n"]
PIECES += ["\r\n", "\u2028", "\t", "\x00", "e\u0301", "漢字。", "🎉", "ü", "K"]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=40).map("".join)


def outcome(text: str, **parameters: Any) -> tuple[str, str | None]:
    """The text after the step, and why it was dropped."""
    batch = pl.DataFrame({"id": ["a"], "text": [text]}, schema={"id": pl.String, "text": pl.String})
    batch = batch.with_columns(pl.lit(None, pl.String).alias(name) for name in ("outcome", "step", "reason", "value"))
    batch = batch.with_columns(byte_count=pl.col("text").str.len_bytes().cast(pl.Int64))
    decided = decide(batch, (BoundStep("c4", c4(**parameters)),), Clock()).row(0, named=True)
    return decided["text"], decided["reason"]


def defined(text: str, *, longest: int, end_marks: tuple[str, ...] | None, words: int) -> tuple[str, bool, bool]:
    """The kept lines; whether one has "lorem ipsum", and whether one has a curly bracket."""
    kept, lorem, bracket = [], False, False
    for line in map(str.strip, text.splitlines()):
        if any(len(word) > longest for word in line.split()):
            continue
        line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)
        if end_marks is not None and (not line.endswith(end_marks) or line.endswith("...")):
            continue
        if len(line.split()) < words:
            continue
        lowered = re.sub("[A-Z]+", lambda found: found.group().lower(), line)
        lorem = lorem or "lorem ipsum" in lowered
        if "javascript" in lowered:
            continue
        bracket = bracket or "{" in line
        if re.search("terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies", lowered):
            continue
        kept.append(line)
    return "\n".join(kept).strip(), lorem, bracket


def test_prose_stays_and_loses_its_citations() -> None:
    assert outcome(PROSE) == (PROSE.replace("[1]", "").replace("[edit]", "").strip(), None)


def test_lines_about_the_site_are_cut() -> None:
    site = "This site uses cookies to make it better.\nPlease switch JavaScript on in your browser.\n"
    site += "Home\nOur story is to be continued...\n"
    assert outcome(site + PROSE + site)[0] == outcome(PROSE)[0]


def test_pages_of_filler_code_and_few_sentences_go() -> None:
    assert outcome(PROSE + "Lorem Ipsum dolor sit amet again.")[1] == "drop_lorem_ipsum"
    assert outcome(PROSE + "function f() { return 1 and more.")[1] == "drop_curly_brackets"
    assert outcome("It is a truth universally acknowledged.")[1] == "min_sentences"
    assert outcome("")[1] == "min_sentences"
    assert outcome("Home\nAbout us\n" * 50)[1] == "min_sentences"
    assert outcome(PROSE + "function f() { return 1 and more.", drop_curly_brackets=False)[1] is None


def test_the_first_papers_numbers_are_a_matter_of_parameters() -> None:
    short = "Who said so?\nHe said it.\n" * 2
    assert outcome(short)[1] == "min_sentences"
    assert outcome(short, min_words_per_line=3, min_sentences=4) == (short.strip(), None)
    assert outcome(short, min_words_per_line=3, min_sentences=5)[1] == "min_sentences"
    assert outcome("a line without its mark\n" * 3, terminal_punctuation=False)[1] is None
    assert outcome("five words are in here'\n" * 3, end_marks=("'",))[1] is None


def test_an_end_mark_is_one_character() -> None:
    with pytest.raises(UsageError, match="one character"):
        c4(end_marks=("...",))


@settings(deadline=None, max_examples=300)
@given(texts, st.booleans())
def test_any_text_keeps_the_lines_that_the_rules_keep(text: str, needs_end_mark: bool) -> None:
    marks = (".", "?", "!", '"') if needs_end_mark else None
    kept, lorem, bracket = defined(text, longest=30, end_marks=marks, words=3)
    parameters = {"max_word_length": 30, "min_words_per_line": 3, "min_sentences": 0}
    left, reason = outcome(text, terminal_punctuation=needs_end_mark, **parameters)
    assert left == kept
    empty = None if re.search(HAS_TEXT, kept) else "emptied"
    assert reason == ("drop_lorem_ipsum" if lorem else "drop_curly_brackets" if bracket else empty)
