"""What is measured of a block's text, in any script: its amount, digits, capitals, marks, how it begins and ends.

    UTF-8 ─▶ code points ─▶ units, ‰ of digits, capitals and marks, ends of sentences, first and last sign, a hash

A *unit* is about a Latin letter's worth: a Han character counts 3, kana and Hangul syllables 2, white space nothing. So
a text and its translation are about as long, and no feature knows a word of any language.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import inner

UNITS, DIGITS, CAPITALS, MARKS, STOPS, IS_ENDED, BEGINS = range(7)
"""Of the seven numbers that `measure_text` writes; the second to the fourth in per mille of all signs."""
LETTER_BEGINS, CAPITAL_BEGINS, DIGIT_BEGINS, MARK_BEGINS = 2, 1, 3, 4
OFFSET_BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
ONE_HASH = np.uint64(1)
LETTER, CAPITAL, DIGIT, MARK, STOP, SPACE = range(6)


@inner
def measure_text(text, begin, end, measures, row):
    """Write seven numbers from `measures[row]` on; returns a hash of all but white space, never 0."""
    units = signs = digits = capitals = marks = stops = 0
    first, last = -1, SPACE
    value = OFFSET_BASIS
    at = begin
    while at < end:
        size, kind, worth = _sign_at(text, at, end)
        if kind != SPACE:
            first = kind if first < 0 else first
            last = kind
            signs += 1
            units += worth
            digits += kind == DIGIT
            capitals += kind == CAPITAL
            marks += kind >= MARK
            stops += kind == STOP
            for byte in range(at, at + size):
                value = (value ^ np.uint64(text[byte])) * PRIME
        at += size
    signs = max(signs, 1)
    measures[row + UNITS], measures[row + STOPS] = units, stops
    measures[row + DIGITS], measures[row + CAPITALS] = 1000 * digits // signs, 1000 * capitals // signs
    measures[row + MARKS], measures[row + IS_ENDED] = 1000 * marks // signs, last == STOP
    measures[row + BEGINS] = _begins(first)
    return max(value, ONE_HASH)


@inner
def _begins(kind):
    if kind == CAPITAL:
        return CAPITAL_BEGINS
    if kind == DIGIT:
        return DIGIT_BEGINS
    return MARK_BEGINS if kind >= MARK else LETTER_BEGINS


@inner
def _sign_at(text, at, end):
    """Bytes, kind and worth in units of the sign at `at`; a sequence that the end cuts is as long as what is there."""
    byte = np.int64(text[at])
    if byte < 0x80:
        return 1, _ascii_kind(byte), 1
    if byte < 0xE0:
        size = min(2, end - at)
        return size, _two_byte_kind((byte & 0x1F) << 6 | np.int64(text[at + size - 1]) & 0x3F), 1
    if byte < 0xF0:
        size = min(3, end - at)
        if size < 3:
            return size, MARK, 1
        code = (byte & 0xF) << 12 | (np.int64(text[at + 1]) & 0x3F) << 6 | np.int64(text[at + 2]) & 0x3F
        return size, _three_byte_kind(code), _three_byte_worth(code)
    return min(4, end - at), MARK, 1  # emoji and icons; letters there are few


@inner
def _ascii_kind(byte):
    if 0x61 <= byte <= 0x7A:
        return LETTER
    if byte <= 0x20:
        return SPACE
    if 0x30 <= byte <= 0x39:
        return DIGIT
    if 0x41 <= byte <= 0x5A:
        return CAPITAL
    is_stop = byte == 0x2E or byte == 0x21 or byte == 0x3F or byte == 0x3A or byte == 0x3B  # . ! ? : ;
    return STOP if is_stop else MARK


@inner
def _two_byte_kind(code):
    if code < 0xC0:
        return SPACE if code == 0xA0 else MARK
    if code <= 0xDE or 0x391 <= code <= 0x3A9 or 0x400 <= code <= 0x42F:  # Latin-1, Greek, Cyrillic
        return CAPITAL
    return STOP if code == 0x61F or code == 0x6D4 else LETTER  # of Arabic and Urdu


@inner
def _three_byte_kind(code):
    if code < 0x2000:
        return STOP if code == 0x964 else LETTER  # danda
    if code < 0x2C00:
        return MARK
    if code < 0x3040 and code >= 0x3000:
        return SPACE if code == 0x3000 else STOP if code == 0x3002 else MARK
    if 0xFF01 <= code <= 0xFF20:
        is_digit, is_stop = 0xFF10 <= code <= 0xFF19, code == 0xFF01 or code == 0xFF1F or code == 0xFF0E
        return DIGIT if is_digit else STOP if is_stop else MARK
    return MARK if 0xE000 <= code < 0xF900 else LETTER  # private signs of icon fonts


@inner
def _three_byte_worth(code):
    if 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00:
        return 3
    return 2 if 0x3040 <= code < 0x3100 or 0xAC00 <= code < 0xD7B0 else 1
