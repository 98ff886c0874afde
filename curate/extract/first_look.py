"""What a page holds that has to be rewritten, at a first look: one pass of a compiled kernel over all of its tags.

    html ─▶ kernel ─┬─ the name behind each "<"    ─▶ bits: which searches are worth it
                    └─ what stands behind each ">" ─▶ where single signs stand

A bit says "maybe": the expressions of the searches decide. It is never missing where one of them would find something.
Most pages need none of the searches, and each of them costs as much as this look.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel, pointer

FIGURES, BLOCKS, CONTROLS, FORMULAS, ORDERED, ITEM, SPAN, SCRIPT, NUMBERED = (1 << bit for bit in range(9))

NAMES = {
    FIGURES: ("figure", "figcaption", "object", "menu", "noindex"),
    BLOCKS: ("summary", "legend", "dialog", "search", "dir", "listing"),
    CONTROLS: ("button", "label", "noscript"),
    FORMULAS: ("math",),
    ORDERED: ("ol",),
    ITEM: ("li",),
    SPAN: ("span",),
    SCRIPT: ("script",),
}
SHORT_SIGNS = ("nbsp", "amp", "quot", "lt", "gt", "copy", "reg", "laquo", "raquo", "middot", "times", "#160", "#xa0")
"""References to signs of one or two bytes, as pages have them by the hundred; none of three bytes is here."""


class PageLook(NamedTuple):
    """`bits` of what there may be: elements of `NAMES`, `FORMULAS` (of MathML, MathJax or KaTeX) and `NUMBERED` (a list
    with numbers of its author's). `signs`, int32[n, 2]: where in the bytes of `utf8` what may be a single sign between
    two tags begins and ends."""

    utf8: bytes
    bits: int
    signs: npt.NDArray[np.int32]


def first_look(utf8: bytes) -> PageLook:
    """What there may be in a page, of its UTF-8."""
    data, signs = np.frombuffer(utf8, dtype=np.uint8), np.empty((MANY_SIGNS, 2), dtype=np.int32)
    bits, count = _look(data, *_tables(), signs)
    if count > len(signs):  # once in thousands of pages: a second look then, and small memory for all others
        signs = np.empty((count, 2), dtype=np.int32)
        _look(data, *_tables(), signs)
    return PageLook(utf8, int(bits), signs[:count])


@cache
def _tables() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The names as numbers, the bit of each, and `SHORT_SIGNS` as numbers."""
    names = [(_packed(name), bit) for bit, some in NAMES.items() for name in some]
    numbers = np.array([number for number, _ in names], dtype=np.uint64)
    bits = np.array([bit for _, bit in names], dtype=np.int64)
    return numbers, bits, np.array([_packed(sign) for sign in SHORT_SIGNS], dtype=np.uint64)


def _packed(word: str) -> int:
    """Its last eight bytes as one number: what a loop that shifts bytes into 64 bits holds behind the word."""
    return int.from_bytes(word.encode()[-8:], "big")


LESS, GREATER, AND, SEMICOLON, HASH, BACK_LINE = (ord(sign) for sign in "<>&;#_")
LOWER_CASE, NOT_ASCII = 0x20, 0x80
BYTE, LETTER = np.uint64(8), np.uint64(31)
BLOCK = 32
LONGEST_REFERENCE = 34
MANY_SIGNS = 256
START, TYPE, VALUE = (np.uint64(_packed(word)) for word in ("start", "type", "value"))
REVERSED, KATEX_HTML, MATH_TEX = (np.uint64(_packed(word)) for word in ("reversed", "katex-html", "math/tex"))
FOUR, FIVE = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFFFF)
"""Masks: the last four and five bytes of eight."""


