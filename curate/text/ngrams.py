"""Repeated n-grams of words: how many characters the most frequent one covers, and how many lie in repeated ones.

    words ─▶ hash of each word ─▶ 2-, 3-, 4-grams counted          (words joined by a space)
          └▶ hash of the text before each word ─▶ 5- to 10-grams seen before   (words joined by nothing)

Most n-grams occur once. A first look counts, in a byte each, how often a part of their hashes' bits occurs; only those
that may repeat go on to the exact table.

The arithmetic is datatrove's for table A1 of Gopher (Rae et al. 2021, arXiv:2112.11446): the most frequent n-gram
counts even where it occurs once; a repeated n-gram counts from its second occurrence, and occurrences do not overlap.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import inner
from curate.text.hashes import (
    BASE,
    BASE_INVERSE,
    HALF,
    SPREAD,
    find_slot,
    hash_range,
    mix,
    power,
    powers_of,
    table_size,
    was_seen,
)

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
JOIN = np.uint64(0x2545F4914F6CDD1D)
BYTES_A_WORD = 8
"""Of the first look: then at most one in eight n-grams looks repeated by accident."""

USUAL_LENGTH = 32
POWERS = powers_of(BASE, USUAL_LENGTH)
INVERSE_POWERS = powers_of(BASE_INVERSE, USUAL_LENGTH)


@inner
def hash_words(codes, starts, ends, count, hashes, prefixes, powers, lengths):  # type: ignore[no-untyped-def]
    """For each word its hash; and of the text of all words before it, joined: polynomial, BASE ** end, characters.

    `prefixes`, `powers` and `lengths` have `count + 1` entries. The polynomial is kept in powers of 1 / BASE, so
    that words i … j - 1 joined hash to (prefixes[j] - prefixes[i]) * powers[j].
    """
    prefix, raised, inverse = np.uint64(0), np.uint64(1), np.uint64(1)
    total = 0
    prefixes[0], powers[0], lengths[0] = prefix, raised, 0
    for word in range(count):
        size = ends[word] - starts[word]
        value = hash_range(codes, starts[word], ends[word])
        raised *= POWERS[size] if size < USUAL_LENGTH else power(BASE, size)
        inverse *= INVERSE_POWERS[size] if size < USUAL_LENGTH else power(BASE_INVERSE, size)
        prefix += value * inverse
        total += size
        hashes[word] = mix(value)
        prefixes[word + 1], powers[word + 1], lengths[word + 1] = prefix, raised, total


@inner
def top_ngram_characters(hashes, lengths, count, size, values, marks, keys, counts, firsts):  # type: ignore[no-untyped-def]
    """Characters, spaces between words included, of the most frequent n-gram times its number; first of equals."""
    ngrams = count - size + 1
    if ngrams < 1:
        return 0
    for first in range(ngrams):
        value = hashes[first]
        for word in range(first + 1, first + size):
            value = value * JOIN + hashes[word]
        values[first] = mix(value)
    best, best_first = 1, 0
    marks_mask = table_size(count) * BYTES_A_WORD // 2 - 1
    mask = table_size(_mark_repeats(values, ngrams, marks, marks_mask)) - 1
    keys[: mask + 1] = 0
    for first in range(ngrams):
        if marks[_place(values[first], marks_mask)] < 2:
            continue
        slot = find_slot(keys, mask, values[first])
        if keys[slot] == values[first]:
            counts[slot] += 1
        else:
            keys[slot], counts[slot], firsts[slot] = values[first], 1, first
        if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
            best, best_first = counts[slot], firsts[slot]
    return best * (lengths[best_first + size] - lengths[best_first] + size - 1)


@inner
def duplicate_ngram_characters(prefixes, powers, lengths, count, size, values, marks, keys):  # type: ignore[no-untyped-def]
    """Characters in n-grams that were seen before; after one, the search goes on behind it."""
    ngrams = count - size + 1
    if ngrams < 1:
        return 0
    for first in range(ngrams):
        values[first] = (prefixes[first + size] - prefixes[first]) * powers[first + size] * SPREAD
    marks_mask = table_size(count) * BYTES_A_WORD // 2 - 1
    mask = table_size(_mark_repeats(values, ngrams, marks, marks_mask)) - 1
    keys[: mask + 1] = 0
    repeated = 0
    first = 0
    while first < ngrams:
        if marks[_place(values[first], marks_mask)] > 1 and was_seen(keys, mask, mix(values[first])):
            repeated += lengths[first + size] - lengths[first]
            first += size
        else:
            first += 1
    return repeated


@inner
def _mark_repeats(values, count, marks, mask):  # type: ignore[no-untyped-def]
    """Fill the first look: 1 where one value falls, 2 where more do; returns how many values may repeat."""
    marks[: mask + 1] = 0
    for at in range(count):
        place = _place(values[at], mask)
        marks[place] = 1 + (marks[place] > 0)
    repeats = 0
    for at in range(count):
        repeats += marks[_place(values[at], mask)] > 1
    return repeats


@inner
def _place(value, mask):  # type: ignore[no-untyped-def]
    return np.int64(value >> HALF) & mask
