"""Words with digits in them, alone and with the groups behind them: numbers, codes, accounts, wallets.

word of digits ─▶ number ─▶ DIGITS, CODE, WALLET        word with letters ─▶ word ─▶ CODE, ACCOUNT, WALLET
"""

from __future__ import annotations

import numpy as np

from curate.scrub.scan.shapes import (
    ACCOUNT,
    CLASSES,
    CODE,
    COMMA,
    DASH,
    DIGIT,
    DIGITS,
    DOT,
    LETTER,
    PLUS,
    SPACE,
    WALLET,
    WORD,
    has,
    is_of,
    put,
)
from curate.text.compiled import inner, part

MIN_DIGITS, MAX_DIGITS, MAX_GROUPS = 8, 19, 7

GROUPS = (
    *("3 2 4", "3 3 3", "3 3 4", "2 3 3 3", "4 4 4", "4 4 4 4", "4 6 5", "4 6 4", "4 4 4 4 3", "6 7", "3 3 3 2", "6 4"),
    *("8 4", "2 2 2 3 2", "3 4 4 2", "1 4 5 2 1", "1 2 2 2 3 3 2", "13 2", "6 5", "6 4 3", "6 4 2 1", "9 2", "4 2 3"),
)
"""In which groups numbers are written that an entity asks for."""
SIGNATURES = np.array(
    [sum(int(size) << 5 * place for place, size in enumerate(groups.split())) for groups in GROUPS], dtype=np.int64
)


def _mask(form: str) -> int:
    return sum(1 << place for place, letter in enumerate(form) if letter == "A")


FORMS = (
    *("99999999A", "A9999999A", "AA999999A", "AAAAA9999A", "999999A9999", "999999A999A", "99999999999999999A"),
    *("999999A99999999", "AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"),
)
"""A for a letter and 9 for a digit: Spain, Singapore, Britain, India, Finland twice, China, Corsica, Mexico twice."""
FORM_SIZES = np.array([len(form) for form in FORMS])
FORM_LETTERS = np.array([_mask(form) for form in FORMS], dtype=np.uint64)
FISCAL_SIZE, FISCAL_LETTERS = 16, np.uint64(_mask("AAAAAA99A99A999A"))
"""Italy's, where letters may stand in the places of digits as well."""
ACCOUNT_LETTERS, ACCOUNT_HEAD = np.uint64(0b0011), np.uint64(0b1111)


@part
def number(data, low, high, start, end, wanted, rows, count):
    """What may begin with the digits in `start:end`."""
    size = end - start
    if wanted & 1 << CODE and size == 2:
        count = _spaced_code(data, low, high, start, rows, count)
    if wanted & 1 << CODE and (size == 6 or size == 8):
        count = _code_behind(data, high, start, end, rows, count)
    if wanted & 1 << WALLET and 26 <= size <= 35:
        count = put(rows, count, WALLET, size, start, end)
    if wanted & 1 << DIGITS and not _is_part(data, low, high, start, end):
        if MIN_DIGITS <= size <= MAX_DIGITS and not _goes_on(data, high, end):
            count = put(rows, count, DIGITS, size, start, end)
        if size <= 13:
            count = _groups(data, high, start, end, rows, count)
    return count


@inner
def _is_part(data, low, high, start, end):
    """Whether the digits are the rest of something: of a fraction, a name with hyphens, a longer group."""
    if not is_of(data, low, high, start - 2, WORD):
        return False
    before = data[start - 1]
    is_joined = before == DOT or before == COMMA
    return before == DASH or (is_joined and is_of(data, low, high, start - 2, DIGIT))


@inner
def _goes_on(data, high, end):
    is_joined = has(data, end, high, end, DASH) or has(data, end, high, end, DOT) or has(data, end, high, end, COMMA)
    return is_joined and is_of(data, end, high, end + 1, DIGIT)


