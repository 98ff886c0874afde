"""The draw backwards: at which positions of the training sequence a token of a source is seen.

source, tokens [first, last) ─▶ rows of each epoch that hold one ─▶ numbers of drawn rows ─▶ block, slot ─▶ positions
"""

from __future__ import annotations

import numpy as np

from curate.tokenize.draw import (
    GOLDEN,
    ROUNDS,
    U64,
    Int64s,
    Keys,
    count_rows,
    derive,
    scramble,
)


def unplace_rows(first: int, last: int, *, drawn: int, held: int, row_length: int, key: U64) -> tuple[Int64s, Int64s]:
    """Of the `drawn` first rows of a source, the numbers of those that hold one of its tokens [first, last), and the
    epoch of each; a row holds `row_length` tokens and the one that follows.

    `place_rows` cuts the source, a ring, at another place in every epoch; what is of one epoch is computed at once.
    """
    epoch_rows = max(held // row_length, 1)
    epochs = np.arange(-(-drawn // epoch_rows), dtype=np.int64)
    keys = derive(key, epochs)
    phases = (scramble(keys ^ GOLDEN) % U64(held)).astype(np.int64)
    parts = [
        _rows_over((first - phase) % held, last - first, held, row_length, epoch_rows) for phase in phases.tolist()
    ]
    epoch = np.repeat(epochs, [*map(len, parts)])
    row = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    number = epoch * epoch_rows + unpermute(row, np.full(len(row), epoch_rows, dtype=np.int64), keys[epoch])
    is_drawn = number < drawn  # the last epoch may be drawn in part
    return number[is_drawn], epoch[is_drawn]


def _rows_over(begin: int, length: int, held: int, row_length: int, epoch_rows: int) -> Int64s:
    """The rows of an epoch over a part of the ring, which begins `begin` tokens behind the epoch's first row."""
    found: set[int] = set()
    # A row's last token is the first of the next one; and behind the ring's end comes its beginning.
    for start, stop in (
        (begin, begin + length),
        (begin - held, begin + length - held),
        (begin + held, begin + length + held),
    ):
        low, high = max(-(-(start - row_length) // row_length), 0), min((stop - 1) // row_length, epoch_rows - 1)
        found.update(range(low, high + 1))
    return np.array(sorted(found), dtype=np.int64)


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
