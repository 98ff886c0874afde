"""Code points and their classes: UTF-8 is decoded once, and each code point gets a bit set that all kernels read.

UTF-8 bytes ─▶ decode ─▶ codes int32[n], classes uint32[n]
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.bits import BLOCK, NO_BITS, ONE, class_bits, trailing_zeros
from curate.text.compiled import inner

SPACE = 1 << 0  # str.isspace
LINE_BREAK = 1 << 1  # where str.splitlines cuts
ALPHABETIC = 1 << 2  # str.isalpha
ASCII_DIGIT = 1 << 3
ICON = 1 << 4  # general category So: a word of its own, wherever it stands
DOTS = 1 << 5  # "." and "…"
SYMBOL = 1 << 6  # a word of these alone does not count as a word
TERMINAL = 1 << 7  # ends a sentence
UPPERCASE = 1 << 8  # str.isupper
LETTER = 1 << 9  # letters, and the marks of scripts that write vowels as marks
LOWER = 1 << 10  # LETTER without upper case
UPPER = 1 << 11  # LETTER without lower case
AFFIX = 1 << 12  # cut from both ends of a word
PREFIX = 1 << 13  # cut from the front only
DASH = 1 << 14
QUOTE = 1 << 15
DIGIT = 1 << 16  # str.isdecimal
IDEOGRAPH = 1 << 17  # Han and kana
HOST = 1 << 18  # may begin and end a label of a host's name
CLOSING = 1 << 19  # a period after it ends a sentence
RELATION = 1 << 20  # cut between a letter or digit and a letter
ARITHMETIC = 1 << 21  # cut between digits
SCHEME = 1 << 22  # may stand in the scheme of a URL
DOMAIN = 1 << 23  # may stand in a host's name
PUNCTUATION = 1 << 24  # general category P*
ANCHOR = 1 << 25  # the rare letter of a phrase that is looked for
BULLET_MARK = 1 << 26  # begins an item of a list
ALONE = 1 << 27  # a word of its own: Han and hiragana

TERMINAL_RANGES = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6 17D9-17DA
1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C 2E53-2E54
3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F
FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239
1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C
11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F 1DA88
"""
"""Unicode's Sentence_Terminal with three Khmer signs added: the set by which FineWeb's rules were run (datatrove)."""

SYMBOLS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
"""Printable characters that make no word, control characters and TERMINAL besides (as datatrove counts words)."""

IDEOGRAPH_RANGES = """
3005-3007 3021-3029 3031-3035 303B 3041-3096 309D-309F 30A1-30FA 30FC-30FF 31F0-31FF 3400-4DBF 4E00-9FFF F900-FAD9
FF66-FF9D 1B000-1B16F 20000-323AF
"""

KATAKANA_RANGES = "30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9D 1B000 1B120-1B122 1B155 1B164-1B167"

PUNCTUATION_AFFIXES = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪—–"
QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
CURRENCIES = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
PREFIXES = "§%=" + CURRENCIES

HASH, DOT, NEWLINE, CURLY_BRACKET, ELLIPSIS = 0x23, 0x2E, 0x0A, 0x7B, 0x2026
ANCHORS = "jkvf:p"
"""Letters so chosen that every phrase of `phrases` has one, and few texts have many."""

CODE_POINTS = 0x110000
END_OF_LETTERS = 0x40000
"""Planes 0 to 3, which hold all letters, digits and spaces: the others are unassigned, tags, or for private use."""
ADDED = 128  # code points at a time; the eight bits from one class to the next hold sums of up to 255
FIELD = np.uint64(0xFF)
FIRST_SCRIPT_WITH_VOWEL_MARKS = 0x0590


@cache
def character_classes() -> npt.NDArray[np.uint32]:
    """The bit set of every code point, uint32[0x110000], from this Python's own Unicode tables (about 30 ms)."""
    table = np.zeros(CODE_POINTS, dtype=np.uint32)
    assigned = table[:END_OF_LETTERS]  # a view
    characters = np.arange(END_OF_LETTERS, dtype=np.uint32).view("U1")  # numpy's strings have four bytes a code point
    upper, lower = np.strings.isupper(characters), np.strings.islower(characters)
    assigned[np.strings.isspace(characters)] |= SPACE
    assigned[np.strings.isalpha(characters)] |= ALPHABETIC | LETTER
    assigned[upper] |= UPPERCASE
    assigned[np.strings.isdecimal(characters)] |= DIGIT
    _add_categories(table)
    _add_sets(table)
    letters = (assigned & LETTER) != 0
    assigned[letters & ~upper] |= LOWER
    assigned[letters & ~lower] |= UPPER
    table.flags.writeable = False
    return table


@inner
def decode(data, start, end, table, codes, classes):
    """Decode valid UTF-8 `data[start:end]` into `codes` and `classes`; returns the number of code points."""
    count = 0
    at = start
    while at < end:
        code = np.int32(data[at])
        size = 1 if code < 0x80 else 2 if code < 0xE0 else 3 if code < 0xF0 else 4
        if size > 1:
            code &= 0xFF >> (size + 1)  # without the lead byte's mark: a 1 for each byte of the character, then a 0
            for tail in range(at + 1, at + size):
                code = code << 6 | np.int32(data[tail] & 0x3F)
        at += size
        codes[count] = code
        classes[count] = table[code]
        count += 1
    return count


@inner
def encode(codes, low, high, data, at):
    """Write `codes[low:high]` as UTF-8 to `data` from `at` on; returns where it ends."""
    for place in range(low, high):
        code = codes[place]
        if code < 0x80:
            data[at] = code
            at += 1
            continue
        tails = 1 if code < 0x800 else 2 if code < 0x10000 else 3
        # The mark of the lead byte, and the bits that do not fit into the tails, six a byte.
        data[at] = (0xFF00 >> (tails + 1) & 0xFF) | code >> 6 * tails
        for tail in range(1, tails + 1):
            data[at + tail] = 0x80 | (code >> 6 * (tails - tail) & 0x3F)
        at += 1 + tails
    return at


