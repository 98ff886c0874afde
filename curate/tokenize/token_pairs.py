"""Pairs of tokens, in how many places each stands, and a table to find them by their ids, for kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner
from curate.text.hashes import HALF, SPREAD

LOW, ONE = np.uint64(0xFFFFFFFF), np.uint64(1)


class TokenPairs(NamedTuple):
    """Pair i has the ids `keys[i] >> 32` and `keys[i] & LOW`, and is in `places[starts[i]:ends[i]]`, numbers of words,
    `counts[i]` times; `table_keys`, 1 more than keys or 0, and `table` are where to find i by its key."""

    keys: npt.NDArray[np.uint64]
    counts: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    table_keys: npt.NDArray[np.uint64]
    table: npt.NDArray[np.int64]


@inner
def no_pairs(room):
    return TokenPairs(
        np.empty(room, np.uint64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.zeros(2 * room, np.uint64),
        np.empty(2 * room, np.int64),
    )


@inner
def with_more_room(pairs, used):
    more = no_pairs(2 * len(pairs.keys))
    for pair in range(used):
        more.keys[pair], more.counts[pair] = pairs.keys[pair], pairs.counts[pair]
        more.starts[pair], more.ends[pair] = pairs.starts[pair], pairs.ends[pair]
        enter(more, pair)
    return more


@inner
def key_of(first, second):
    return np.uint64(first) << HALF | np.uint64(second)


@inner
def enter(pairs, pair):
    """A key that is not in the table yet, which is never more than half full."""
    mask = len(pairs.table) - 1
    slot = np.int64(pairs.keys[pair] * SPREAD >> HALF) & mask
    while pairs.table_keys[slot] != 0:
        slot = (slot + 1) & mask
    pairs.table_keys[slot], pairs.table[slot] = pairs.keys[pair] + ONE, pair


@inner
def find(pairs, key):
    """The number of a pair, or -1."""
    mask = len(pairs.table) - 1
    slot = np.int64(key * SPREAD >> HALF) & mask
    while pairs.table_keys[slot] != 0 and pairs.table_keys[slot] != key + ONE:
        slot = (slot + 1) & mask
    return pairs.table[slot] if pairs.table_keys[slot] else -1


@inner
def grown(array, used):
    more = np.empty(2 * len(array), array.dtype)
    for place in range(used):  # numba takes seconds to compile a slice of unknown length
        more[place] = array[place]
    return more
