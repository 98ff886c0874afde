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
def compressed_size(data, start, end, places):  # type: ignore[no-untyped-def]
    """Bytes of `data[start:end]` as an LZ4 block that takes the last place where the same four bytes stood.

    `places` int32[PLACES] is scratch. The format is LZ4's (token, literals, offset, lengths of 255 and more in further
    bytes); its own compressor looks less closely at what does not repeat, so its blocks are a little larger.
    """
    places[:] = -1
    size = 0
    literals = at = 0
    length = end - start
    while at < length - LAST_MATCH:
        place = _place(data, start + at)
        before = places[place]
        places[place] = at
        if before < 0 or at - before > FARTHEST_MATCH or not _is_same(data, start + before, start + at):
            at += 1
            continue
        match = SHORTEST_MATCH
        while at + match < length - LAST_LITERALS and data[start + before + match] == data[start + at + match]:
            match += 1
        size += 3 + at - literals + _more(at - literals) + _more(match - SHORTEST_MATCH)
        at += match
        literals = at
    return size + (1 + length - literals + _more(length - literals) if length > 0 else 0)


@inner
def _place(data, at):  # type: ignore[no-untyped-def]
    word = np.uint32(data[at]) | np.uint32(data[at + 1]) << np.uint32(8)
    word |= np.uint32(data[at + 2]) << np.uint32(16) | np.uint32(data[at + 3]) << np.uint32(24)
    return np.int64(np.uint32(word * SPREAD) >> np.uint32(20))


@inner
def _is_same(data, one, other):  # type: ignore[no-untyped-def]
    return (
        data[one] == data[other]
        and data[one + 1] == data[other + 1]
        and data[one + 2] == data[other + 2]
        and data[one + 3] == data[other + 3]
    )


@inner
def _more(size):  # type: ignore[no-untyped-def]
    """Further bytes of a length that does not fit its four bits."""
    return 0 if size < FIRST_LENGTH else 1 + (size - FIRST_LENGTH) // FULL_BYTE
