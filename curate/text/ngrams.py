"""Repeated n-grams of words: how many characters the most frequent one covers, and how many lie in repeated ones.

    words ─▶ hash of each word ─▶ 2-, 3-, 4-grams counted          (words joined by a space)
          └▶ hash of the text before each word ─▶ 5- to 10-grams seen before   (words joined by nothing)

The arithmetic is datatrove's for table A1 of Gopher (Rae et al. 2021, arXiv:2112.11446): the most frequent n-gram
counts even where it occurs once; a repeated n-gram counts from its second occurrence, and occurrences do not overlap.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import inner
from curate.text.hashes import BASE, BASE_INVERSE, find_slot, hash_range, mix, power, table_size, was_seen

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
JOIN = np.uint64(0x2545F4914F6CDD1D)


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
        raised *= power(BASE, size)
        inverse *= power(BASE_INVERSE, size)
        prefix += value * inverse
        total += size
        hashes[word] = mix(value)
        prefixes[word + 1], powers[word + 1], lengths[word + 1] = prefix, raised, total


@inner
def top_ngram_characters(hashes, lengths, count, size, keys, counts, firsts):  # type: ignore[no-untyped-def]
    """Characters, spaces between words included, of the most frequent n-gram times its number; first of equals."""
    if count < size:
        return 0
    mask = table_size(count) - 1
    keys[: mask + 1] = 0
    best, best_first = 0, 0
    for first in range(count - size + 1):
        value = hashes[first]
        for word in range(first + 1, first + size):
            value = value * JOIN + hashes[word]
        key = mix(value)
        slot = find_slot(keys, mask, key)
        if keys[slot] == key:
            counts[slot] += 1
        else:
            keys[slot], counts[slot], firsts[slot] = key, 1, first
        if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
            best, best_first = counts[slot], firsts[slot]
    return best * (lengths[best_first + size] - lengths[best_first] + size - 1)


@inner
def duplicate_ngram_characters(prefixes, powers, lengths, count, size, keys):  # type: ignore[no-untyped-def]
    """Characters in n-grams that were seen before; after one, the search goes on behind it."""
    mask = table_size(count) - 1
    keys[: mask + 1] = 0
    repeated = 0
    first = 0
    while first + size <= count:
        last = first + size
        if was_seen(keys, mask, mix((prefixes[last] - prefixes[first]) * powers[last])):
            repeated += lengths[last] - lengths[first]
            first = last
        else:
            first += 1
    return repeated
