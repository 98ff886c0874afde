"""Sixty-four code points as one number, a bit for each of a wanted class: what lies between them costs nothing.

classes ─▶ 64 at a time: is it of the class? ─▶ uint64 ─▶ its set bits one by one, or all those of a range at once
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.compiled import inner, intrinsic

BLOCK = 64
# Of their type throughout: to numba, a uint64 and an int64 together are a float64.
ONE, SIX, LAST = (np.uint64(number) for number in (1, 6, BLOCK - 1))
NO_BITS, ALL_BITS = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


def _trailing_zeros(context: Any, bits: Any) -> Any:
    from numba import types

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        is_undefined_at_zero = context.get_constant(types.boolean, False)
        return builder.cttz(values[0], is_undefined_at_zero)

    return types.uint64(types.uint64), lower


trailing_zeros: Any = intrinsic(_trailing_zeros)
"""How many zeros stand below the lowest set bit of a uint64; 64 if none is set."""


def _count_ones(context: Any, bits: Any) -> Any:
    from numba import types

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.uint64(types.uint64), lower


count_ones: Any = intrinsic(_count_ones)
"""How many bits of a uint64 are set."""


@inner
def class_bits(classes, first, end, wanted):
    """Bit i: the code point at `first + i` is of a wanted class; none of those from `end` on is."""
    bits = NO_BITS
    if first + BLOCK <= end:  # a loop of known length compiles to vector instructions
        for bit in range(BLOCK):
            bits |= np.uint64(classes[first + bit] & wanted != 0) << np.uint64(bit)
    else:
        for bit in range(end - first):  # the rest of the text; bits beyond it stay 0
            bits |= np.uint64(classes[first + bit] & wanted != 0) << np.uint64(bit)
    return bits


@inner
def bits_below(count):
    """The lowest `count` of 0 to 64 bits."""
    return ALL_BITS >> np.uint64(BLOCK - count) if count > 0 else NO_BITS  # a shift by all 64 bits is not defined


@inner
def bits_between(bits, low, high):
    """Those of `low` to `high` (uint64, 1 to 64 apart) in an array of blocks, lowest first; reads one block further."""
    block, shift = low >> SIX, low & LAST
    # Two shifts to the left, as one by 64 - 0 is not defined; by 1 and 63 they leave nothing of the next block.
    found = bits[block] >> shift | bits[block + ONE] << ONE << (LAST - shift)
    return found & (ALL_BITS >> (LAST - (high - low - ONE)))


@inner
def find_places(classes, length, wanted, places):
    """Write where the code points of a wanted class stand; returns how many there are."""
    count = 0
    for first in range(0, length, BLOCK):
        bits = class_bits(classes, first, length, wanted)
        while bits != NO_BITS:
            places[count] = first + np.int64(trailing_zeros(bits))
            bits &= bits - ONE  # the lowest set bit goes
            count += 1
    return count


@inner
def find_runs(classes, length, unwanted, edges):
    """Write where each run of code points of no unwanted class begins and where it ends; returns how many runs."""
    count, before = 0, NO_BITS
    for first in range(0, length, BLOCK):
        bits = ~class_bits(classes, first, length, unwanted) & bits_below(min(length - first, BLOCK))
        # A bit where one of a code point and the one before it is in a run, and the other is not.
        changes = bits ^ (bits << ONE | before)
        before = bits >> LAST  # the last code point of this block stands before the first of the next
        while changes != NO_BITS:
            edges[count] = first + np.int64(trailing_zeros(changes))
            changes &= changes - ONE
            count += 1
    if before != NO_BITS:  # a run up to the end of a text that fills its last block: no 0 stood behind it
        edges[count] = length
        count += 1
    return count // 2
