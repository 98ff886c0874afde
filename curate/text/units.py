"""Texts cut into words, lines, sentences or paragraphs, and runs of these as hashes with their places.

    UTF-8 bytes ─▶ units, one after the other without gaps ─▶ windows of `span` units ─▶ hash, start, end

A unit goes up to where the next one begins, so that cutting it out leaves no mark or space behind that was its own.
Only words count for the hash, as `curate.text.folding` reads them. A line without words belongs to the unit behind it,
at the end of a text to the one before.
A sentence ends with its line, or with a mark that ends one and white space behind it ("Mr. Smith" is cut: all that
matters is that equal texts are cut alike). Paragraphs have an empty line between them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.folding import (
    ALONE,
    FNV_PRIME,
    IGNORED,
    NO_WORD,
    SEPARATOR,
    Normalize,
    code_table,
    mix_word,
    next_code,
)
from curate.text.shingles import BASE

Kind = Literal["word", "line", "sentence", "paragraph"]
KINDS = get_args(Kind)
WORD, LINE, SENTENCE, PARAGRAPH = range(4)
NEWLINE, SPACE = 0x0A, 0x20
ENDS = tuple(b".!?")
CLOSING = tuple(b"\"')]}")
WIDE_ENDS = (0x3002, 0xFF01, 0xFF0E, 0xFF1F)  # 。！．？, with no white space behind them
ELLIPSIS, QUOTES = 0x2026, (0x2019, 0x201D, 0x00BB)
MOST_SEEN = 2
"""A sketch has two bits a slot: seen never, once, or more often."""


class Windows(NamedTuple):
    """One entry a window: hash uint64, document int32 (its place in the batch), start and end int32, in bytes of it."""

    hashes: npt.NDArray[np.uint64]
    documents: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]


class Span(NamedTuple):
    """What is compared: runs of `span` units of at least `min_words` words together."""

    kind: Kind
    span: int
    min_words: int
    normalize: Normalize


def new_sketch(slots: int) -> npt.NDArray[np.uint8]:
    """A sketch of at least `slots` slots (rounded up to a power of two)."""
    return np.zeros(max(1 << max(slots - 1, 1).bit_length(), 64) // 4, dtype=np.uint8)  # four slots a byte


def see_windows(texts: TextBuffers, span: Span, sketch: npt.NDArray[np.uint8]) -> int:
    """The first look: count in the sketch how often each window occurs. Returns how many windows there are."""
    scratch = _scratch(texts)
    return int(_see(*texts, code_table(span.normalize), KINDS.index(span.kind), *span[1:3], sketch, *scratch))


def take_windows(texts: TextBuffers, span: Span, sketch: npt.NDArray[np.uint8]) -> Windows:
    """The second look: the windows that may occur twice, all that do among them."""
    scratch = _scratch(texts)
    most = int((np.diff(texts.offsets) // 2 + 1).sum())
    found = Windows(np.empty(most, np.uint64), *(np.empty(most, np.int32) for _ in range(3)))
    kind = KINDS.index(span.kind)
    count = _take(*texts, code_table(span.normalize), kind, *span[1:3], sketch, *scratch, *found)
    return Windows._make(column[:count] for column in found)


def all_windows(texts: TextBuffers, span: Span) -> Windows:
    """Every window: to this sketch all of them occur twice."""
    return take_windows(texts, span, np.full(16, 0b10101010, dtype=np.uint8))  # MOST_SEEN in each of its 64 slots


def _scratch(texts: TextBuffers) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    most = int(np.diff(texts.offsets).max(initial=0)) // 2 + 2
    return np.empty(most, np.uint64), np.empty(most, np.int32), np.empty(most, np.int32)


@kernel
def _see(data, offsets, table, kind, span, min_words, sketch, hashes, starts, words):
    windows = 0
    shift = _shift(sketch)
    data, table, sketch = pointer(data), pointer(table), pointer(sketch)
    hashes, starts, words = pointer(hashes), pointer(starts), pointer(words)
    for document in range(len(offsets) - 1):
        low, high = offsets[document], offsets[document + 1]
        count = _cut(data, low, high, table, kind, hashes, starts, words)
        join_units(hashes, words, count, span)
        for at in range(count - span + 1):
            if words[at] >= min_words:
                windows += 1
                slot = np.int64(hashes[at] >> shift)
                byte, place = slot >> 2, np.uint8(2 * (slot & 3))  # four slots of two bits a byte
                seen = (sketch[byte] >> place) & 3
                if seen < MOST_SEEN:
                    sketch[byte] += np.uint8(1) << place  # from 1 to 2 at most: nothing is carried into the next slot
    return windows


@kernel
def _take(data, offsets, table, kind, span, min_words, sketch, hashes, starts, words, keys, documents, begins, ends):
    found = 0
    shift = _shift(sketch)
    data, table, sketch = pointer(data), pointer(table), pointer(sketch)
    hashes, starts, words = pointer(hashes), pointer(starts), pointer(words)
    for document in range(len(offsets) - 1):
        low, high = offsets[document], offsets[document + 1]
        count = _cut(data, low, high, table, kind, hashes, starts, words)
        join_units(hashes, words, count, span)
        for at in range(count - span + 1):
            slot = np.int64(hashes[at] >> shift)
            if words[at] >= min_words and (sketch[slot >> 2] >> np.uint8(2 * (slot & 3))) & 3 == MOST_SEEN:
                keys[found], documents[found], begins[found] = hashes[at], document, starts[at]
                # A window ends where the unit behind it begins.
                ends[found] = starts[at + span] if at + span < count else high - low
                found += 1
    return found


@inner
def room_for_words(offsets):
    """Scratch for the words of the largest text: hashes, starts, and how many words each is."""
    most = 0
    for document in range(len(offsets) - 1):
        most = max(most, (offsets[document + 1] - offsets[document]) // 2 + 2)
    return np.empty(most, np.uint64), np.empty(most, np.int32), np.empty(most, np.int32)


@inner
def _shift(sketch):
    """How far a hash is shifted to be a slot's number."""
    bits = 2  # of a slot's number: four slots a byte
    while (1 << (bits - 2)) < len(sketch):
        bits += 1
    return np.uint64(64 - bits)


