"""Word n-grams of documents as 32-bit hashes, for comparing documents that are nearly the same.

UTF-8 bytes ─▶ codes (case folded, marks dropped) ─▶ one 64-bit hash a word ─▶ rolling hash of n words ─▶ 32 bits
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.text.buffers import text_buffers

# What a character is to a word: one of these two, or its folded code point, with the bit ALONE where it is a word.
SEPARATOR = np.uint64(0)
IGNORED = np.uint64(1)
ALONE = np.uint64(1 << 24)

# Scripts that are written without spaces between words: Thai and Lao, Burmese, Khmer, kana and bopomofo, Han.
SPACELESS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3005, 0x3007),
    (0x3040, 0x312F),
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
)
HAN_AND_HANGUL = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))
TRACELESS = (0x00AD, *range(0xFE00, 0xFE10))  # the soft hyphen (a dash to Unicode 3.2) and variation selectors
PUNCTUATION_BLOCKS = ((0x2000, 0x2BFF), (0x2E00, 0x2E7F))

NO_WORD = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
FNV_PRIME = np.uint64(0x100000001B3)
BASE = np.uint64(0x9E3779B97F4A7C15)


class Shingles(NamedTuple):
    """Document i has the shingles `values[offsets[i]:offsets[i + 1]]`, in reading order, with repetitions.

    values: uint32[n_shingles]; offsets: int64[n_documents + 1].
    """

    values: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


def shingles(texts: pl.Series, *, ngram: int) -> Shingles:
    """The word n-grams of each document, hashed.

    Words are runs of letters, marks and digits, case folded one character to one (`str.casefold`; "ß" stays). White
    space, punctuation, symbols and private-use characters separate; soft hyphens, joiners and variation selectors do
    not count at all. In scripts without spaces between words (Han, kana, Thai, Lao, Khmer, Burmese) every character
    is a word. Accents are kept and nothing is composed. Classes are those of Unicode 3.2, which every Python carries:
    signatures never change with the interpreter; later characters count as letters.

    A document with fewer words than `ngram`, but at least one, has one shingle of all its words; one without words
    has none.

    Raises:
        UsageError: `ngram` is less than 1.
    """
    if ngram < 1:
        raise UsageError(f"ngram is {ngram}; a shingle has at least 1 word")
    data, offsets = text_buffers(texts)
    lengths = np.diff(offsets)
    # A word takes two bytes at least: a letter and a separator, or a character of a script without spaces.
    values = np.empty(int((lengths // 2 + 1).sum()), dtype=np.uint32)
    words = np.empty(int(lengths.max(initial=0)) // 2 + 1, dtype=np.uint64)
    ends = np.zeros(len(offsets), dtype=np.int64)
    _shingle_documents(data, offsets, code_table(), ngram, words, values, ends)
    return Shingles(values[: ends[-1]], ends)


@functools.cache
def code_table() -> npt.NDArray[np.uint32]:
    """What each character of the Basic Multilingual Plane is to a word: uint32[65536], see `SEPARATOR`."""
    table = np.arange(0x10000, dtype=np.uint32)
    plain = np.zeros(0x10000, dtype=bool)
    for first, last in HAN_AND_HANGUL:
        plain[first : last + 1] = True
    for point in np.flatnonzero(~plain).tolist():
        table[point] = _code_of(chr(point))
    for first, last in SPACELESS:
        block = table[first : last + 1]
        block[block > IGNORED] |= np.uint32(ALONE)
    return table


def _code_of(character: str) -> int:
    point = ord(character)
    category = unicodedata.ucd_3_2_0.category(character)
    if category == "Cf" or point in TRACELESS:
        return int(IGNORED)
    if category == "Cn":
        is_mark = any(first <= point <= last for first, last in PUNCTUATION_BLOCKS)
        return int(SEPARATOR) if is_mark else point
    if category[0] in "ZPSC":
        return int(SEPARATOR)
    folded = character.casefold()
    return ord(folded if len(folded) == 1 else character.lower()[0])


@numba.njit(cache=True, nogil=True)
def _shingle_documents(data, offsets, table, ngram, words, values, ends):  # type: ignore[no-untyped-def]
    for document in range(len(offsets) - 1):
        count = _hash_words(data, offsets[document], offsets[document + 1], table, words)
        ends[document + 1] = _roll(words, count, ngram, values, ends[document])


@numba.njit(cache=True, nogil=True)
def _hash_words(data, start, end, table, words):  # type: ignore[no-untyped-def]
    """One hash a word into `words`; returns how many."""
    count = 0
    at = start
    word = NO_WORD
    while at < end:
        code, at = _next_code(data, at, table)
        if code > IGNORED and code < ALONE:
            word = (word ^ code) * FNV_PRIME
        elif code != IGNORED:
            if word != NO_WORD:
                words[count] = _mix(word)
                count += 1
                word = NO_WORD
            if code != SEPARATOR:
                words[count] = _mix((NO_WORD ^ code) * FNV_PRIME)
                count += 1
    if word != NO_WORD:
        words[count] = _mix(word)
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _next_code(data, at, table):  # type: ignore[no-untyped-def]
    """The code of the character at `at`, and where the next one starts."""
    lead = np.uint32(data[at])
    if lead < 0x80:
        return np.uint64(table[lead]), at + 1
    if lead < 0xE0:
        point = (lead & 0x1F) << 6 | (data[at + 1] & 0x3F)
        return np.uint64(table[point]), at + 2
    if lead < 0xF0:
        point = (lead & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | (data[at + 2] & 0x3F)
        return np.uint64(table[point]), at + 3
    point = (lead & 7) << 18 | (data[at + 1] & 0x3F) << 12 | (data[at + 2] & 0x3F) << 6 | (data[at + 3] & 0x3F)
    return _code_beyond_table(np.uint64(point)), at + 4


@numba.njit(cache=True, nogil=True)
def _code_beyond_table(point):  # type: ignore[no-untyped-def]
    """Above U+FFFF: Han is alone, pictures and private use separate, tags do not count, the rest is letters."""
    if 0x20000 <= point < 0x40000:
        return point | ALONE
    if 0x1F000 <= point < 0x1FC00 or point >= 0xF0000:
        return SEPARATOR
    if point >= 0xE0000:
        return IGNORED
    return point


@numba.njit(cache=True, nogil=True)
def _mix(value):  # type: ignore[no-untyped-def]
    """MurmurHash3's 64-bit finalizer: FNV alone leaves the high bits of short words alike."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@numba.njit(cache=True, nogil=True)
def _roll(words, count, ngram, values, at):  # type: ignore[no-untyped-def]
    """Hashes every `ngram` words in a row: the high half of a rolling polynomial, into `values` from `at` on."""
    leaving = np.uint64(1)
    for _ in range(min(ngram, count)):
        leaving *= BASE
    window = np.uint64(0)
    for i in range(count):
        window = window * BASE + words[i]
        if i >= ngram:
            window -= leaving * words[i - ngram]
        if i >= ngram - 1 or i == count - 1:
            values[at] = np.uint32(window >> np.uint64(32))
            at += 1
    return at
