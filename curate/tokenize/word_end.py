"""Where a word ends, by the kinds of its bytes: the expression of `WordSplit`, without a look ahead, in one pass."""

from __future__ import annotations

from curate.text.compiled import inner
from curate.tokenize.character_kinds import CUT, KIND, LETTER, NEWLINE, NUMBER, OTHER, SPACE, size_of

APOSTROPHE, ONE_SPACE, LOWER_CASE = 0x27, 0x20, 0x20
LONG_S = (0xC5, 0xBF)
"""The letter ſ in UTF-8, which is an s to expressions that do not look at case."""
LETTER_S, LETTER_T, LETTER_M, LETTER_D, LETTER_L = (ord(letter) for letter in "stmdl")
LETTER_R, LETTER_V, LETTER_E = (ord(letter) for letter in "rve")


@inner
def word_end(data, kinds, at, max_digits, is_space_single):
    """Where the word that begins at `at` ends: the alternatives of `WordSplit.words`, in their order."""
    kind = kinds[at] & KIND
    if kind == LETTER:
        return _run_end(kinds, at + 1, LETTER)
    if data[at] == APOSTROPHE:
        size = __contraction_size(data, kinds, at)
        if size:
            return at + size
    behind = at + size_of(data[at])
    if kind == NUMBER:
        return _digits_end(data, kinds, behind, max_digits)
    if kind != NEWLINE and kinds[behind] == LETTER:
        return _run_end(kinds, behind, LETTER)
    if kind == OTHER or (data[at] == ONE_SPACE and kinds[behind] == OTHER):
        end = _run_end(kinds, behind, OTHER)
        return end if is_space_single else _run_end(kinds, end, NEWLINE)
    return behind if is_space_single else _space_end(data, kinds, at, behind)


@inner
def _run_end(kinds, at, kind):
    while kinds[at] == kind:
        at += 1
    return at


@inner
def _digits_end(data, kinds, at, max_digits):
    digits = 1
    while digits < max_digits and kinds[at] == NUMBER:
        at += size_of(data[at])
        digits += 1
    return at


@inner
def _space_end(data, kinds, at, end):
    """Up to the last end of a line; without one, all but the last character, which belongs to what comes behind."""
    line_end = end if kinds[at] & KIND == NEWLINE else at
    while kinds[end] == SPACE or kinds[end] == NEWLINE:
        end += 1
        line_end = end if kinds[end - 1] == NEWLINE else line_end
    if line_end > at:
        return line_end
    if kinds[end] & CUT:
        return end
    last = end - 1
    while data[last] & 0xC0 == 0x80:
        last -= 1
    return last if last > at else end


@inner
def __contraction_size(data, kinds, at):
    """Bytes of 's, 't, 'm, 'd, 're, 've or 'll in any case; 0 where there is none."""
    if kinds[at + 1] != LETTER:
        return 0
    if data[at + 1] == LONG_S[0] and data[at + 2] == LONG_S[1]:
        return 3
    first = data[at + 1] | LOWER_CASE if data[at + 1] < 0x80 else 0
    if first == LETTER_S or first == LETTER_T or first == LETTER_M or first == LETTER_D:
        return 2
    second = data[at + 2] | LOWER_CASE if kinds[at + 2] == LETTER and data[at + 2] < 0x80 else 0
    is_re = (first == LETTER_R or first == LETTER_V) and second == LETTER_E
    return 3 if is_re or (first == LETTER_L and second == LETTER_L) else 0