@part
def _groups(data, high, start, end, rows, count):
    """Rows for all ways to read it and what follows as digits in known groups."""
    signature, digits, place = end - start, end - start, 1
    while place < MAX_GROUPS and digits < MAX_DIGITS and is_of(data, start, high, end + 1, DIGIT):
        sign = data[end]
        if sign != SPACE and sign != DASH and sign != DOT:
            break
        first = end + 1
        end = first
        while end < high and end - first <= 13 and CLASSES[data[end]] & DIGIT:
            end += 1
        if is_of(data, start, high, end, WORD):
            break
        signature |= (end - first) << (5 * place)
        digits += end - first
        place += 1
        for known in SIGNATURES:
            if known == signature and not _goes_on(data, high, end):
                count = put(rows, count, DIGITS, digits, start, end)
    return count


@part
def _code_behind(data, high, start, end, rows, count):
    """Digits, a sign, and the rest: `131052-308T`, `12345678-Z`."""
    size = end - start
    if not (has(data, start, high, end, DASH) or (size == 6 and has(data, start, high, end, PLUS))):
        return count
    rest = end + 1
    while rest < high and rest - end < 6 and CLASSES[data[rest]] & WORD:
        rest += 1
    is_one = (size == 6 and rest - end == 5) or (size == 8 and rest - end == 2)
    return put(rows, count, CODE, rest - start, start, rest) if is_one else count


@part
def word(data, low, high, start, end, letters, wanted, rows, count):
    """What may begin with letters and digits in `start:end`."""
    size = end - start
    if wanted & 1 << CODE and 8 <= size <= 18:
        for form in range(len(FORM_SIZES)):
            if FORM_SIZES[form] == size and FORM_LETTERS[form] == letters:
                count = put(rows, count, CODE, size, start, end)
        if size == FISCAL_SIZE and letters & FISCAL_LETTERS == FISCAL_LETTERS:
            count = put(rows, count, CODE, size, start, end)
        if size == 8 and letters == np.uint64(1):
            count = _code_behind(data, high, start, end, rows, count)
    if wanted & 1 << ACCOUNT and letters & ACCOUNT_HEAD == ACCOUNT_LETTERS and 4 <= size <= 34:
        count = _account(data, high, start, end, rows, count)
    if wanted & 1 << WALLET and 26 <= size <= 74:
        count = put(rows, count, WALLET, size, start, end)
    return count


@part
def _spaced_code(data, low, high, first, rows, count):
    """Pairs, with two letters before them and one behind: `AB 12 34 56 C`."""
    start, last = first - 3, first + 9
    if (
        start < low
        or last >= high
        or not is_of(data, low, high, start, LETTER)
        or not CLASSES[data[start + 1]] & LETTER
    ):
        return count
    for pair in range(3):
        at = first + 3 * pair
        if data[at - 1] != SPACE or not CLASSES[data[at]] & DIGIT or not CLASSES[data[at + 1]] & DIGIT:
            return count
    is_apart = not is_of(data, low, high, start - 1, WORD) and not is_of(data, low, high, last + 1, WORD)
    if data[last - 1] != SPACE or not CLASSES[data[last]] & LETTER or not is_apart:
        return count
    return put(rows, count, CODE, last + 1 - start, start, last + 1)


@part
def _account(data, high, start, end, rows, count):
    """Two letters, two digits, and the rest glued or in groups of four."""
    last = end
    while end - start == 4 or last - end == 4 or last == end:
        if not (has(data, start, high, last, SPACE) or has(data, start, high, last, DASH)) or end - start != 4:
            break
        group = last + 1
        while group < high and group - last <= 5 and CLASSES[data[group]] & WORD:
            group += 1
        size = group - last - 1
        if size == 0 or size > 4 or group - start > 43:
            break
        last = group
        if size < 4:
            break
    return put(rows, count, ACCOUNT, 0, start, last) if last - start >= 15 else count
