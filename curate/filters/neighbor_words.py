"""What tells close languages apart in a text: its words, and of words that are not listed the windows of five letters.

UTF-8 bytes ─▶ words, case folded ─▶ key ─┬▶ listed? ───────────────────▶ its weights ───┬▶ sums int64[texts, languages]
                                          └▶ windows " vr", "vreme" ─▶ their weights ─┘

A key is 32 bits of a hash: two words share one with a chance of 2^-32. Sums are of whole numbers, so a text's depend on
itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from curate.filters.neighbors_file import BUCKET_BITS, NeighborGroup
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.folding import ALONE, IGNORED, SEPARATOR, code_table, next_code
from curate.text.hashes import HALF, hash_range, mix

WINDOW = 5
"""Characters, the edges of a word among them."""
LONGEST_WORD = 40
"""Longer ones are addresses and encoded data."""
EDGE, LISTED = " ", "\1"
"""What no word has: before and behind it in windows, and behind what stands for a word as a whole."""
EDGE_CODE, LISTED_CODE = np.uint64(ord(EDGE)), np.uint64(ord(LISTED))
CHARACTER = np.uint64((1 << 24) - 1)
BUCKET_SHIFT = np.uint64(32 - BUCKET_BITS)
NO_ENTRY = -1


def word_feature(word: str) -> str:
    """A word as a whole, as `keys_of` takes it."""
    return word + LISTED


def windows_of(word: str) -> list[str]:
    """The windows that end at each character of a word and behind it: " t", " tk", " tko", " tko " of *tko*."""
    edged = f"{EDGE}{word}{EDGE}"
    return [edged[max(0, end - WINDOW) : end] for end in range(2, len(edged) + 1)]


def keys_of(features: Iterable[str]) -> npt.NDArray[np.uint32]:
    """uint32[n]: the key of each word and window."""
    each = list(features)
    codes = np.frombuffer("".join(each).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    ends = np.cumsum([0, *map(len, each)], dtype=np.int64)
    keys: npt.NDArray[np.uint32] = _hash_all(codes, ends)
    return keys


def sum_weights(buffers: TextBuffers, rows: npt.NDArray[np.int64], group: NeighborGroup) -> npt.NDArray[np.int64]:
    """int64[rows, languages]: the weights of all words of the texts `rows`, in the group's steps."""
    sums = np.zeros((len(rows), len(group.languages)), dtype=np.int64)
    codes = np.empty(LONGEST_WORD + 2, dtype=np.uint64)
    _add_texts(*buffers, rows, code_table(), group.keys, group.starts, group.weights, codes, sums)
    return sums


@kernel
def _hash_all(codes, ends):
    keys = np.empty(len(ends) - 1, dtype=np.uint32)
    for feature in range(len(keys)):
        keys[feature] = _key(codes, ends[feature], ends[feature + 1])
    return keys


@kernel
def _add_texts(data, offsets, rows, table, keys, starts, weights, codes, sums):
    text, table, codes = pointer(data), pointer(table), pointer(codes)
    keys, starts, languages = pointer(keys), pointer(starts), weights.shape[1]
    weights = pointer(weights)
    codes[0] = EDGE_CODE
    for row in range(len(rows)):
        at, end, length = offsets[rows[row]], offsets[rows[row] + 1], 0
        while at <= end:
            code, at = next_code(text, at, table) if at < end else (SEPARATOR, at + 1)
            if code == IGNORED:
                continue
            is_alone = (code & ALONE) != 0
            if length and (is_alone or code == SEPARATOR):
                _add_word(codes, length, keys, starts, weights, languages, sums, row)
                length = 0
            if is_alone:
                codes[1] = code & CHARACTER
                _add_word(codes, 1, keys, starts, weights, languages, sums, row)
            elif code != SEPARATOR:
                length += 1
                if length <= LONGEST_WORD:
                    codes[length] = code


@inner
def _add_word(codes, length, keys, starts, weights, languages, sums, row):
    if length > LONGEST_WORD:
        return
    codes[length + 1] = LISTED_CODE
    entry = _find(keys, starts, _key(codes, 1, length + 2))
    if entry != NO_ENTRY:
        _add(weights, entry, languages, sums, row)
        return
    codes[length + 1] = EDGE_CODE
    for end in range(2, length + 3):
        entry = _find(keys, starts, _key(codes, max(0, end - WINDOW), end))
        if entry != NO_ENTRY:
            _add(weights, entry, languages, sums, row)


@inner
def _key(codes, start, end):
    return np.uint32(mix(hash_range(codes, start, end)) >> HALF)


@inner
def _find(keys, starts, key):
    """Where the key stands; of a table of tens of thousands about one has the same high bits."""
    bucket = np.int64(key >> BUCKET_SHIFT)
    for entry in range(starts[bucket], starts[bucket + 1]):
        if keys[entry] == key:
            return entry
    return NO_ENTRY


@inner
def _add(weights, entry, languages, sums, row):
    for language in range(languages):
        sums[row, language] += weights[entry * languages + language]
