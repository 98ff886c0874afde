"""How much a text says: distinct words, the entropy of its words, and how far it can be compressed.

hashes of words ─▶ table of counts ─▶ distinct words, sum of n log2 n
UTF-8 bytes ─▶ greedy LZ77 with a table of last places ─▶ bytes of an LZ4 block
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.text.compiled import inner
from curate.text.hashes import find_slot, table_size

FRACTION = 1 << 20
"""Unit of the sum of logarithms: whole numbers add up to the same on every machine."""

PLACES = 1 << 12
SHORTEST_MATCH = 4
FARTHEST_MATCH = 0xFFFF
LAST_MATCH, LAST_LITERALS = 12, 5
"""No match of an LZ4 block begins in its last twelve bytes, and none reaches into its last five."""
FIRST_LENGTH, FULL_BYTE = 15, 255
SPREAD = np.uint32(2654435761)


class WordInformation(NamedTuple):
    """`repeat_bits` is the sum of n log2 n over the distinct words, n their number, in units of 2 ** -20."""

    distinct_words: int
    repeat_bits: int


@inner
def measure_words(hashes, count, keys, repeats):  # type: ignore[no-untyped-def]
    """`keys`, `repeats` are scratch: a table that `count` words fill at most half."""
    mask = table_size(count) - 1
    keys[: mask + 1] = 0
    distinct = bits = 0
    for word in range(count):
        slot = find_slot(keys, mask, hashes[word])
        if keys[slot] == hashes[word]:
            repeats[slot] += 1
        else:
            keys[slot], repeats[slot] = hashes[word], 1
            distinct += 1
    for slot in range(mask + 1):
        if keys[slot] != 0 and repeats[slot] > 1:
            bits += int(np.rint(repeats[slot] * np.log2(float(repeats[slot])) * FRACTION))
    return WordInformation(distinct, bits)


@inner
def compressed_size(data, start, end, places, words):  # type: ignore[no-untyped-def]
    """Bytes of `data[start:end]` as an LZ4 block that takes the last place where the same four bytes stood.

    `places` int32[PLACES] and `words` uint32[PLACES] are scratch. The format is LZ4's (token, literals, offset, lengths
    of 15 and more in further bytes); its own compressor looks less closely at what does not repeat, so its blocks are a
    little larger.
    """
    places[:] = -1
    size = literals = at = 0
    length = end - start
    word = _first_word(data, start, length)
    while at < length - LAST_MATCH:
        place = np.int64(np.uint32(word * SPREAD) >> np.uint32(20))
        before, is_same = places[place], words[place] == word
        places[place], words[place] = at, word
        step = 1
        if is_same and before >= 0 and at - before <= FARTHEST_MATCH:
            match = _match_length(data, start + before, start + at, start + length - LAST_LITERALS)
            size += 3 + at - literals + _more(at - literals) + _more(match - SHORTEST_MATCH)
            literals = at + match
            step = match
        for following in range(start + at + SHORTEST_MATCH, start + at + SHORTEST_MATCH + step):
            word = word >> np.uint32(8) | np.uint32(data[min(following, end - 1)]) << np.uint32(24)
        at += step
    return size + (1 + length - literals + _more(length - literals) if length > 0 else 0)


@inner
def _first_word(data, start, length):  # type: ignore[no-untyped-def]
    word = np.uint32(0)
    for offset in range(min(length, SHORTEST_MATCH)):
        word |= np.uint32(data[start + offset]) << np.uint32(8 * offset)
    return word


@inner
def _match_length(data, one, other, end):  # type: ignore[no-untyped-def]
    match = SHORTEST_MATCH
    while other + match < end and data[one + match] == data[other + match]:
        match += 1
    return match


@inner
def _more(size):  # type: ignore[no-untyped-def]
    """Further bytes of a length that does not fit its four bits."""
    return 0 if size < FIRST_LENGTH else 1 + (size - FIRST_LENGTH) // FULL_BYTE
