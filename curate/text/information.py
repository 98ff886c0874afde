"""How much a text says: distinct words, the entropy of its words, and how far it can be compressed.

hashes of words ─▶ table of counts ─▶ distinct words, sum of n log2 n
UTF-8 bytes ─▶ greedy LZ77 with a table of last places ─▶ bytes of an LZ4 block
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.bits import trailing_zeros
from curate.text.compiled import inner
from curate.text.hashes import HALF, clear, find_slot, table_size
from curate.text.loads import eight_bytes, four_bytes

FRACTION = 1 << 20
"""Unit of the sum of logarithms: whole numbers add up to the same on every machine."""

GAINS = 1 << 12
PLACES = 1 << 12
SHORTEST_MATCH = 4
FARTHEST_MATCH = 0xFFFF
LAST_MATCH, LAST_LITERALS = 12, 5
"""No match of an LZ4 block begins in its last twelve bytes, and none reaches into its last five."""
FIRST_LENGTH, FULL_BYTE = 15, 255
SPREAD, THREE = np.uint32(2654435761), np.uint64(3)


class WordInformation(NamedTuple):
    """`repeat_bits` is the sum of n log2 n over the distinct words, n their number, in units of 2 ** -20."""

    distinct_words: int
    repeat_bits: int


@cache
def repeat_gains() -> npt.NDArray[np.int64]:
    """int64[4096]: what n log2 n grows by from n to n + 1, in units of 2 ** -20, each n log2 n rounded by itself."""
    counts = np.arange(1, GAINS + 1, dtype=np.float64)
    return np.diff(np.rint(counts * np.log2(counts) * FRACTION), prepend=0).astype(np.int64)


def room_for_compression() -> npt.NDArray[np.uint64]:
    return np.empty(PLACES, dtype=np.uint64)


@inner
def measure_words(hashes, count, keys, repeats, gains):
    """`keys`, `repeats` are scratch: a table that `count` words fill at most half."""
    mask = table_size(count) - 1
    clear(keys, mask + 1)
    clear(repeats, mask + 1)
    distinct = bits = 0
    for word in range(count):
        slot = find_slot(keys, mask, hashes[word])
        seen = repeats[slot]
        distinct += seen == 0
        # The gains of a word add up to its n log2 n.
        bits += gains[seen] if seen < GAINS else _bits(seen + 1) - _bits(seen)
        keys[slot], repeats[slot] = hashes[word], seen + 1
    return WordInformation(distinct, bits)


@inner
def _bits(count):
    return int(np.rint(count * np.log2(float(count)) * FRACTION))


@inner
def compressed_size(data, start, end, places):
    """Bytes of `data[start:end]` as an LZ4 block that takes the last place where the same four bytes stood.

    `places` is scratch, uint64[PLACES]. The format is LZ4's (token, literals, offset, lengths of 15 and more in further
    bytes); its own compressor looks less closely at what does not repeat, so its blocks are a little larger.
    """
    clear(places, PLACES)  # an entry: one more than the place, above the four bytes that stood there
    size = literals = at = 0
    length = end - start
    while at < length - LAST_MATCH:
        word = four_bytes(data, start + at)
        place = np.uint64(np.uint32(word * SPREAD) >> np.uint32(20))  # the high 12 of 32 bits: one of PLACES
        found = places[place]
        places[place] = np.uint64(at + 1) << HALF | np.uint64(word)
        before = np.int64(found >> HALF) - 1  # -1 of an entry that is empty, and looks like four NUL bytes
        if np.uint32(found) == word and before >= 0 and at - before <= FARTHEST_MATCH:
            match = _match_length(data, start + before, start + at, start + length - LAST_LITERALS)
            # A token, two bytes of offset, the literals, and what lengths need besides.
            size += 3 + at - literals + _more(at - literals) + _more(match - SHORTEST_MATCH)
            at += match
            literals = at
        else:
            at += 1
    return size + (1 + length - literals + _more(length - literals) if length > 0 else 0)


@inner
def _match_length(data, one, other, end):
    """How long the equal bytes from `one` and from `other` on are, up to `end`; the first four are."""
    match = SHORTEST_MATCH
    while other + match + 8 <= end:
        difference = eight_bytes(data, one + match) ^ eight_bytes(data, other + match)
        if difference:  # its lowest bit is in the first byte that differs
            return match + np.int64(trailing_zeros(difference) >> THREE)
        match += 8
    while other + match < end and data[one + match] == data[other + match]:
        match += 1
    return match


@inner
def _more(size):
    """Further bytes of a length that does not fit its four bits."""
    return 0 if size < FIRST_LENGTH else 1 + (size - FIRST_LENGTH) // FULL_BYTE
