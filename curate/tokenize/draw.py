"""The arithmetic of the draw: which row stands at a position of the training sequence; no table, no state.

position ─▶ block ─▶ slot in the shuffled block ─▶ source, number of its row ─▶ epoch, shuffled row
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

U64 = np.uint64
GOLDEN = U64(0x9E3779B97F4A7C15)
ROUNDS = 4
"""Even: after an even number of swaps the two halves of the Feistel network have their own widths again."""
WEIGHT_BITS = 30
"""Weights are whole parts of 2**30: plans are the same on every machine, and `weight * position` stays in 63 bits."""


class DrawnRows(NamedTuple):
    """Which rows stand at some positions: index of the source, epoch, number of the row in it (see `epoch_order`)."""

    source: npt.NDArray[np.int32]
    epoch: Int64s
    row: Int64s


def count_rows(weights: Int64s, positions: Int64s) -> Int64s:
    """int64[n, sources]: how many of the first `positions[i]` rows each source has; largest remainders, exact sums."""
    exact: Int64s = positions[:, None] * weights
    counts: Int64s = exact >> WEIGHT_BITS
    remainders = exact - (counts << WEIGHT_BITS)
    # Sorted twice: the place of each in the order of the first sort. Ties go to the first source.
    rank = np.argsort(np.argsort(-remainders, axis=1, kind="stable"), axis=1, kind="stable")
    # Fewer than sources: weights sum to 2**30, and each lost less than one row.
    missing = positions - counts.sum(axis=1)
    counts += rank < missing[:, None]
    return counts


def assign_sources(positions: Int64s, *, rows: int, block: int, weights: Int64s, key: U64) -> tuple[Int64s, Int64s]:
    """Of each position: its source, and how many rows of that source come before it.

    A plan has `rows` positions, cut into blocks of `block` (the last takes the rest as well); in each, every source has
    its share, in a shuffled order. Positions beyond go through the plan again, shuffled anew.
    """
    last = max(rows // block, 1) - 1
    turn, place = np.divmod(positions, rows)
    # What is of a block is computed once a block.
    numbers, which = np.unique(np.minimum(place // block, last), return_inverse=True)
    firsts = numbers * block
    sizes = np.where(numbers == last, rows - firsts, block)
    before = count_rows(weights, firsts)
    bounds = np.cumsum(count_rows(weights, firsts + sizes) - before, axis=1)
    block_keys = derive(key, turn * (last + 1) + numbers[which])  # a number of its own for each block of each turn
    slot = permute(place - firsts[which], sizes[which], block_keys)
    # Bounds are where each source ends: as many are passed as sources come before.
    source = (slot[:, None] >= bounds[which]).sum(axis=1)
    # Source 0 reads the last bound there, and does not use it.
    lower = np.where(source > 0, bounds[which, source - 1], 0)
    whole = count_rows(weights, np.array([rows]))[0]
    return source, turn * whole[source] + before[which, source] + slot - lower


def rows_of_epoch(held: int, row_length: int) -> int:
    """How many rows an epoch has: less than a row is left out of it, other tokens in each."""
    return max(held // row_length, 1)


def place_rows(drawn: Int64s, *, epoch_rows: Int64s, keys: Keys) -> tuple[Int64s, Int64s]:
    """Epoch and row of row number `drawn` of a source whose epochs have `epoch_rows`: each row once an epoch."""
    epoch, number = np.divmod(drawn, epoch_rows)
    return epoch, permute(number, epoch_rows, derive(keys, epoch))


def permute(index: Int64s, size: Int64s, keys: Keys) -> Int64s:
    """Where each index goes in the permutation of [0, size) that its key names; all are int64[n], uint64[n].

    An unbalanced Feistel network over the least number of bits, walked until it lands below `size` (Black and Rogaway
    2002). The round function takes high bits of the hash: with low ones, neighbors keep their parity too often.
    """
    # frexp's exponent is the bit length of size - 1; two bits at least, so that both halves have one.
    bits = np.maximum(np.frexp((size - 1).astype(np.float64))[1], 2).astype(U64)
    places = _feistel(index.astype(U64), bits, keys)
    outside = np.flatnonzero(places >= size.astype(U64))
    while len(outside):  # ends: the cycle leads back to `index`, which is below `size`
        places[outside] = _feistel(places[outside], bits[outside], keys[outside])
        outside = outside[places[outside] >= size[outside].astype(U64)]
    return places.astype(np.int64)


def _feistel(places: Keys, bits: Keys, keys: Keys) -> Keys:
    left_bits = bits // U64(2)
    right_bits = bits - left_bits
    left, right = places >> right_bits, places & ((U64(1) << right_bits) - U64(1))
    for turn in range(ROUNDS):
        mixed = left ^ (derive(keys ^ right, np.array([turn])) >> U64(20))
        left, right = right, mixed & ((U64(1) << left_bits) - U64(1))
        left_bits, right_bits = right_bits, left_bits
    return (left << right_bits) | right


def derive(keys: Keys | U64, numbers: Int64s) -> Keys:
    """A key for each number, from one key or from one key each."""
    return scramble(keys + GOLDEN * (numbers.astype(U64) + U64(1)))  # plus one, as 0 would leave the key as it is


def scramble(x: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    return x ^ (x >> U64(31))
