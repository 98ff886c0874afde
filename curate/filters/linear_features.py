"""What a linear model sees in a text: words, pairs of these, and parts of them, each hashed to a place in a table.

UTF-8 bytes ─▶ passages of about equal size ─▶ words, folded ─┬▶ each word, each pair of neighbors ─┬▶ places int32[n]
                                                              ├▶ its parts of 3 to 5 characters ────┤
                                                              └▶ the shapes of up to four in a row ─┘

Hashed features as in Weinberger et al. 2009 (arXiv:0902.2206), parts of words as in Bojanowski et al. 2016
(arXiv:1607.04606): nothing but numbers of a text goes into a model.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import TextBuffers, text_buffers
from curate.text.compiled import inner, kernel, part, pointer
from curate.text.folding import ALONE, BEYOND, IGNORED, SEPARATOR, code_table, next_code

CAPITAL, FIGURE, MARK = (np.uint64(1 << bit) for bit in (25, 26, 27))
"""What a code says besides its character where layout counts: a capital, a digit, a mark or the end of a line."""
CHARACTER = np.uint64((1 << 21) - 1)
SIGN_OF_NAME = 0x40
NEWLINE, LAST_SPACE = 0x0A, 0x20
LONGEST_WORD = 40
"""Of longer ones, which are addresses and encoded data, only the beginning counts."""
SEARCHED = 64
"""Bytes behind its place in which a passage's end looks for a space."""
PRIME = np.uint64(0x9E3779B97F4A7C15)
SPREAD = np.uint64(0xD6E8FEB86659FD93)
PART_SEED, PAIR_SEED, SHAPE_SEED = np.uint64(0x51ED270B), np.uint64(0x2545F491), np.uint64(0x94D049BB)
EDGE = np.uint64(0x1FFFFE)
"""Stands before and behind a word, so that its beginning and end are parts of their own."""
HALF, SHAPE_BITS = np.uint64(32), np.uint64(16)
MOST_SHAPES = 4


class FeatureKinds(NamedTuple):
    """What counts, and into how many places (2 ** `bits`) it is hashed.

    `pairs`: words beside each other; `min_part` to `max_part`: characters of a word's parts (0: none). With `layout`
    marks and line ends are words, digits are alike, and `shapes` of so many words in a row count (case, length, digits,
    marks), which are the same in all languages; without it a name after "@" counts for nothing. A text is cut
    into passages of about `passage` bytes, at spaces where there are any.
    """

    bits: int = 18
    pairs: bool = True
    min_part: int = 3
    max_part: int = 5
    layout: bool = False
    shapes: int = 0
    passage: int = 500


class Rows(NamedTuple):
    """A row for each passage: its features are `places[ends[row - 1]:ends[row]]`, it is of text `texts[row]`."""

    places: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]
    texts: npt.NDArray[np.int64]


def collect_features(texts: pl.Series, kinds: FeatureKinds) -> Rows:
    """The features of every passage of every text, in their order."""
    buffers = text_buffers(texts)
    table, codes, _ = scratch_for(buffers, kinds)
    passages = passage_counts(buffers, kinds)
    size = int(buffers.offsets[-1] - buffers.offsets[0])
    places = np.empty((size + 2) * features_per_byte(kinds), dtype=np.int32)
    ends = np.empty(int(passages.sum()), dtype=np.int64)
    count = _collect(*buffers, table, kinds, codes, places, ends)
    return Rows(places[:count].copy(), ends, np.repeat(np.arange(len(passages)), passages))


