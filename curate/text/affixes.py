"""What is cut off a word's ends and out of its middle: how long the prefix, suffix or infix at a place is, 0 for none.

The rules are those of spaCy 3.8 (MIT) for English; `low` and `high` are the ends of the run in hand, and no rule looks
beyond them.
"""

from __future__ import annotations

from curate.text.characters import (
    AFFIX,
    ARITHMETIC,
    ASCII_DIGIT,
    CLOSING,
    DASH,
    DIGIT,
    ICON,
    LETTER,
    LOWER,
    PREFIX,
    QUOTE,
    RELATION,
    UPPER,
)
from curate.text.compiled import inner
from curate.text.contractions import UNIT, listed

DOT, COMMA, HYPHEN, PLUS, DOLLAR, DEGREE, SMALL_S = (ord(character) for character in ".,-+$°s")
EM_DASH, ELLIPSIS = 0x2014, 0x2026
LOWER_CASE = 0x20
LONGEST_UNIT = 4


@inner
def prefix_length(codes, classes, low, high, special):
    """Marks, symbols and currencies; ".." and longer; "+" that is no sign of a number; "US$"."""
    if classes[low] & (AFFIX | PREFIX):
        return 1
    if codes[low] == DOT:
        run = run_length(codes, low, high)
        return run if run > 1 else 0
    if codes[low] == PLUS:
        return 0 if low + 1 < high and classes[low + 1] & ASCII_DIGIT else 1
    for size in range(2, 4):
        if high - low >= size and codes[low + size - 1] == DOLLAR and listed(codes, low, low + size, special) & UNIT:
            return size
    return 0


@inner
def suffix_length(codes, classes, low, high, special):
    """Marks and symbols; periods; "'s"; "+" after a digit; a unit or currency after a digit."""
    if low >= high:
        return 0
    if classes[high - 1] & AFFIX:
        return 1
    if codes[high - 1] == DOT:
        return _period_length(codes, classes, low, high)
    if high - low < 2:
        return 0
    if codes[high - 1] | LOWER_CASE == SMALL_S and classes[high - 2] & QUOTE:
        return 2 if listed(codes, high - 2, high, special) else 0
    if codes[high - 1] == PLUS:
        return 1 if classes[high - 2] & ASCII_DIGIT else 0
    return _unit_length(codes, classes, low, high, special)


@inner
def infix_length(codes, classes, low, at, high):
    """Icons and ellipses anywhere; a mark between letters or digits."""
    code, kind = codes[at], classes[at]
    if kind & (LETTER | DIGIT):
        return 0
    if kind & ICON or code == ELLIPSIS:
        return 1
    if code == DOT and at + 1 < high and codes[at + 1] == DOT:
        return run_length(codes, at, high)
    if at == low or at + 1 >= high:
        return 0
    before, after = classes[at - 1], classes[at + 1]
    if code == DOT:
        return 1 if before & (LOWER | QUOTE) and after & (UPPER | QUOTE) else 0
    if code == COMMA:
        return 1 if before & LETTER and after & LETTER else 0
    if kind & ARITHMETIC and before & ASCII_DIGIT and (after & ASCII_DIGIT or codes[at + 1] == HYPHEN):
        return 1
    if not before & (LETTER | ASCII_DIGIT):
        return 0
    if kind & RELATION:
        return 1 if after & LETTER else 0
    return _dash_length(codes, classes, at, high) if kind & DASH else 0


@inner
def run_length(codes, low, high):
    """How often the character at `low` stands there in a row."""
    end = low
    while end < high and codes[end] == codes[low]:
        end += 1
    return end - low


@inner
def _period_length(codes, classes, low, high):
    """ ".." and longer; or one period after a lower-case letter, a digit, a closing mark, two capitals, "°F"."""
    run = 1
    while high - run > low and codes[high - run - 1] == DOT:
        run += 1
    if run > 1:
        return run
    if high - low < 2:
        return 0
    before = classes[high - 2]
    if before & (LOWER | ASCII_DIGIT | CLOSING):
        return 1
    if high - low < 3 or not before & UPPER:
        return 0
    return 1 if classes[high - 3] & UPPER or codes[high - 3] == DEGREE else 0


@inner
def _unit_length(codes, classes, low, high, special):
    """A unit or a currency after a digit: "5km", "5%", "5m/s", "5€"."""
    at = high
    while at > low and high - at <= LONGEST_UNIT and not classes[at - 1] & ASCII_DIGIT:
        at -= 1
    if not low < at < high or not classes[at - 1] & ASCII_DIGIT:
        return 0
    return high - at if listed(codes, at, high, special) & UNIT else 0


@inner
def _dash_length(codes, classes, at, high):
    """One of - – — -- --- —— ~ with a letter after it."""
    longest = 3 if codes[at] == HYPHEN else 2 if codes[at] == EM_DASH else 1
    size = 1
    while size < longest and at + size < high and codes[at + size] == codes[at]:
        size += 1
    return size if at + size < high and classes[at + size] & LETTER else 0
