"""What stands before a block in a text: numbers, letters and bullets of items, as bytes."""

from __future__ import annotations

import numpy as np

from curate.extract.scan.columns import BULLET, LOWER_LETTER, LOWER_ROMAN, UPPER_LETTER, UPPER_ROMAN
from curate.text.compiled import inner, part

BLANK, MINUS, PERIOD, ZERO, LOWER_A, LOWER_TO_UPPER = 0x20, 0x2D, 0x2E, 0x30, 0x61, 0x20
ROMAN_VALUES = np.array([1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1], dtype=np.int64)
ROMAN_LETTERS = np.array([list(pair) for pair in (b"m ", b"cm", b"d ", b"cd", b"c ", b"xc", b"l ", b"xl", b"x ", b"ix",
                                                  b"v ", b"iv", b"i ")], dtype=np.int64)  # fmt: skip
LAST_ROMAN = 3999
LONGEST_MARK = 24
"""Bytes that a mark takes at most: a Roman number below 4000 has 15 letters."""


@part
def write_mark(text, out, kind, number, is_plain):
    """Write the mark of an item and a space; `is_plain` wants digits for letters and Roman numbers, too."""
    if kind == BULLET or kind == 0:
        text[out] = MINUS
        text[out + 1] = BLANK
        return out + 2
    if not is_plain and number > 0 and (kind == LOWER_LETTER or kind == UPPER_LETTER):
        out = _write_letters(text, out, number, LOWER_TO_UPPER if kind == UPPER_LETTER else 0)
    elif not is_plain and 0 < number <= LAST_ROMAN and (kind == LOWER_ROMAN or kind == UPPER_ROMAN):
        out = _write_roman(text, out, number, LOWER_TO_UPPER if kind == UPPER_ROMAN else 0)
    else:
        out = _write_digits(text, out, number)
    text[out] = PERIOD
    text[out + 1] = BLANK
    return out + 2


@inner
def _write_digits(text, out, number):
    if number < 0:
        text[out] = MINUS
        out += 1
        number = -number
    power = 1
    while power * 10 <= number:
        power *= 10
    while power:
        text[out] = ZERO + number // power % 10
        out += 1
        power //= 10
    return out


@inner
def _write_letters(text, out, number, shift):
    """a to z, then aa: digits to the base of 26 without a zero; the last one is found first."""
    size, rest = 0, number
    while rest:
        rest = (rest - 1) // 26
        size += 1
    for place in range(size):
        number -= 1
        text[out + size - 1 - place] = LOWER_A + number % 26 - shift
        number //= 26
    return out + size


@inner
def _write_roman(text, out, number, shift):
    for place in range(len(ROMAN_VALUES)):
        while number >= ROMAN_VALUES[place]:
            number -= ROMAN_VALUES[place]
            for letter in ROMAN_LETTERS[place]:
                if letter != BLANK:
                    text[out] = letter - shift
                    out += 1
    return out
