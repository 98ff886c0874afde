"""64-bit hashes of code point ranges, and the open-addressing set that counts them.

A range hashes to a polynomial in its code points modulo 2^64; `mix` spreads it over all bits before it meets a table.
Two different strings of one document share a hash with a chance of about 2^-64 a pair: then a ratio is off by that
string, and nothing else. Nothing depends on a seed of the process.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel

BASE = np.uint64(0x9E3779B97F4A7C15)
BASE_2, BASE_3, BASE_4 = (np.uint64(pow(0x9E3779B97F4A7C15, exponent, 1 << 64)) for exponent in (2, 3, 4))
SPREAD = np.uint64(0xD6E8FEB86659FD93)
POWER_BITS = 10
POWERS = 1 << POWER_BITS
ONE = np.uint64(1)
HALF = np.uint64(32)


@cache
def powers() -> npt.NDArray[np.uint64]:
    """uint64[1024]: the powers of BASE from 0 on."""
    return np.multiply.accumulate(np.array([1] + [BASE] * (POWERS - 1), dtype=np.uint64))


@inner
def hash_prefixes(codes, length, prefixes):
    """The polynomials of `codes[:0]`, `codes[:1]` … `codes[:length]`, from which that of any range follows."""
    value = prefixes[0] = np.uint64(0)
    at = 0
    while at + 4 <= length:  # four at a step: these do not wait for one another
        first = np.uint64(codes[at]) + ONE
        second = first * BASE + np.uint64(codes[at + 1]) + ONE
        third = second * BASE + np.uint64(codes[at + 2]) + ONE
        fourth = third * BASE + np.uint64(codes[at + 3]) + ONE
        prefixes[at + 1], prefixes[at + 2] = value * BASE + first, value * BASE_2 + second
        prefixes[at + 3] = value * BASE_3 + third
        value = prefixes[at + 4] = value * BASE_4 + fourth
        at += 4
    while at < length:
        value = prefixes[at + 1] = extend(value, codes[at])
        at += 1


@inner
def hash_between(prefixes, powers, start, end):
    """`hash_range(codes, start, end)` from the prefixes of `codes`; two multiplications for up to 1023 code points."""
    size = end - start
    # BASE ** size: the low ten bits of the exponent by the table, the others by squaring BASE ** 1024.
    power = powers[size & (POWERS - 1)]
    rest, factor = size >> POWER_BITS, powers[POWERS - 1] * BASE
    while rest > 0:
        power *= factor if rest & 1 else ONE
        factor *= factor
        rest >>= 1
    # What is before the range was multiplied by BASE once for each of its code points.
    return prefixes[end] - prefixes[start] * power


@inner
def hash_range(codes, start, end):
    """The polynomial of `codes[start:end]`, four at a step: these do not wait for one another."""
    value = np.uint64(0)
    at = start
    while at + 4 <= end:
        fresh = (np.uint64(codes[at]) + ONE) * BASE_3 + (np.uint64(codes[at + 1]) + ONE) * BASE_2
        fresh += (np.uint64(codes[at + 2]) + ONE) * BASE + np.uint64(codes[at + 3]) + ONE
        value = value * BASE_4 + fresh
        at += 4
    while at < end:
        value = extend(value, codes[at])
        at += 1
    return value


@inner
def extend(value, code):
    """The polynomial with one code point more; a code counts one more than it is, so that NUL lengthens a string."""
    return value * BASE + np.uint64(code) + ONE


@inner
def mix(value):
    """Spread a hash over all 64 bits; never 0, which marks a free slot."""
    value = (value ^ (value >> HALF)) * SPREAD
    value = (value ^ (value >> HALF)) * SPREAD
    return (value ^ (value >> HALF)) | ONE  # the low bit is given away; a slot's number comes of the high half


@inner
def table_size(entries):
    """The power of two that keeps a table at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@inner
def clear(table, count):
    """Set the first `count` entries to 0."""
    for slot in range(count):
        table[slot] = 0


@inner
def find_slot(keys, mask, key):
    """Where `key` stands in the open-addressing table `keys[:mask + 1]`, or the free slot where it belongs."""
    slot = np.int64(key >> HALF) & mask
    # A table is at most half full, so that a free slot ends the search.
    while (keys[slot] != key) & (keys[slot] != 0):  # one branch, which nearly always goes the same way
        slot = (slot + 1) & mask
    return slot


@kernel
def place_words(codes, offsets, keys):
    """Put the hash of each word `codes[offsets[i]:offsets[i + 1]]` into `keys`, a table; returns their slots, int64."""
    slots = np.empty(len(offsets) - 1, dtype=np.int64)
    for word in range(len(slots)):
        key = mix(hash_range(codes, offsets[word], offsets[word + 1]))
        slots[word] = find_slot(keys, len(keys) - 1, key)
        keys[slots[word]] = key
    return slots


@inner
def was_seen(keys, mask, key):
    """True if `key` is in the table; puts it there otherwise."""
    slot = find_slot(keys, mask, key)
    if keys[slot] == key:
        return True
    keys[slot] = key
    return False
