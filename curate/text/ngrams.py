"""Repeated n-grams of words: how many characters the most frequent one covers, and how many lie in repeated ones.

    words ─▶ hash of each ─▶ 2-grams that may occur twice ─▶ those of them that go on as 3-grams ─▶ … ─▶ 10-grams
                                    └▶ 2-, 3-, 4-grams: counted     └▶ 5- to 10-grams: seen before?

Most n-grams occur once, and one that repeats begins with two shorter ones that do. So each size looks only at what the
size before left over. A first look counts, in a byte each, how often a part of their hashes' bits occurs; only what may
repeat is counted exactly.

The arithmetic is datatrove's for table A1 of Gopher (Rae et al. 2021, arXiv:2112.11446): the most frequent n-gram
counts even where it occurs once; a repeated n-gram counts from its second occurrence, and occurrences do not overlap.
Where "ab c" and "a bc" stand in one text, datatrove takes them for the same words in a 5-gram; here they are not.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import inner
from curate.text.hashes import HALF, ONE, clear, find_slot, hash_between, mix, table_size, was_seen

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
JOIN = np.uint64(0x2545F4914F6CDD1D)
BYTES_A_WORD = 4
"""Of the first look: then at most one in four n-grams looks repeated by accident."""


@inner
def hash_words(prefixes, powers, starts, ends, count, hashes, lengths):
    """For each word its hash, and the characters of all words before it; `lengths` has `count + 1` entries."""
    total = 0
    lengths[0] = 0
    for word in range(count):
        total += ends[word] - starts[word]
        hashes[word] = mix(hash_between(prefixes, powers, starts[word], ends[word]))
        lengths[word + 1] = total


@inner
def begin_ngrams(hashes, count, places, values):
    """1-grams: every word may repeat. Fills `places` (int32) and `values` (uint64); returns how many there are."""
    for word in range(count):
        places[word], values[word] = word, hashes[word]
    return count


@inner
def lengthen_ngrams(hashes, count, size, left, places, values, marks):
    """From the `left` (n - 1)-grams that may repeat, those n-grams that may; returns how many.

    An entry is the word where an n-gram begins and its hash; an n-gram needs an entry at the next word, too.
    """
    longer = 0
    places[left] = count  # no word: nothing goes on into it
    for entry in range(left):
        place = places[entry]
        goes_on = (place + size <= count) & ((size == 2) | (places[entry + 1] == place + 1))
        places[longer] = place  # in place: `longer` never passes `entry`, and the entry behind it is still the old one
        values[longer] = values[entry] * JOIN + hashes[min(place + size, count) - 1] | ONE
        longer += goes_on  # written in any case, and counted if it does: no branch to guess wrongly at
    mask = table_size(longer) * BYTES_A_WORD // 2 - 1  # a power of two of at least four bytes an n-gram
    clear(marks, mask + 1)
    for entry in range(longer):
        mark = np.int64(values[entry] >> HALF) & mask
        marks[mark] = 1 + (marks[mark] > 0)  # never, once, or more often: a byte cannot run over
    repeats = 0
    for entry in range(longer):
        places[repeats], values[repeats] = places[entry], values[entry]
        repeats += marks[np.int64(values[entry] >> HALF) & mask] > 1
    return repeats


@inner
def top_ngram_characters(lengths, count, size, left, places, values, keys, counts, firsts):
    """Characters, spaces between words included, of the most frequent n-gram times its number; first of equals."""
    if count < size:
        return 0
    mask = table_size(left) - 1
    clear(keys, mask + 1)
    clear(counts, mask + 1)
    best, best_first = 1, 0  # where none occurs twice, it is the text's first
    for entry in range(left):
        slot = find_slot(keys, mask, values[entry])
        # `firsts` is not cleared: that of a free slot is of another document or size.
        keys[slot], firsts[slot] = values[entry], firsts[slot] if counts[slot] > 0 else places[entry]
        counts[slot] += 1
        if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
            best, best_first = counts[slot], firsts[slot]
    return best * (lengths[best_first + size] - lengths[best_first] + size - 1)  # and a space between two words each


@inner
def duplicate_ngram_characters(lengths, size, left, places, values, keys):
    """Characters in n-grams that were seen before; after one, the search goes on behind it."""
    mask = table_size(left) - 1
    clear(keys, mask + 1)
    repeated = behind = 0
    for entry in range(left):
        place = places[entry]
        if place >= behind and was_seen(keys, mask, values[entry]):
            repeated += lengths[place + size] - lengths[place]
            behind = place + size
    return repeated
