"""Words between spaces, and how much of a text lies in n-grams of them that occur twice or more.

    words ─▶ hashes ─▶ n-grams that may repeat ─▶ counted ─▶ the most frequent one │ words covered by any

Every occurrence counts, as with RedPajama-v2, DCLM and OLMo 3; `curate.text.ngrams` counts as datatrove does, from the
second occurrence on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.bits import find_runs
from curate.text.buffers import text_buffers
from curate.text.characters import SPACE, character_classes, decode
from curate.text.compiled import inner, kernel, pointer
from curate.text.hashes import clear, find_slot, hash_prefixes, powers, table_size
from curate.text.information import measure_words, repeat_gains
from curate.text.ngrams import DUPLICATE_SIZES, TOP_SIZES, begin_ngrams, hash_words, lengthen_ngrams
from curate.text.workspace import character_pointers, table_pointers, word_pointers, workspace_for

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
    room = workspace_for(buffers)
    covered = np.empty(len(room.words.hashes), dtype=np.uint8)
    _count_documents(*buffers, character_classes(), repeat_gains(), powers(), room, covered, counts)
    return counts


@kernel
def _count_documents(data, offsets, table, gains, power_table, room, covered, counts):
    text, table, gains, power_table = pointer(data), pointer(table), pointer(gains), pointer(power_table)
    characters, tables = character_pointers(room.characters), table_pointers(room.tables)
    hashes, lengths, places, values = word_pointers(room.words)
    covered = pointer(covered)
    codes, classes, prefixes = characters.codes, characters.classes, characters.prefixes
    for document in range(len(offsets) - 1):
        length = decode(text, offsets[document], offsets[document + 1], table, codes, classes)
        words = _cut_at_spaces(classes, length, characters.edges, characters.starts, characters.ends)
        hash_prefixes(codes, length, prefixes)
        hash_words(prefixes, power_table, characters.starts, characters.ends, words, hashes, lengths)
        row = counts[document]
        row[0], row[1] = words, lengths[words]
        row[2], row[3] = measure_words(hashes, words, tables.keys, tables.repeats, gains)
        left = begin_ngrams(hashes, words, places, values)
        for size in range(2, LARGEST + 1):
            left = lengthen_ngrams(hashes, words, size, left, places, values, tables.marks)
            _count_ngrams(values, left, tables.keys, tables.repeats)
            if size <= TOP_SIZES[-1]:
                # 2-grams are the fifth of COUNTS.
                row[2 + size] = _top(lengths, size, left, places, values, tables.keys, tables.repeats)
            else:
                row[2 + size] = _duplicate(
                    lengths, words, size, left, places, values, tables.keys, tables.repeats, covered
                )


@inner
def _cut_at_spaces(classes, length, edges, starts, ends):
    words = find_runs(classes, length, SPACE, edges)
    for word in range(words):
        starts[word], ends[word] = edges[2 * word], edges[2 * word + 1]
    return words


@inner
def _count_ngrams(values, left, keys, repeats):
    mask = table_size(left) - 1
    clear(keys, mask + 1)
    for entry in range(left):
        slot = find_slot(keys, mask, values[entry])
        # What a free slot has is of the size before.
        repeats[slot] = repeats[slot] + 1 if keys[slot] == values[entry] else 1
        keys[slot] = values[entry]


@inner
def _top(lengths, size, left, places, values, keys, repeats):
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
def _duplicate(lengths, words, size, left, places, values, keys, repeats, covered):
    """Characters of the words that lie in an n-gram which occurs twice or more."""
    mask = table_size(left) - 1
    clear(covered, words)
    for entry in range(left):
        if repeats[find_slot(keys, mask, values[entry])] > 1:
            for word in range(places[entry], places[entry] + size):
                covered[word] = 1
    characters = 0
    for word in range(words):
        characters += covered[word] * (lengths[word + 1] - lengths[word])
    return characters