@kernel
def _look(html, names, bits, short_signs, signs):
    data, end = pointer(html), len(html)
    found, count = 0, 0
    last_letters = 0
    for number in range(len(names)):
        last_letters |= 1 << (names[number] & LETTER)
    at = _next_mark(data, 0, end)
    while at < end:
        byte = data[at]
        at += 1
        if byte == LESS:
            at, name = _read_name(data, at, end)
            if name and last_letters >> (name & LETTER) & 1:  # most elements end in other letters than the wanted
                bit = 0
                for number in range(len(names)):
                    if names[number] == name:
                        bit = bits[number]
                found |= bit | _attributes(data, at, end, bit)
        else:
            begin = _skip_space(data, at, end)
            close = _sign_end(data, begin, end, short_signs)
            if close > begin:
                if count < len(signs):
                    signs[count, 0], signs[count, 1] = begin, close
                count += 1
        at = _next_mark(data, at, end)
    return found, count


@inner
def _next_mark(data, at, end):
    """The next "<" or ">", which differ in one bit; a loop of known length compiles to vector instructions."""
    while at + BLOCK <= end:
        is_here = False
        for step in range(BLOCK):
            is_here |= data[at + step] | 2 == GREATER
        if is_here:
            break
        at += BLOCK
    while at < end and data[at] | 2 != GREATER:
        at += 1
    return at


@inner
def _read_name(data, at, end):
    """Where the letters end, and the last eight of them as a number, in lower case."""
    name = np.uint64(0)
    while at < end and 0x61 <= data[at] | LOWER_CASE <= 0x7A:
        name = name << BYTE | np.uint64(data[at] | LOWER_CASE)
        at += 1
    return at, name


@inner
def _attributes(data, at, end, bit):
    """What the attributes of an element with this bit mean. They are read up to the next "<" or ">", in quotes or not,
    as the expressions do."""
    found = 0
    if bit & (ORDERED | ITEM | SPAN | SCRIPT):
        last = np.uint64(0)
        while at < end and data[at] != LESS and data[at] != GREATER:
            last = last << BYTE | np.uint64(data[at] | LOWER_CASE)
            at += 1
            if bit == ORDERED:
                is_telling = last & FIVE == START or last == REVERSED or last & FOUR == TYPE
            elif bit == ITEM:
                is_telling = last & FIVE == VALUE
            else:
                is_telling = last == (KATEX_HTML if bit == SPAN else MATH_TEX)
            if is_telling:
                found |= NUMBERED if bit & (ORDERED | ITEM) else FORMULAS
    return found


@inner
def _sign_end(data, begin, end, short_signs):
    """Where one sign of three bytes, or one reference, ends that is all up to the next tag or the end; else `begin`."""
    if begin == end or (data[begin] != AND and not 0xE0 <= data[begin] < 0xF0):
        return begin
    close = begin + 3
    if data[begin] == AND:
        close, reference = begin + 1, np.uint64(0)
        while close < end and close - begin < LONGEST_REFERENCE and _is_of_reference(data[close]):
            reference = reference << BYTE | np.uint64(data[close])
            close += 1
        for number in range(len(short_signs)):
            if short_signs[number] == reference:
                return begin
        if close < end and data[close] == SEMICOLON:
            close += 1
    following = _skip_space(data, close, end)
    return close if following == end or data[following] == LESS else begin


@inner
def _is_of_reference(byte):
    is_letter = 0x61 <= byte | LOWER_CASE <= 0x7A
    return is_letter or 0x30 <= byte <= 0x39 or byte in (HASH, BACK_LINE) or byte >= NOT_ASCII


@inner
def _skip_space(data, at, end):
    """Over what `\\s` means in an expression: 29 signs of one, two and three bytes."""
    while at < end:
        byte = data[at]
        if byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F:
            at += 1
        elif byte == 0xC2 and at + 1 < end and (data[at + 1] == 0x85 or data[at + 1] == 0xA0):
            at += 2
        elif 0xE1 <= byte <= 0xE3 and at + 2 < end and _is_wide_space(byte, data[at + 1], data[at + 2]):
            at += 3
        else:
            return at
    return at


@inner
def _is_wide_space(first, second, third):
    if first == 0xE1:
        return second == 0x9A and third == 0x80  # U+1680
    if first == 0xE3:
        return second == 0x80 and third == 0x80  # U+3000
    if second == 0x81:
        return third == 0x9F  # U+205F
    return second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)  # U+2000–202F
