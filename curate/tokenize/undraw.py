"""The draw backwards: at which positions of the training sequence rows of a source are seen.

source, rows of epochs ─▶ numbers of drawn rows ─▶ block, slot ─▶ positions
"""

from __future__ import annotations

import numpy as np

from curate.tokenize.draw import (
    ROUNDS,
    U64,
    Int64s,
    Keys,
    count_rows,
    derive,
)


def unplace_rows(epoch: Int64s, row: Int64s, *, epoch_rows: int, key: U64) -> Int64s:
    """The numbers of the drawn rows that are these rows of these epochs: `place_rows` gives both back."""
    return epoch * epoch_rows + unpermute(row, np.full(len(row), epoch_rows, dtype=np.int64), derive(key, epoch))


def unassign_sources(source: int, drawn: Int64s, *, rows: int, block: int, weights: Int64s, key: U64) -> Int64s:
    """The positions of rows of a source, by their numbers in it: `assign_sources` gives source and number back."""
    last = max(rows // block, 1) - 1
    whole = int(count_rows(weights, np.array([rows]))[0, source])
    turn, number = np.divmod(drawn, whole)
    blocks = _block_of(source, number, rows=rows, block=block, last=last, weights=weights)
    firsts = blocks * block
    sizes = np.where(blocks == last, rows - firsts, block)
    before, after = count_rows(weights, firsts), count_rows(weights, firsts + sizes)
    lower = np.cumsum(after - before, axis=1)[:, source] - (after - before)[:, source]
    slot = lower + number - before[:, source]
    place = unpermute(slot, sizes, derive(key, turn * (last + 1) + blocks))
    return turn * rows + firsts + place


def _block_of(source: int, number: Int64s, *, rows: int, block: int, last: int, weights: Int64s) -> Int64s:
    """The block in which each row of a source stands: the first whose end is behind it, by halving."""
    low, high = np.zeros_like(number), np.full_like(number, last)
    while (low < high).any():
        middle = (low + high) // 2
        ends = np.where(middle == last, rows, (middle + 1) * block)
        is_behind = count_rows(weights, ends)[:, source] > number
        low, high = np.where(is_behind, low, middle + 1), np.where(is_behind, middle, high)
    return low


def unpermute(places: Int64s, size: Int64s, keys: Keys) -> Int64s:
    """Which index `permute` takes to each place: the network backwards, walked as far as it was walked."""
    bits = np.maximum(np.frexp((size - 1).astype(np.float64))[1], 2).astype(U64)
    index = _unfeistel(places.astype(U64), bits, keys)
    outside = np.flatnonzero(index >= size.astype(U64))
    while len(outside):
        index[outside] = _unfeistel(index[outside], bits[outside], keys[outside])
        outside = outside[index[outside] >= size[outside].astype(U64)]
    return index.astype(np.int64)


def _unfeistel(places: Keys, bits: Keys, keys: Keys) -> Keys:
    left_bits = bits // U64(2)
    right_bits = bits - left_bits
    left, right = places >> right_bits, places & ((U64(1) << right_bits) - U64(1))
    for turn in reversed(range(ROUNDS)):
        left_bits, right_bits = right_bits, left_bits
        # What was the right half stands on the left now, and mixed what is on the right.
        mixed = right ^ (derive(keys ^ left, np.array([turn])) >> U64(20))
        left, right = mixed & ((U64(1) << left_bits) - U64(1)), left
    return (left << right_bits) | right
