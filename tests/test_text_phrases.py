"""Phrases that C4's rules look for: found wherever they stand and in any ASCII case, and nothing else is."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.bits import BLOCK
from curate.text.phrases import PHRASES, POLICIES
from curate.text.signals import text_signals

COLUMNS = {"lorem ipsum": "lorem_ipsum_count", "javascript": "javascript_count", "://": "url_count"}
COLUMNS |= dict.fromkeys(POLICIES, "policy_phrase_count")
PIECES = st.sampled_from([*PHRASES, "lorem", "use", "s", " of ", "cookies", "cookie", "java", "policy", ":", "/", " "])


def counts(text: str) -> dict[str, int]:
    names = sorted(set(COLUMNS.values()))
    return text_signals(pl.Series([text])).select(names).row(0, named=True)


def defined(text: str) -> dict[str, int]:
    """Every place where a phrase begins, also one within another."""
    found = dict.fromkeys(sorted(set(COLUMNS.values())), 0)
    for phrase, column in COLUMNS.items():
        found[column] += len(re.findall(f"(?={re.escape(phrase)})", text, re.IGNORECASE | re.ASCII))
    return found


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=12), st.sets(st.integers(0, 150)))
def test_every_occurrence_is_counted_in_any_mixture_and_case(pieces: list[str], capitals: set[int]) -> None:
    text = "".join(pieces)
    text = "".join(letter.upper() if at in capitals else letter for at, letter in enumerate(text))
    assert counts(text) == defined(text)


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_is_found_across_the_border_of_any_block(phrase: str) -> None:
    for before in (*range(BLOCK - len(phrase) - 1, BLOCK + 2), 2 * BLOCK - 1):
        assert counts("é" * before + phrase)[COLUMNS[phrase]] == 1, before
        assert counts("é" * before + phrase[:-1])[COLUMNS[phrase]] == 0, before


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_that_is_cut_off_or_changed_is_none(phrase: str) -> None:
    for at in range(len(phrase)):
        changed = phrase[:at] + "ü" + phrase[at + 1 :]
        assert counts(changed) == defined(changed)
        assert counts(phrase[at + 1 :])[COLUMNS[phrase]] == 0
    assert counts(f"{phrase} {phrase}")[COLUMNS[phrase]] == 2


def test_letters_that_only_unicode_folds_to_ascii_are_others() -> None:
    kelvin, long_s = "\N{KELVIN SIGN}", "\N{LATIN SMALL LETTER LONG S}"
    assert counts(f"uses coo{kelvin}ies, java{long_s}cript")["policy_phrase_count"] == 0
    assert counts(f"java{long_s}cript")["javascript_count"] == 0
