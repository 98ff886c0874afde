"""Words that hide from a list undone: "sh1t", "a$$", "s h i t", letters of another script, signs of no width between.

UTF-8 ─▶ code points ─▶ signs of no width out, fancy letters plain ─▶ letters apart joined ─▶ words: look-alikes, digits
      ─▶ UTF-8, for those texts that are other ones now

What comes out is for looking words up, and no better text: "mp3" is "mpe" in it.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import TextBuffers, text_buffers, texts_of
from curate.text.characters import CODE_POINTS, decode, encode
from curate.text.compiled import inner, kernel, pointer

LOOK_ALIKES = dict(zip("аеорсухіјѕһԁԛԝкмтвнαοενιρτυκ", "aeopcyxijshdqwkmtbhaoeviptuk", strict=True))
"""Cyrillic and Greek small letters, and the Latin ones that they look like; capitals are folded before."""
CAPITAL_LOOK_ALIKES = dict(zip("АВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abekmhopctyxijsabezhikmnoptyx", strict=True))
DIGITS = dict(zip("0134578@$!+€", "oieastbasite", strict=True))
MARKS = "-._*"
"""What may stand between letters that belong together, besides a space."""
COMBINING = range(0x0300, 0x0370)
NO_WIDTH = (0x00AD, *range(0x200B, 0x2010), *range(0x2060, 0x2065), *range(0xFE00, 0xFE10), 0xFEFF)
FANCY = ((0x2100, 0x2150), (0x24B6, 0x24EA), (0xFF21, 0xFF5B), (0x1D400, 0x1D7CC), (0x1F110, 0x1F190))
"""Blocks of letters that are Latin ones in another dress."""

LETTER, LATIN, OTHER_SCRIPT, SIGN, BETWEEN = 1, 2, 4, 8, 16
MIN_APART = 3
"""So many single letters in a row are a word; one of them may be a digit or a sign."""
EXCLAMATION, SPACE = 0x21, 0x20


class Signs(NamedTuple):
    """By code point: `plain` what it is without its dress (0: nothing), `letter` the Latin letter that it may stand for
    (0: none), `kind` its classes."""

    plain: npt.NDArray[np.int32]
    letter: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]


class Undone(NamedTuple):
    """The texts in which anything was hidden, as they are without it, and their rows."""

    rows: npt.NDArray[np.int64]
    texts: pl.Series


def undo_disguises(texts: pl.Series) -> Undone:
    """Only words that mix letters with digits or signs, or scripts, and letters that stand apart are touched."""
    data, offsets = text_buffers(texts)
    longest = int(np.diff(offsets).max(initial=0)) + 1
    codes, kinds = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.uint8)
    out = np.empty(int(offsets[-1] - offsets[0]) + 1, dtype=np.uint8)
    ends, changed = np.zeros(len(offsets), dtype=np.int64), np.zeros(len(offsets) - 1, dtype=np.bool_)
    if len(changed):
        _undo_documents(data, offsets, *signs(), codes, kinds, out, ends, changed)
    rows = np.flatnonzero(changed)
    return Undone(rows, texts_of(TextBuffers(out[: ends[-1]], ends)).gather(rows))


@functools.cache
def signs() -> Signs:
    """The tables, built once a process."""
    plain = np.arange(CODE_POINTS, dtype=np.int32)
    letter, kind = np.zeros(CODE_POINTS, dtype=np.int32), np.zeros(CODE_POINTS, dtype=np.uint8)
    for point in range(0x20000):
        if unicodedata.ucd_3_2_0.category(chr(point))[0] == "L":
            kind[point] = LETTER
    plain[[*COMBINING, *NO_WIDTH]] = 0
    for first, last in FANCY:
        for point in range(first, last):
            folded = unicodedata.normalize("NFKC", chr(point))
            if len(folded) == 1 and folded.isascii() and folded.isalpha():
                plain[point] = ord(folded)
    for sign, latin in (LOOK_ALIKES | CAPITAL_LOOK_ALIKES).items():
        letter[ord(sign)], kind[ord(sign)] = ord(latin), LETTER | OTHER_SCRIPT
    for sign, latin in DIGITS.items():
        letter[ord(sign)], kind[ord(sign)] = ord(latin), SIGN
    for point in (*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)):
        kind[point] = LETTER | LATIN
    kind[[ord(mark) for mark in MARKS + " "]] |= BETWEEN
    return Signs(plain, letter, kind)


@kernel
def _undo_documents(data, offsets, plain, letter, kind, codes, kinds, out, ends, changed):
    plain, letter, kind = pointer(plain), pointer(letter), pointer(kind)
    text, room, classes, target = pointer(data), pointer(codes), pointer(kinds), pointer(out)
    at = 0
    for document in range(len(offsets) - 1):
        length = decode(text, offsets[document], offsets[document + 1], kind, room, classes)
        bare, is_dressed = _without_dress(room, classes, length, plain, kind)
        joined = _join_letters(room, classes, bare)
        has_changed = _replace_signs(room, classes, joined, letter)
        changed[document] = has_changed or joined < length or is_dressed
        at = encode(room, 0, joined, target, at)
        ends[document + 1] = at


@inner
def _without_dress(codes, kinds, length, plain, kind):
    """Drop signs of no width, and make fancy letters plain; returns the new length, and whether a letter was fancy."""
    count, is_other = 0, False
    for at in range(length):
        code = plain[codes[at]]
        if code == 0 and codes[at] != 0:
            continue
        is_other |= code != codes[at]
        codes[count], kinds[count] = code, kind[code]
        count += 1
    return count, is_other


@inner
def _join_letters(codes, kinds, length):
    """Single letters with the same sign between them, "s h i t" or "s.h.i.t", become a word; returns the new length."""
    count = at = 0
    while at < length:
        end = _end_of_letters(codes, kinds, at, length)
        letters = 0
        for place in range(at, end, 2):
            letters += kinds[place] & LETTER != 0
        if letters >= MIN_APART - 1 and (end - at + 1) // 2 >= MIN_APART:
            for place in range(at, end, 2):
                codes[count], kinds[count] = codes[place], kinds[place]
                count += 1
            at = end
            continue
        codes[count], kinds[count] = codes[at], kinds[at]
        count += 1
        at += 1
    return count


@inner
def _end_of_letters(codes, kinds, at, length):
    """Behind the last of the letters that stand apart from `at` on, which begins them; `at` if none do."""
    if not _is_single(kinds, at, length) or (at > 0 and kinds[at - 1] & (LETTER | SIGN)):
        return at
    if at + 2 >= length or not kinds[at + 1] & BETWEEN:
        return at
    sign, end = codes[at + 1], at + 1
    while end + 1 < length and codes[end] == sign and _is_single(kinds, end + 1, length):
        end += 2
    return end


@inner
def _is_single(kinds, at, length):
    """A letter, or what may stand for one, that no letter follows."""
    is_last = at + 1 >= length or not kinds[at + 1] & (LETTER | SIGN)
    return kinds[at] & (LETTER | SIGN) != 0 and is_last


@inner
def _replace_signs(codes, kinds, length, letter):
    """In words of Latin letters and others; returns whether anything was replaced."""
    has_changed, at = False, 0
    while at < length:
        if not kinds[at] & (LETTER | SIGN):
            at += 1
            continue
        start, about = at, 0
        while at < length and kinds[at] & (LETTER | SIGN):
            at += 1
        end = at
        while end > start and codes[end - 1] == EXCLAMATION:  # ends a sentence
            end -= 1
        for place in range(start, end):
            about |= kinds[place]
        if about & LATIN and about & (OTHER_SCRIPT | SIGN):
            for place in range(start, end):
                if kinds[place] & (OTHER_SCRIPT | SIGN):
                    codes[place] = letter[codes[place]]
            has_changed = True
    return has_changed
