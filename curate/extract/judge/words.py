"""What the words of class, id, role and itemprop say: a learned table from a word's hash to nine small numbers.

    hash (uint32, of the scanner) ─▶ slot ─▶ int8[9]: log-odds of content, of content on articles, of each type of page

A number is 16 times a log-odds, so ±127 is ±8. The table is learned in `word_odds` from words that several sites share.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner

PAGE_TYPES = ("article", "forum", "documentation", "product", "listing", "collection", "service")
CONTENT, IN_ARTICLES, FIRST_TYPE = range(3)
ODDS_WIDTH = FIRST_TYPE + len(PAGE_TYPES)
SPREAD = np.uint32(0x9E3779B1)
MIN_SLOTS = 1024


class WordTable(NamedTuple):
    """An open-addressing table: `keys` uint32[slots], 0 for a free one, at most a third of them taken; `odds`
    int8[slots, ODDS_WIDTH]. `slots` is a power of two."""

    keys: npt.NDArray[np.uint32]
    odds: npt.NDArray[np.int8]


def word_table(hashes: npt.NDArray[np.uint32], odds: npt.NDArray[np.int8]) -> WordTable:
    """A table of words: `hashes` uint32[words], none of them twice, and their `odds` int8[words, ODDS_WIDTH]."""
    slots = MIN_SLOTS
    while slots < 3 * len(hashes):
        slots *= 2
    table = WordTable(np.zeros(slots, dtype=np.uint32), np.zeros((slots, ODDS_WIDTH), dtype=np.int8))
    for word, row in zip(hashes.tolist(), odds, strict=True):
        slot = (word * int(SPREAD) & 0xFFFFFFFF) >> 8 & slots - 1
        while table.keys[slot]:
            slot = (slot + 1) & slots - 1
        table.keys[slot], table.odds[slot] = word, row
    return table


def words_in(table: WordTable) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int8]]:
    """The words of a table in the order of their hashes, and their odds."""
    taken = np.flatnonzero(table.keys)
    taken = taken[np.argsort(table.keys[taken])]
    return table.keys[taken], table.odds[taken]


@inner
def find_word(keys, last, word):
    """The slot of a word, or a free one; `last` is one less than the number of slots."""
    slot = np.int64(np.uint32(np.uint32(word) * SPREAD) >> np.uint32(8)) & last
    while keys[slot] != 0 and keys[slot] != word:
        slot = (slot + 1) & last
    return slot
