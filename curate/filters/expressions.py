"""Counts the words and phrases of a list in documents, as whole words, at the speed of one pass over the bytes.

list ─▶ trie in a hash table;   UTF-8 ─▶ folded code points, a 0 after each word ─▶ the longest expression at each
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import text_buffers
from curate.text.characters import CODE_POINTS, decode
from curate.text.compiled import inner, kernel, pointer
from curate.text.folding import ALONE, BEYOND, IGNORED, SEPARATOR, code_table

SPREAD = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)
FREE = np.uint64(0)
EMOJI = slice(0x1F000, 0x1FC00)
HAN_BEYOND_BMP = slice(0x20000, 0x40000)
TAGS = slice(0xE0000, 0xF0000)


class Expressions(NamedTuple):
    """A trie. Slot i holds the step `keys[i]` = state << 32 | code (0: free), which leads to `targets[i]`.

    keys: uint64[2^k]; targets: int32[2^k]; words: int32[n_states], how many words the expression that ends here has.
    """

    keys: npt.NDArray[np.uint64]
    targets: npt.NDArray[np.int32]
    words: npt.NDArray[np.int32]


class Counts(NamedTuple):
    """One entry a document: expressions found, words that they cover, words in all. int64[n_documents] each."""

    expressions: npt.NDArray[np.int64]
    covered: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]


class MatchScratch(NamedTuple):
    """Of one document: its code points, these folded, and the words of these, a 0 after each."""

    codes: npt.NDArray[np.uint32]
    folded: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint32]


def compile_expressions(expressions: Iterable[str]) -> Expressions:
    """The trie of a list. Case, and what stands between the words of a phrase, do not count."""
    states: dict[int, int] = {}
    words = [0]
    for codes in _encode_all(pl.Series(sorted(set(expressions)), dtype=pl.String)):
        state = 0
        for code in codes:
            step = state << 32 | code
            if step not in states:
                states[step] = len(words)
                words.append(0)
            state = states[step]
        words[state] = codes.count(0)
    return _as_table(states, words)


def count_expressions(texts: pl.Series, expressions: Expressions) -> Counts:
    """Search every text. Where several expressions start at a word the longest counts, and none overlap.

    Words are runs of letters, marks and digits; in scripts without spaces (Han, kana, Thai, …) every character is one,
    so that expressions are found anywhere in a sentence.
    """
    data, offsets = text_buffers(texts)
    counts = Counts(*np.zeros((3, len(offsets) - 1), dtype=np.int64))
    _count_documents(data, offsets, _folding(), *expressions, _scratch(offsets), *counts)
    return counts


def _encode_all(texts: pl.Series) -> list[list[int]]:
    data, offsets = text_buffers(texts)
    scratch = _scratch(offsets)
    encoded = []
    for start, end in itertools.pairwise(offsets):
        length = _encode_text(data, start, end, _folding(), scratch)
        encoded.append(scratch.words[:length].tolist())
    return encoded


def _scratch(offsets: npt.NDArray[np.int64]) -> MatchScratch:
    """A character that is a word of its own takes two entries and at least two bytes: one more than bytes is enough."""
    longest = int(np.diff(offsets).max(initial=0)) + 1
    return MatchScratch(*(np.empty(longest, dtype=np.uint32) for _ in MatchScratch._fields))


def _as_table(states: dict[int, int], words: list[int]) -> Expressions:
    size = 1 << (4 * len(states) + 16).bit_length()
    keys, targets = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
    _fill(keys, targets, np.array(list(states), dtype=np.uint64), np.array(list(states.values()), dtype=np.int32))
    return Expressions(keys, targets, np.array(words, dtype=np.int32))


@functools.cache
def _folding() -> npt.NDArray[np.uint32]:
    """What each character is: `code_table`, and beyond the first plane Han and pictures as words of their own."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    table[:BEYOND] = code_table()[:BEYOND]
    for alone in (EMOJI, HAN_BEYOND_BMP):
        table[alone] |= np.uint32(ALONE)
    table[TAGS] = IGNORED
    return table


@kernel
def _count_documents(data, offsets, table, keys, targets, words, scratch, found, covered, total):
    text, folding, room = pointer(data), pointer(table), _pointers(scratch)
    steps, mask, states, sizes = pointer(keys), len(keys) - 1, pointer(targets), pointer(words)
    for document in range(len(offsets) - 1):
        length = _encode(text, offsets[document], offsets[document + 1], folding, room)
        at = 0
        while at < length:
            end, size = _longest_at(room.words, at, length, steps, mask, states, sizes)
            found[document] += size > 0
            covered[document] += size
            total[document] += max(size, 1)
            at = end


@inner
def _longest_at(codes, at, length, keys, mask, targets, words):
    """The end of the longest expression that starts at the word `at`, and its words; else the next word, and 0."""
    end, size = at, 0
    state = 0
    while at < length:
        state = _step(keys, mask, targets, state, codes[at])
        if state == 0:
            break
        at += 1
        if words[state] > 0:
            end, size = at, words[state]
    if size == 0:
        while codes[end] != SEPARATOR:
            end += 1
        end += 1
    return end, size


@inner
def _step(keys, mask, targets, state, code):
    """Where `code` leads from `state`; 0: nowhere."""
    key = np.uint64(state) << HALF | np.uint64(code)
    return targets[_slot(keys, mask, key)]


@inner
def _slot(keys, mask, key):
    """Where `key` stands, or the free slot where it belongs."""
    slot = np.int64((key * SPREAD) >> HALF) & mask
    while (keys[slot] != key) & (keys[slot] != FREE):
        slot = (slot + 1) & mask
    return slot


@kernel
def _fill(keys, targets, steps, states):
    for i in range(len(steps)):
        slot = _slot(keys, len(keys) - 1, steps[i])
        keys[slot], targets[slot] = steps[i], states[i]


@kernel
def _encode_text(data, start, end, table, scratch):
    return _encode(pointer(data), start, end, pointer(table), _pointers(scratch))


@inner
def _pointers(scratch):
    codes, folded, words = scratch
    return MatchScratch(pointer(codes), pointer(folded), pointer(words))


@inner
def _encode(data, start, end, table, scratch):
    """Write the text to `scratch.words` as folded code points, a 0 after every word; returns the length."""
    _, folded, codes = scratch
    count = 0
    is_open = False
    for at in range(decode(data, start, end, table, scratch.codes, folded)):
        code = folded[at]
        if code == IGNORED:
            continue
        if is_open and (code == SEPARATOR or code >= ALONE):
            codes[count] = 0
            count += 1
        is_open = code != SEPARATOR and code < ALONE
        if code != SEPARATOR:
            codes[count] = code
            count += 1
        if code >= ALONE:
            codes[count] = 0
            count += 1
    if is_open:
        codes[count] = 0
        count += 1
    return count
