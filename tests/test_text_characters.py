"""curate.text.characters: the class of every code point, against Python's own tables and those of `regex`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text import characters
from curate.text.buffers import text_buffer
from curate.text.characters import (
    ALONE,
    ALPHABETIC,
    CODE_POINTS,
    DIGIT,
    END_OF_LETTERS,
    FIRST_SCRIPT_WITH_VOWEL_MARKS,
    ICON,
    IDEOGRAPH,
    LETTER,
    LINE_BREAK,
    LOWER,
    PUNCTUATION,
    SPACE,
    TERMINAL,
    UPPER,
    UPPERCASE,
    character_classes,
    code_points,
)
from curate.text.compiled import pointer

ALL = [chr(code) for code in range(CODE_POINTS)]
SOURCE = Path(characters.__file__).read_text(encoding="utf-8")
BITS = {name: 1 << int(at) for name, at in re.findall(r"^([A-Z_]+) = 1 << (\d+)", SOURCE, re.MULTILINE)}
LEFT_OUT = ("OLD CHINESE ITERATION MARK", "KATAKANA LETTER MINNAN")
KHMER = "\u17d6\u17d9\u17da"


@numba.njit
def decode(data, table, codes, classes):
    return characters.decode(pointer(data), 0, len(data), pointer(table), pointer(codes), pointer(classes))


@numba.njit
def encode(codes, data):
    return characters.encode(pointer(codes), 0, len(codes), pointer(data), 0)


def members(bit: int) -> set[str]:
    return {ALL[code] for code in np.flatnonzero(character_classes() & np.uint32(bit)).tolist()}


def breaks_a_line(character: str) -> bool:
    return len(f"a{character}b".splitlines()) == 2


def is_letter(character: str) -> bool:
    is_vowel_mark = unicodedata.category(character)[0] == "M" and ord(character) >= FIRST_SCRIPT_WITH_VOWEL_MARKS
    return character.isalpha() or (is_vowel_mark and ord(character) < 0x20000)


@pytest.mark.parametrize(
    ("bit", "belongs"),
    [
        (SPACE, str.isspace),
        (LINE_BREAK, breaks_a_line),
        (ALPHABETIC, str.isalpha),
        (DIGIT, str.isdecimal),
        (UPPERCASE, str.isupper),
        (PUNCTUATION, lambda character: unicodedata.category(character)[0] == "P"),
        (ICON, lambda character: unicodedata.category(character) == "So"),
        (LETTER, is_letter),
        (LOWER, lambda character: is_letter(character) and not character.isupper()),
        (UPPER, lambda character: is_letter(character) and not character.islower()),
    ],
)
def test_every_code_point_is_of_the_classes_that_python_says(bit: int, belongs: Callable[[str], bool]) -> None:
    found = members(bit)
    assert found == set(filter(belongs, ALL))
    assert max(map(ord, found)) < END_OF_LETTERS, "the planes behind are not even looked at"


@cache
def known(pattern: str) -> set[str]:
    """What `regex`, whose tables may be newer, has in a class, of the characters that this Python knows."""
    found = regex.findall(pattern, "".join(ALL))
    return {character for character in found if unicodedata.category(character) != "Cn"}


def test_marks_that_end_sentences_are_unicodes_and_three_of_khmer() -> None:
    ours, unicodes = members(TERMINAL) & known(r"\p{Any}"), known(r"\p{Sentence_Terminal}")
    assert ours - unicodes == set(KHMER)
    # Datatrove's list, by which FineWeb's rules were run, is older than these.
    assert unicodes - ours <= set("\u2024\u2cf9\u2cfa\u2cfb\ufe12\ufe15\ufe16")


def test_ideographs_are_the_letters_of_han_and_kana() -> None:
    letters = known(r"[\p{Han}\p{Hiragana}\p{Katakana}]") & known(r"\p{L}")
    ours = members(IDEOGRAPH) & known(r"\p{Any}")
    assert all(unicodedata.name(letter).startswith(LEFT_OUT) for letter in letters - ours)
    # Numerals, and marks for both kana, which Unicode therefore gives to neither.
    numerals_and_marks = {*map(chr, (*range(0x3021, 0x302A), *range(0x3031, 0x3036))), *"〆〇ーｰ"}
    assert ours - letters == numerals_and_marks


def test_a_run_of_katakana_is_one_word_and_every_other_ideograph_is_one_alone() -> None:
    katakana = known(r"\p{Katakana}") & members(IDEOGRAPH)
    assert members(ALONE) & known(r"\p{Any}") == (members(IDEOGRAPH) & known(r"\p{Any}")) - katakana - set("ーｰ")


def test_no_two_classes_share_a_bit_and_those_that_are_added_lie_eight_apart() -> None:
    assert len(set(BITS.values())) == len(BITS) == 28
    added = sorted(bit.bit_length() for bit in (SPACE, UPPERCASE, DIGIT, PUNCTUATION))
    assert all(second - first >= 8 for first, second in pairwise(added))


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80))
def test_utf_8_is_decoded_to_its_code_points_and_written_as_it_was(text: str) -> None:
    data = np.frombuffer(text.encode() or b"\0", dtype=np.uint8)[: len(text.encode())]
    codes, classes = np.zeros(len(data) + 1, dtype=np.int32), np.zeros(len(data) + 1, dtype=np.uint32)
    count = decode(np.ascontiguousarray(data), character_classes(), codes, classes)
    assert codes[:count].tolist() == [ord(character) for character in text]
    assert classes[:count].tolist() == [int(character_classes()[ord(character)]) for character in text]
    written = np.zeros(len(data) + 1, dtype=np.uint8)
    assert encode(codes[:count].copy(), written) == len(data)
    assert written[: len(data)].tobytes() == text.encode()


@pytest.mark.parametrize("code", [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF])
def test_the_first_and_last_code_points_of_each_length_are_decoded(code: int) -> None:
    codes, classes = np.zeros(9, dtype=np.int32), np.zeros(9, dtype=np.uint32)
    data = np.frombuffer(f"{chr(code)}a".encode(), dtype=np.uint8)
    assert decode(data, character_classes(), codes, classes) == 2
    assert codes[:2].tolist() == [code, ord("a")]


def test_ranges_are_read_with_both_ends() -> None:
    assert list(code_points("21 2E 61D-61F\nFF61")) == [0x21, 0x2E, 0x61D, 0x61E, 0x61F, 0xFF61]
    assert not list(code_points(" \n"))


@numba.njit
def count_ellipses(codes, classes):
    return characters.count_characters(pointer(codes), pointer(classes), len(codes)).ellipses


@settings(deadline=None)
@given(st.text("\N{HORIZONTAL ELLIPSIS}.a ", max_size=200))
def test_ellipses_are_counted_as_a_search_from_the_left_finds_them(text: str) -> None:
    codes = np.array([ord(character) for character in text], dtype=np.int32)
    assert count_ellipses(codes, character_classes()[codes]) == text.count("...") + text.count(
        "\N{HORIZONTAL ELLIPSIS}"
    )


def test_a_text_alone_has_the_buffers_of_its_bytes() -> None:
    buffers = text_buffer("aé中🎉")
    assert buffers.data.tobytes() == "aé中🎉".encode()
    assert buffers.offsets.tolist() == [0, 10]