class CharacterCounts(NamedTuple):
    """What one look at every code point tells; ellipses are "..." and "…"."""

    characters: int
    digits: int
    uppercase: int
    whitespace: int
    punctuation: int
    ideographs: int
    hash_symbols: int
    ellipses: int
    newlines: int
    curly_brackets: int


@inner
def count_characters(codes, classes, length):
    """Sums over all code points, which compile to vector instructions; ellipses need a look at each dot."""
    digits = uppercase = whitespace = punctuation = ideographs = 0
    for first in range(0, length, ADDED):
        end = min(first + ADDED, length)
        sums = add_classes(classes, first, end, SPACE | UPPERCASE | DIGIT | PUNCTUATION)
        whitespace += count_of(sums, SPACE)
        uppercase += count_of(sums, UPPERCASE)
        digits += count_of(sums, DIGIT)
        punctuation += count_of(sums, PUNCTUATION)
        # By itself: its bit is beside DIGIT's.
        ideographs += count_of(add_classes(classes, first, end, IDEOGRAPH), IDEOGRAPH)
    hashes = newlines = brackets = 0
    for at in range(length):
        hashes += codes[at] == HASH
        newlines += codes[at] == NEWLINE
        brackets += codes[at] == CURLY_BRACKET
    ellipses = _count_ellipses(codes, classes, length)
    return CharacterCounts(
        length,
        digits,
        uppercase,
        whitespace,
        punctuation,
        ideographs,
        hashes,
        ellipses,
        newlines,
        brackets,
    )


@inner
def add_classes(classes, low, high, wanted):
    """Sums of up to 255 bit sets: one addition counts all wanted classes, whose bits are eight or more apart."""
    sums = np.uint64(0)
    for at in range(low, high):
        sums += np.uint64(classes[at] & np.uint32(wanted))
    return sums


@inner
def count_of(sums, wanted):
    """How often one of the classes stood there that `add_classes` counted."""
    return np.int64(sums // np.uint64(wanted) & FIELD)  # a class is a power of two: this is a shift


@inner
def _count_ellipses(codes, classes, length):
    """As `str.count` counts "..." from the left, and "…"."""
    ellipses, dots, before = 0, 0, np.int64(-1)
    for first in range(0, length, BLOCK):
        bits = class_bits(classes, first, length, DOTS)
        while bits != NO_BITS:
            at = first + np.int64(trailing_zeros(bits))
            bits &= bits - ONE
            is_dot = codes[at] == DOT
            dots = dots * (before == at - 1) + 1 if is_dot else 0
            # Every third dot of a run: "....." has one, as a search goes on behind what it found.
            ellipses += (dots % 3 == 0) if is_dot else 1
            before = at
    return ellipses


def code_points(ranges: str) -> Iterable[int]:
    """The numbers that "21 2E 61D-61F" names (hexadecimal, ends included)."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _add_categories(table: npt.NDArray[np.uint32]) -> None:
    """Categories that numpy cannot test: only the first two planes hold punctuation, icons and vowel marks."""
    codes = np.flatnonzero((table[:0x20000] & ALPHABETIC) == 0)
    categories = np.array([*map(unicodedata.category, map(chr, codes.tolist()))])
    table[codes[np.strings.startswith(categories, "P")]] |= PUNCTUATION
    table[codes[categories == "So"]] |= ICON | AFFIX
    marks = codes[np.strings.startswith(categories, "M")]
    table[marks[marks >= FIRST_SCRIPT_WITH_VOWEL_MARKS]] |= LETTER


def _add_sets(table: npt.NDArray[np.uint32]) -> None:
    controls = [code for code in (*range(32), *range(127, 160)) if code not in (9, 10)]
    terminal = list(code_points(TERMINAL_RANGES))
    table[[ord(character) for character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"]] |= LINE_BREAK
    table[terminal] |= TERMINAL | SYMBOL
    table[[ord(character) for character in SYMBOLS] + controls] |= SYMBOL
    table[list(code_points(IDEOGRAPH_RANGES))] |= IDEOGRAPH | ALONE
    table[list(code_points(KATAKANA_RANGES))] &= ~np.uint32(ALONE)
    table[[ord(character) for character in PUNCTUATION_AFFIXES + QUOTES]] |= AFFIX
    table[[ord(character) for character in QUOTES]] |= QUOTE | CLOSING
    table[[ord(character) for character in PUNCTUATION_AFFIXES.strip("—–") + "%²-+|"]] |= CLOSING
    for members, bit in (
        (":<>=/", RELATION),
        ("+-*^", ARITHMETIC),
        ("+-._", SCHEME),
        (".-_", DOMAIN),
        ("-–—~", DASH),
        (".…", DOTS),
        ("-–—*+•‣▪▫●○◦■□▶◀·∙⁃►", BULLET_MARK),
        (ANCHORS + ANCHORS.upper(), ANCHOR),
    ):
        table[[ord(character) for character in members]] |= bit
    table[[ord(character) for character in PREFIXES]] |= PREFIX
    table[ord("0") : ord("9") + 1] |= ASCII_DIGIT
    for first, last in (("0", "9"), ("A", "Z"), ("a", "z"), ("\xa1", "\uffff")):
        table[ord(first) : ord(last) + 1] |= HOST | DOMAIN
    table[(table & (ALPHABETIC | DIGIT)) != 0] |= SCHEME
