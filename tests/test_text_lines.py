"""curate.text.lines: how a text is cut, against `str.splitlines`, `strip` and `split`; and what the rules of Gopher and
FineWeb count, on texts whose lines are known."""

from __future__ import annotations

import re

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text import lines
from curate.text.characters import character_classes
from curate.text.compiled import pointer
from curate.text.signals import text_signals

TEXTS = st.text("ab.\N{BULLET}- \t\n\r\v\x1c\x85\u2028\u3000\N{HORIZONTAL ELLIPSIS}7)", max_size=40)
LINE = "A whole line of a page that says something."


@numba.njit
def line_bounds(codes, classes):
    """Begin and end of each line, one after the other."""
    codes, classes, length = pointer(codes), pointer(classes), len(codes)
    bounds = [0]
    bounds.pop()
    begin = 0
    while begin < length:
        end = lines.line_end(classes, begin, length)
        bounds.append(begin)
        bounds.append(end)
        begin = lines.next_line(codes, end, length)
    return bounds


@numba.njit
def stripped(classes):
    return lines.strip(pointer(classes), 0, len(classes))


@numba.njit
def longest_chunk(classes):
    return lines.longest_chunk(pointer(classes), 0, len(classes))


@numba.njit
def ends_with_ellipsis(codes):
    return lines.ends_with_ellipsis(pointer(codes), 0, len(codes))


def codes_of(text: str) -> npt.NDArray[np.int32]:
    return np.array([ord(character) for character in text], dtype=np.int32)


def classes_of(text: str) -> npt.NDArray[np.uint32]:
    return character_classes()[codes_of(text)]


def measured(text: str) -> dict[str, float]:
    return text_signals(pl.Series([text])).row(0, named=True)


@settings(deadline=None, max_examples=300)
@given(TEXTS.filter(bool))
def test_lines_are_those_of_splitlines(text: str) -> None:
    bounds = line_bounds(codes_of(text), classes_of(text))
    assert [text[begin:end] for begin, end in zip(bounds[::2], bounds[1::2], strict=True)] == text.splitlines()
    assert measured(text)["line_count"] == len(text.splitlines())


@settings(deadline=None)
@given(st.text(max_size=30).filter(bool))
def test_a_range_is_stripped_as_python_strips(text: str) -> None:
    low, high = stripped(classes_of(text))
    assert text[low:high] == text.strip()


@settings(deadline=None)
@given(st.text(max_size=30).filter(bool))
def test_the_longest_chunk_is_that_of_split(text: str) -> None:
    assert longest_chunk(classes_of(text)) == max(map(len, text.split()), default=0)


@settings(deadline=None)
@given(st.text("a.\N{HORIZONTAL ELLIPSIS}", min_size=1, max_size=6))
def test_an_ellipsis_at_the_end_is_three_periods_or_the_sign(text: str) -> None:
    assert ends_with_ellipsis(codes_of(text)) == text.endswith(("...", "\N{HORIZONTAL ELLIPSIS}"))


@pytest.mark.parametrize("bullet", "-–—*+•‣▪▫●○◦■□▶◀·∙⁃►")
def test_every_shape_of_a_bullet_begins_an_item_and_gophers_two_begin_a_bullet_line(bullet: str) -> None:
    text = f"{bullet} one\n  {bullet} two\n{bullet}three\nfour"
    assert measured(text)["list_item_line_ratio"] == pytest.approx(2 / 4)
    assert measured(text)["bullet_line_ratio"] == (3 / 4 if bullet in "•-" else 0)


@pytest.mark.parametrize("number", ["1", "12", "123", "1234", "", "1a"])
@pytest.mark.parametrize("sign", [".", ")", ":", ""])
def test_a_number_of_up_to_three_digits_with_its_sign_begins_an_item(number: str, sign: str) -> None:
    is_item = re.fullmatch(r"[0-9]{1,3}", number) is not None and sign in tuple(".)")
    assert measured(f"{number}{sign} a thing\nother")["list_item_line_ratio"] == (0.5 if is_item else 0)


def test_the_second_and_third_of_three_equal_lines_are_duplicates() -> None:
    found = measured("\n".join([LINE, "Other.", LINE, LINE]))
    assert found["duplicate_line_ratio"] == 2 / 4
    characters = 3 * len(LINE) + len("Other.") + 3
    assert found["duplicate_line_character_ratio"] == 2 * len(LINE) / characters
    assert found["duplicate_full_line_character_ratio"] == 2 * len(LINE) / (characters - 3)


def test_lines_are_compared_as_they_stand() -> None:
    assert measured(f"{LINE}\n{LINE} \n{LINE.lower()}\n {LINE}")["duplicate_line_ratio"] == 0


def test_blank_lines_between_count_for_nothing_to_gophers_lines_and_are_full_to_nobody() -> None:
    spread = measured(f"{LINE}\n\n\nOther.\n\n{LINE}")
    assert spread["duplicate_line_ratio"] == 1 / 3
    assert spread["paragraph_count"] == 3
    assert spread["duplicate_paragraph_ratio"] == 1 / 3
    assert spread["terminal_punctuation_line_ratio"] == 1.0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["one", "two", "two ", "", " "]), max_size=8), st.sampled_from(["\n", "\n\n", "\n\n\n"])
)
def test_paragraphs_are_cut_at_two_newlines_or_more_of_the_stripped_text(parts: list[str], gap: str) -> None:
    text = gap.join(parts)
    paragraphs = re.split("\n{2,}", text.strip()) if text.strip() else []
    again = [part for at, part in enumerate(paragraphs) if part in paragraphs[:at]]
    found = measured(text)
    assert found["paragraph_count"] == len(paragraphs)
    assert found["duplicate_paragraph_ratio"] == (len(again) / len(paragraphs) if paragraphs else 0)
    assert found["duplicate_paragraph_character_ratio"] == (sum(map(len, again)) / len(text) if text else 0)


def test_a_line_of_thirty_characters_is_short_and_one_of_thirty_one_is_not() -> None:
    assert measured("x" * 30 + "\n" + "y" * 31)["short_line_ratio"] == 1 / 2


@pytest.mark.parametrize("mark", [".", "!", "?", "。", "؟", "।"])
def test_a_line_ends_a_sentence_with_the_mark_of_any_script_as_its_last_sign(mark: str) -> None:
    assert measured(f"One{mark}\nTwo{mark} \nThree")["terminal_punctuation_line_ratio"] == 1 / 3
