"""A Bloom filter of 64-bit hashes: what was added is always found again, other things rarely.

capacity, share of false finds ─▶ bits and probes ─▶ uint64 words in memory

Probes come from the two halves of one hash (Kirsch and Mitzenmacher 2006), so the filter is the same on every machine
and in every process.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner

MIN_BITS = 64


class Bloom(NamedTuple):
    """`words` holds the bits, uint64; a power of two of them."""

    words: npt.NDArray[np.uint64]
    probes: int


def bits_needed(capacity: int, max_false_positives: float) -> int:
    """Bits for that share of false finds once `capacity` different hashes are in: 9.6 each for 1 %."""
    return max(math.ceil(-capacity * math.log(max_false_positives) / math.log(2) ** 2), MIN_BITS)


def bytes_needed(capacity: int, max_false_positives: float) -> int:
    """Bytes of memory of the filter: those of the next power of two of bits."""
    return (1 << (bits_needed(capacity, max_false_positives) - 1).bit_length()) // 8


def new_bloom(capacity: int, max_false_positives: float) -> Bloom:
    size = bytes_needed(capacity, max_false_positives)
    return Bloom(np.zeros(size // 8, dtype=np.uint64), probes_for(capacity, size * 8, max_false_positives))


def probes_for(capacity: int, bits: int, max_false_positives: float) -> int:
    """As many as are best for the bits, but with bits to spare no more than that share needs."""
    best = max(1, round(bits / max(capacity, 1) * math.log(2)))
    return min(best, math.ceil(-math.log2(max_false_positives)))


def false_positive_share(count: int, bits: int, probes: int) -> float:
    """Of hashes never added, those that are found once `count` different ones are in."""
    return float((1 - math.exp(-probes * count / bits)) ** probes)


@inner
def has(words, probes, value):
    mask = np.uint64(64 * len(words) - 1)
    step = (value >> np.uint64(32)) | np.uint64(1)  # odd: it has no factor in common with a power of two of bits
    for _ in range(probes):
        bit = value & mask
        if not (words[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & np.uint64(1):
            return False
        value += step
    return True


@inner
def put(words, probes, value):
    """Adds a hash; whether it was not found before."""
    mask = np.uint64(64 * len(words) - 1)
    step = (value >> np.uint64(32)) | np.uint64(1)
    is_new = False
    for _ in range(probes):
        bit = value & mask
        place, flag = bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63))
        is_new = is_new or words[place] & flag == 0
        words[place] |= flag
        value += step
    return is_new
