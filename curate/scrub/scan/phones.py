"""Numbers in groups as telephones have them: "+1 (602) 272-9781", "01.84.17.61.18".

first digit, `+` or `(` ─▶ groups, one sign or two between them ─▶ as many digits as telephones have? ─▶ row
"""

from __future__ import annotations

from curate.scrub.scan.shapes import (
    CLASSES,
    CLOSE,
    COLON,
    COMMA,
    DASH,
    DIGIT,
    DOT,
    OPEN,
    PHONE,
    PLUS,
    SLASH,
    SPACE,
    WORD,
    ZERO,
    is_of,
    put,
)
from curate.text.compiled import inner, part

MIN_PHONE, MAX_PHONE, MAX_ZEROS = 7, 15, 2
"""Digits of a telephone number (E.164), and those of an international call before it."""
WHOLE = 10
"""Digits of a number of North America: behind so many another one may begin."""


@part
def phone(data, low, high, first, rows, count):
    """A number in groups that begins at `first`: where it ends, and with a row if telephones have as many digits.

    Between groups stand one sign, or two with a parenthesis among them.
    """
    at, digits, end, fewer, earlier = first, 0, first, 0, first
    if not CLASSES[data[at]] & DIGIT and is_of(data, low, high, at - 1, WORD):
        return first + 1, count  # a call or a sum: its digits are looked at by themselves
    if data[at] == PLUS:
        at += 1
    while at < high:
        if CLASSES[data[at]] & DIGIT:
            digits += 1
            at += 1
            end = at
            continue
        skip = _separator(data, high, at)
        # Before the first digit a parenthesis and a space: "(/0", "((0" are a sign and a number by itself.
        is_opening = data[at] == OPEN and (skip == 1 or (skip == 2 and data[at + 1] == SPACE))
        if skip == 0 or (digits == 0 and not is_opening) or (digits >= WHOLE and _is_another(data, at, skip, end)):
            break
        fewer, earlier = digits, end
        at += skip
    if is_of(data, low, high, end, WORD) and not _is_apart(data, high, end):
        digits, end = fewer, earlier  # "555-0187 8am"
    before = data[first - 1] if first > low else 0
    is_inside = is_of(data, low, high, first - 2, DIGIT) and (before == DOT or before == COMMA or before == COLON)
    is_inside |= before == DASH and is_of(data, low, high, first - 2, WORD)
    most = MAX_PHONE + MAX_ZEROS if data[first] == ZERO else MAX_PHONE
    if digits < MIN_PHONE or digits > most or is_inside:
        return max(end, first + 1), count
    return end, put(rows, count, PHONE, digits, first, end)


@inner
def _is_another(data, at, skip, end):
    """Whether a number is over where a group begins: with a parenthesis, or by a space behind "-9781"."""
    for place in range(at, at + skip):
        if data[place] == OPEN:
            return True
    sign = data[end - 5]
    return skip == 1 and data[at] == SPACE and (sign == DASH or sign == DOT)


@inner
def _is_apart(data, high, at):
    """Whether what is glued to a number is an extension, or the next word, with a capital: `75 06Fax`."""
    is_capital = ord("A") <= data[at] <= ord("Z") and at + 1 < high and ord("a") <= data[at + 1] <= ord("z")
    return is_capital or data[at] == ord("x") or data[at] == ord("e")


@inner
def _separator(data, high, at):
    """How many bytes stand between this group and the next; 0 if it is none."""
    size = 0
    while size < 3 and at + size < high and not CLASSES[data[at + size]] & DIGIT:
        sign = data[at + size]
        is_one = sign == SPACE or sign == DASH or sign == DOT or sign == SLASH or sign == OPEN or sign == CLOSE
        if sign == 0xC2 and at + size + 1 < high and data[at + size + 1] == 0xA0:
            return 2 if is_of(data, at, high, at + size + 2, DIGIT) and size == 0 else 0  # a space that does not break
        if sign == 0xE2 and at + 3 < high and data[at + 1] == 0x80 and 0x90 <= data[at + 2] <= 0x93:
            return 3 if is_of(data, at, high, at + 3, DIGIT) and size == 0 else 0  # hyphens and dashes
        if not is_one:
            return 0
        size += 1
    if at + size >= high or size == 0 or not CLASSES[data[at + size]] & DIGIT:
        return 0
    if size == 1:
        return 1
    has_parenthesis = False
    for place in range(at, at + size):
        has_parenthesis |= data[place] == OPEN or data[place] == CLOSE
    return size if has_parenthesis else 0
