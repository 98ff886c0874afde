"""Words between spaces, and how much of a text lies in n-grams of them that occur twice or more.

    words ─▶ hashes ─▶ n-grams that may repeat ─▶ counted ─▶ the most frequent one │ words covered by any

Every occurrence counts, as with RedPajama-v2, DCLM and OLMo 3; `curate.text.ngrams` counts as datatrove does, from the
second occurrence on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import text_buffers
from curate.text.characters import SPACE, character_classes, decode
from curate.text.compiled import inner, kernel
from curate.text.hashes import clear, find_slot, hash_prefixes, powers, table_size
from curate.text.information import measure_words, repeat_gains
from curate.text.ngrams import BYTES_A_WORD, DUPLICATE_SIZES, TOP_SIZES, begin_ngrams, hash_words, lengthen_ngrams

LARGEST = DUPLICATE_SIZES[-1]
COUNTS = (
    "words",
    "characters",
    "distinct",
    "bits",
    *(f"top_{size}" for size in TOP_SIZES),
    *(f"dupe_{size}" for size in DUPLICATE_SIZES),
)
"""Words, their characters, distinct words, sum of n log2 n (see `information`); characters of the most frequent n-gram
times its number (0 if none occurs twice); characters of the words in n-grams that occur twice or more."""


def count_repeats(texts: pl.Series) -> npt.NDArray[np.int64]:
    """int64[documents, COUNTS] of a String column."""
    buffers = text_buffers(texts)
    counts = np.zeros((buffers.documents, len(COUNTS)), dtype=np.int64)
    _count_documents(*buffers, character_classes(), repeat_gains(), powers(), counts)
    return counts


@kernel
def _count_documents(data, offsets, table, gains, power_table, counts):  # type: ignore[no-untyped-def]
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    room, slots = longest // 2 + 2, table_size(longest // 2 + 2)
    codes, classes = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.uint32)
    prefixes = np.empty(longest + 1, dtype=np.uint64)
    starts, ends = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    hashes, lengths = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    places, values = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint64)
    marks, covered = np.empty(slots * BYTES_A_WORD // 2, dtype=np.uint8), np.empty(room, dtype=np.uint8)
    keys, repeats = np.empty(slots, dtype=np.uint64), np.empty(slots, dtype=np.int32)
    for document in range(len(offsets) - 1):
        length = decode(data, offsets[document], offsets[document + 1], table, codes, classes)
        words = _cut_at_spaces(classes, length, starts, ends)
        hash_prefixes(codes, length, prefixes)
        hash_words(prefixes, power_table, starts, ends, words, hashes, lengths)
        row = counts[document]
        row[0], row[1] = words, lengths[words]
        row[2], row[3] = measure_words(hashes, words, keys, repeats, gains)
        left = begin_ngrams(hashes, words, places, values)
        for size in range(2, LARGEST + 1):
            left = lengthen_ngrams(hashes, words, size, left, places, values, marks)
            _count_ngrams(values, left, keys, repeats)
            if size <= TOP_SIZES[-1]:
                row[2 + size] = _top(lengths, size, left, places, values, keys, repeats)
            else:
                row[2 + size] = _duplicate(lengths, words, size, left, places, values, keys, repeats, covered)


@inner
def _cut_at_spaces(classes, length, starts, ends):  # type: ignore[no-untyped-def]
    words = at = 0
    while at < length:
        while at < length and classes[at] & SPACE:
            at += 1
        begin = at
        while at < length and not classes[at] & SPACE:
            at += 1
        if begin < at:
            starts[words], ends[words] = begin, at
            words += 1
    return words


@inner
def _count_ngrams(values, left, keys, repeats):  # type: ignore[no-untyped-def]
    mask = table_size(left) - 1
    clear(keys, mask + 1)
    for entry in range(left):
        slot = find_slot(keys, mask, values[entry])
        repeats[slot] = repeats[slot] + 1 if keys[slot] == values[entry] else 1
        keys[slot] = values[entry]


@inner
def _top(lengths, size, left, places, values, keys, repeats):  # type: ignore[no-untyped-def]
    """Characters of the most frequent n-gram times its number, the first of equals; 0 if none occurs twice."""
    mask = table_size(left) - 1
    best = characters = 0
    for entry in range(left):
        count = repeats[find_slot(keys, mask, values[entry])]
        if count > 1 and count > best:
            best = count
            characters = count * (lengths[places[entry] + size] - lengths[places[entry]])
    return characters


@inner
def _duplicate(lengths, words, size, left, places, values, keys, repeats, covered):  # type: ignore[no-untyped-def]
    """Characters of the words that lie in an n-gram which occurs twice or more."""
    mask = table_size(left) - 1
    clear(covered, words)
    for entry in range(left):
        if repeats[find_slot(keys, mask, values[entry])] > 1:
            covered[places[entry] : places[entry] + size] = 1
    characters = 0
    for word in range(words):
        characters += covered[word] * (lengths[word + 1] - lengths[word])
    return characters