def passage_counts(buffers: TextBuffers, kinds: FeatureKinds) -> npt.NDArray[np.int64]:
    """Into how many passages each text is cut: one at least."""
    counts: npt.NDArray[np.int64] = np.maximum(-(-np.diff(buffers.offsets) // kinds.passage), 1)
    return counts


def scratch_for(
    buffers: TextBuffers, kinds: FeatureKinds
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """The table of characters, room for a word, and room for the features of one passage."""
    longest = min(int(np.diff(buffers.offsets).max(initial=0)), kinds.passage) + 2 * SEARCHED
    table = layout_table() if kinds.layout else words_table()
    codes = np.empty(LONGEST_WORD + 2, dtype=np.uint64)
    return table, codes, np.empty(longest * features_per_byte(kinds), dtype=np.int32)


def features_per_byte(kinds: FeatureKinds) -> int:
    """At most: a character that is a word of its own is a word, ends a pair and a shape, and has parts."""
    return 3 + kinds.shapes + max(kinds.max_part - max(kinds.min_part, 1) + 1, 0) * bool(kinds.max_part) + 2


@functools.cache
def words_table() -> npt.NDArray[np.uint32]:
    """What characters are where words alone count: case is folded, marks separate, "@" begins a name."""
    table = code_table().copy()
    table[SIGN_OF_NAME] = SIGN_OF_NAME
    table.flags.writeable = False
    return table


@functools.cache
def layout_table() -> npt.NDArray[np.uint32]:
    """Where layout counts: marks and line ends are words of their own, digits are all 0."""
    table = code_table().copy()
    known = unicodedata.ucd_3_2_0
    for point in range(1, BEYOND):
        category = known.category(chr(point))
        if category[0] in "PS" and table[point] == SEPARATOR:
            table[point] = point | int(ALONE) | int(MARK)
        elif category == "Nd":
            table[point] = ord("0") | int(FIGURE)
        elif category == "Lu":
            table[point] |= np.uint32(CAPITAL)
    table[NEWLINE] = NEWLINE | int(ALONE) | int(MARK)
    table.flags.writeable = False
    return table


@kernel
def _collect(data, offsets, table, kinds, codes, places, ends):
    text, table, codes, out = pointer(data), pointer(table), pointer(codes), pointer(places)
    count = row = 0
    for document in range(len(offsets) - 1):
        start, end = offsets[document], offsets[document + 1]
        passages = max(-(-(end - start) // kinds.passage), 1)
        low = start
        for passage in range(1, passages + 1):
            high = cut_after(text, start, end, passage, passages, low)
            count = add_passage(text, low, high, table, kinds, codes, out, count)
            ends[row] = count
            row += 1
            low = high
    return count


@inner
def cut_after(text, start, end, passage, passages, low):
    """Where passage `passage` of `passages` ends: at a space soon after its share of the bytes, or a character."""
    if passage == passages:
        return end
    at = max(start + (end - start) * passage // passages, low)
    stop = min(at + SEARCHED, end)
    place = at
    while place < stop and text[place] > LAST_SPACE:
        place += 1
    if place < stop:
        return place
    while at < end and text[at] & 0xC0 == 0x80:
        at += 1
    return at


@part
def add_passage(text, low, high, table, kinds, codes, out, count):
    """Write the places of the features of `text[low:high]` to `out` from `count` on; returns where they end."""
    before, shapes, length, about = np.uint64(0), np.uint64(0), 0, np.uint64(0)
    at, shift = low, np.uint64(64 - kinds.bits)
    while at <= high:
        code, after = next_code(text, at, table) if at < high else (SEPARATOR, at + 1)
        at = after
        if code == IGNORED:
            continue
        is_alone = (code & ALONE) != 0
        if length and (is_alone or code == SEPARATOR):
            is_name = not kinds.layout and codes[1] == SIGN_OF_NAME and length > 1
            if not is_name:
                shapes = shapes << SHAPE_BITS | _shape(codes[1], length, about)
                before, count = _add_word(codes, length, before, kinds, shift, out, count)
                count = _add_shapes(shapes, kinds.shapes, shift, out, count)
            length, about = 0, np.uint64(0)
        if is_alone:
            codes[1] = code & CHARACTER
            shapes = shapes << SHAPE_BITS | _shape_alone(code)
            before, count = _add_word(codes, 1, before, kinds, shift, out, count)
            count = _add_shapes(shapes, kinds.shapes, shift, out, count)
        elif code != SEPARATOR:
            about |= code
            if length < LONGEST_WORD:
                length += 1
                # Whether a word begins with a capital stays with its first letter.
                codes[length] = code if kinds.shapes and length == 1 else code & CHARACTER
    return count


@inner
def _add_word(codes, length, before, kinds, shift, out, count):
    """A word, its pair with the one before, its parts; returns the word's hash, and where they end."""
    codes[1] &= CHARACTER
    word = PRIME
    for at in range(1, length + 1):
        word = (word + codes[at]) * PRIME
        word ^= word >> HALF
    out[count] = place_of(word, shift)
    count += 1
    if kinds.pairs and before:
        out[count] = place_of((before * SPREAD) ^ (word + PAIR_SEED), shift)
        count += 1
    if kinds.max_part and length > 1:
        codes[0] = codes[length + 1] = EDGE
        for start in range(length + 2):
            value, stop = PART_SEED, min(start + kinds.max_part, length + 2)
            for at in range(start, stop):
                value = (value + codes[at]) * PRIME
                value ^= value >> HALF
                if at - start + 1 >= kinds.min_part:
                    out[count] = place_of(value, shift)
                    count += 1
    return word, count


@inner
def place_of(value, shift):
    return np.int32((value * SPREAD) >> shift)


@inner
def _add_shapes(shapes, most, shift, out, count):
    """The shape of the last word, of the last two … of the last `most`; before the first word there are none."""
    mask = np.uint64(0)
    for _ in range(most):
        mask = mask << SHAPE_BITS | np.uint64(0xFFFF)
        out[count] = place_of(((shapes & mask) + SHAPE_SEED) * PRIME ^ mask, shift)
        count += 1
    return count


@inner
def _shape(first, length, about):
    """Of a word: its length in four steps, a capital first, one within, a digit."""
    steps = 1 + (length > 1) + (length > 3) + (length > 7) + (length > 14)
    is_capital, has_capital = (first & CAPITAL) != 0, (about & CAPITAL) != 0
    return np.uint64(0x8000 | steps << 3 | is_capital << 2 | has_capital << 1 | ((about & FIGURE) != 0))


@inner
def _shape_alone(code):
    """A mark is its own shape; a character of a script without spaces is a word."""
    return (code & CHARACTER & np.uint64(0x7FFF)) if code & MARK else np.uint64(0xF000)
