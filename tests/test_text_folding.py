"""curate.text.folding and buffers: what a character is to a word, and the way of a column to the kernels and back."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.text.buffers import text_buffers, texts_of
from curate.text.folding import ALONE, BEYOND, IGNORED, SEPARATOR, Normalize, code_table

BASIC = st.characters(max_codepoint=BEYOND - 1, exclude_categories=["Cs"])
TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=6)


def code(character: str, normalize: Normalize) -> int:
    return int(code_table(normalize)[ord(character)])


@settings(deadline=None)
@given(BASIC)
def test_a_letter_is_the_same_word_in_both_cases(character: str) -> None:
    other = character.upper()
    is_pair = len(other) == 1 and other.lower() == character and ord(other) < BEYOND
    if is_pair and "Cn" not in map(unicodedata.ucd_3_2_0.category, (character, other)):
        assert code(other, "words") == code(character, "words")


def test_ccnet_drops_accents_and_calls_every_digit_zero() -> None:
    assert [code(letter, "ccnet") for letter in "éÉ7٣"] == [ord(letter) for letter in "ee00"]
    assert code("\N{COMBINING ACUTE ACCENT}", "ccnet") == IGNORED
    assert [code(letter, "words") for letter in "éÉ7٣"] == [ord(letter) for letter in "éé7٣"]


@settings(deadline=None)
@given(BASIC)
def test_without_normalization_only_white_space_separates(character: str) -> None:
    wanted = int(SEPARATOR) if character.isspace() or character == "\0" else ord(character)
    assert code(character, "none") & ~int(ALONE) == wanted


@pytest.mark.parametrize("normalize", ["words", "ccnet", "none"])
def test_a_character_of_a_script_without_spaces_is_a_word(normalize: Normalize) -> None:
    assert [code(letter, normalize) & int(ALONE) > 0 for letter in "字ฟかខ"] == [True] * 4
    assert [code(letter, normalize) & int(ALONE) > 0 for letter in "a한д"] == [False] * 3


def test_marks_and_symbols_separate_words_and_what_is_not_seen_leaves_no_trace() -> None:
    assert {code(mark, "words") for mark in " \n.,;!-–«€©"} == {int(SEPARATOR)}
    assert {code(mark, "words") for mark in ("\N{SOFT HYPHEN}", "\N{ZERO WIDTH JOINER}")} == {int(IGNORED)}


def test_a_normalization_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r'normalize is "word": expected words, ccnet, none.*words'):
        code_table("word")  # type: ignore[arg-type]


@settings(deadline=None)
@given(TEXTS, st.integers(0, 6))
def test_a_column_comes_back_from_its_buffers_whole_chunked_or_sliced(texts: list[str | None], at: int) -> None:
    whole = pl.Series("text", texts, dtype=pl.String)
    chunked = pl.concat([whole[:at], whole[at:]], rechunk=False)
    for column in (whole, chunked, whole[at:]):
        buffers = text_buffers(column)
        assert texts_of(buffers).to_list() == [text or "" for text in column]
        data = bytes(buffers.data[buffers.offsets[0] : buffers.offsets[-1]])
        assert data.decode() == "".join(text or "" for text in column)
        assert buffers.documents == len(column)