@inner
def _cut(data, low, high, table, kind, hashes, starts, words):
    """Units of one document: hash, start (from `low`) and words of each; returns how many. The first starts at 0."""
    if kind == WORD:
        return cut_words(data, low, high, table, hashes, starts, words)
    return _cut_blocks(data, low, high, table, kind, hashes, starts, words)


@inner
def cut_words(data, low, high, table, hashes, starts, words):
    count = 0
    at = begin = low
    word = NO_WORD
    while at < high:
        place = at
        code, at = next_code(data, at, table)
        if IGNORED < code < ALONE:
            begin = place if word == NO_WORD else begin
            word = (word ^ code) * FNV_PRIME
        elif code != IGNORED:
            if word != NO_WORD:
                count = _add(mix_word(word), begin - low, 1, hashes, starts, words, count)
                word = NO_WORD
            if code != SEPARATOR:
                count = _add(mix_word((NO_WORD ^ code) * FNV_PRIME), place - low, 1, hashes, starts, words, count)
    if word != NO_WORD:
        count = _add(mix_word(word), begin - low, 1, hashes, starts, words, count)
    if count:
        starts[0] = 0  # what stands before the first word belongs to it
    return count


@inner
def _cut_blocks(data, low, high, table, kind, hashes, starts, words):
    count = inside = 0
    at = begin = low
    text = word = NO_WORD
    is_blank, may_end = True, False
    while at < high:
        place = at
        code, at = next_code(data, at, table)
        if IGNORED < code < ALONE:
            word = (word ^ code) * FNV_PRIME
        elif code != IGNORED:
            if word != NO_WORD:
                text, word, inside = (text ^ mix_word(word)) * FNV_PRIME, NO_WORD, inside + 1
            if code != SEPARATOR:
                text, inside = (text ^ mix_word((NO_WORD ^ code) * FNV_PRIME)) * FNV_PRIME, inside + 1
        byte = data[place]
        is_break = byte == NEWLINE and (kind != PARAGRAPH or is_blank)
        if kind == SENTENCE:
            is_break = is_break or (byte <= SPACE and may_end) or _ends_at_once(data, place, at)
            may_end = _may_end(data, place, at, may_end)
        is_blank = byte == NEWLINE or (is_blank and byte <= SPACE)
        if is_break:
            if word != NO_WORD:  # a mark that counts as a letter ended it
                text, word, inside = (text ^ mix_word(word)) * FNV_PRIME, NO_WORD, inside + 1
            if inside:
                count = _add(mix_word(text), begin - low, inside, hashes, starts, words, count)
                begin, text, inside = at, NO_WORD, 0
    if word != NO_WORD:
        text, inside = (text ^ mix_word(word)) * FNV_PRIME, inside + 1
    if inside:
        count = _add(mix_word(text), begin - low, inside, hashes, starts, words, count)
    return count


@inner
def _add(value, start, many, hashes, starts, words, count):
    hashes[count], starts[count], words[count] = value, start, many
    return count + 1


@inner
def _may_end(data, at, after, so_far):
    """Whether white space behind this character would end a sentence; quotes and brackets do not change it."""
    byte = data[at]
    if after - at == 1:
        for mark in ENDS:
            if byte == mark:
                return True
        for mark in CLOSING:
            if byte == mark:
                return so_far
        return False
    point = _point(data, at, after)
    for mark in QUOTES:
        if point == mark:
            return so_far
    return point == ELLIPSIS


@inner
def _ends_at_once(data, at, after):
    if after - at != 3:
        return False
    point = _point(data, at, after)
    is_end = False
    for mark in WIDE_ENDS:
        is_end |= point == mark
    return is_end


@inner
def _point(data, at, after):
    """The code point of a character of two or three bytes."""
    if after - at == 2:
        return (np.int64(data[at]) & 0x1F) << 6 | (data[at + 1] & 0x3F)
    return (np.int64(data[at]) & 0x0F) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | (data[at + 2] & 0x3F)


@inner
def join_units(hashes, words, count, span):
    """Hashes of units become those of the windows that begin at them, and words those of the window."""
    if span == 1:
        return
    leaving = np.uint64(1)
    for _ in range(span - 1):
        leaving *= BASE
    window, inside = np.uint64(0), 0
    for at in range(min(span - 1, count)):
        window, inside = window * BASE + hashes[at], inside + words[at]
    for at in range(count - span + 1):
        window, inside = window * BASE + hashes[at + span - 1], inside + words[at + span - 1]
        # The unit that leaves is read before the window takes its place: those ahead are still units.
        first, many = hashes[at], words[at]
        hashes[at], words[at] = mix_word(window), inside
        window, inside = window - leaving * first, inside - many
