"""What a character is to a word when texts are compared: a letter, folded or as it is, a separator, or nothing.

UTF-8 bytes ─▶ next_code, by a table that says how much is normalized ─▶ code: SEPARATOR, IGNORED, or what counts
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError, nearest
from curate.text.compiled import inner

Normalize = Literal["words", "ccnet", "none"]

# One of these two, or a code point, with the bit ALONE where the character is a word.
SEPARATOR = np.uint64(0)
IGNORED = np.uint64(1)
ALONE = np.uint64(1 << 24)

NO_WORD = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
FNV_PRIME = np.uint64(0x100000001B3)

BEYOND = 0x10000
"""The entry behind those of the plane: whether characters above it count as they are (1) or by their kind (0)."""

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


@functools.cache
def code_table(normalize: Normalize = "words") -> npt.NDArray[np.uint32]:
    """What each character of the Basic Multilingual Plane is to a word: uint32[65537], see `SEPARATOR`, `BEYOND`.

    * "words": case folded one character to one (`str.casefold`; "ß" stays). White space, punctuation, symbols and
      private-use characters separate; soft hyphens, joiners and variation selectors do not count at all.
    * "ccnet": besides, accents are dropped and every digit is 0, as CCNet compares lines (Wenzek et al. 2020,
      arXiv:1911.00359; there punctuation does not separate, here it does).
    * "none": every character counts as it is, but for white space, which separates.

    In scripts without spaces between words (Han, kana, Thai, Lao, Khmer, Burmese) every character is a word. Classes
    are those of Unicode 3.2, which every Python carries: hashes never change with the interpreter; later characters
    count as letters.

    Raises:
        UsageError: no such normalization.
    """
    if normalize not in get_args(Normalize):
        choices = get_args(Normalize)
        raise UsageError(f'normalize is "{normalize}": expected {", ".join(choices)}{nearest(normalize, choices)}')
    table = np.arange(BEYOND + 1, dtype=np.uint32)
    table[BEYOND] = normalize == "none"
    plain = np.zeros(BEYOND, dtype=bool)
    for first, last in HAN_AND_HANGUL:
        plain[first : last + 1] = True
    code = {"words": _folded, "ccnet": _folded_bare, "none": _as_it_is}[normalize]
    for point in np.flatnonzero(~plain).tolist():
        table[point] = code(chr(point))
    for first, last in SPACELESS:
        block = table[first : last + 1]  # a view: what is set in it is set in the table
        block[block > IGNORED] |= np.uint32(ALONE)
    return table


def _folded(character: str) -> int:
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


def _folded_bare(character: str) -> int:
    known = unicodedata.ucd_3_2_0
    if known.category(character) == "Mn":
        return int(IGNORED)
    if known.category(character) == "Nd":
        return ord("0")
    return _folded(known.normalize("NFD", character)[0])


def _as_it_is(character: str) -> int:
    return int(SEPARATOR) if character.isspace() or character == "\0" else ord(character)


@inner
def next_code(data, at, table):
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
    return _code_beyond(np.uint64(point), table[BEYOND]), at + 4


@inner
def _code_beyond(point, is_plain):
    """Above U+FFFF: Han is alone, pictures and private use separate, tags do not count, the rest is letters."""
    if 0x20000 <= point < 0x40000:
        return point | ALONE
    if is_plain:
        return point
    if 0x1F000 <= point < 0x1FC00 or point >= 0xF0000:
        return SEPARATOR
    if point >= 0xE0000:
        return IGNORED
    return point


@inner
def mix_word(value):
    """MurmurHash3's 64-bit finalizer: FNV alone leaves the high bits of short words alike."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))
