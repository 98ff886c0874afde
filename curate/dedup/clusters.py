"""Candidates: documents that share a band with one another, directly or through others, as connected components.

    one band at a time ─▶ hash ranges that fit the cache ─▶ the first document with this key ─▶ united ─▶ components

No pair is listed: a bucket of k equal keys unites k - 1 times. In memory at once are one band, twice, and one integer a
document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import kernel, part

RANGE = 1 << 14
"""Keys of a hash range, on average: with the table that finds equal ones, 768 KB."""
HASH_BITS = 64

Band = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]
"""Documents and their keys, hashes of 64 bits; a document without a key is not there."""


def components(bands: Iterable[Band], count: int) -> npt.NDArray[np.int64]:
    """Connected components of documents 0 … count - 1, of which those with equal keys in a band hang together.

    Returns int64[count], for each its component's smallest document. Each band is used up before the next is asked for.
    """
    parents = np.arange(count, dtype=np.int64)
    room = FirstsTable.of(0)
    for documents, keys in bands:
        room = room if len(keys) <= len(room.firsts) else FirstsTable.of(len(keys))
        _unite_equal(documents, first_equal(keys, room), parents)
    point_at_roots(parents)
    return parents


class FirstsTable(NamedTuple):
    """Scratch for so many keys, used again for each band: new memory costs more than what is done in it."""

    firsts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, count: int) -> FirstsTable:
        return cls(np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.uint64))


def first_equal(keys: npt.NDArray[np.uint64], room: FirstsTable | None = None) -> npt.NDArray[np.int64]:
    """int64[n]: for each key the place of the first equal one; a part of `room`, where there is one."""
    room = room or FirstsTable.of(len(keys))
    shift, ranges = _ranges(len(keys))
    _find_first(keys, shift, ranges, *room)
    return room.firsts[: len(keys)]


def _ranges(count: int) -> tuple[np.uint64, int]:
    """How far a key is shifted to be the number of its hash range, and how many of these there are."""
    bits = max(count // RANGE, 1).bit_length() - 1
    return np.uint64(HASH_BITS - bits), 1 << bits


@kernel
def _find_first(keys, shift, ranges, firsts, who, what):
    starts = np.zeros(ranges + 1, dtype=np.int64)
    for key in keys:
        starts[_range_of(key, shift) + 1] += 1  # one further, so that their running sums are where each range starts
    size = 16
    while size < 2 * starts.max():  # one table for all ranges, at most half full with the largest
        size *= 2
    starts = np.cumsum(starts)
    places = starts[:-1].copy()
    for at in range(len(keys)):
        place = _range_of(keys[at], shift)
        who[places[place]], what[places[place]] = at, keys[at]
        places[place] += 1
    table, first = np.empty(size, dtype=np.uint64), np.empty(size, dtype=np.int64)
    mask = size - 1
    for number in range(ranges):
        first[:] = -1
        for at in range(starts[number], starts[number + 1]):
            # By low bits: the high ones are those of the range, alike in all of it.
            slot = np.int64(what[at] & np.uint64(mask))
            while first[slot] >= 0 and table[slot] != what[at]:
                slot = (slot + 1) & mask
            if first[slot] < 0:
                table[slot], first[slot] = what[at], who[at]
            firsts[who[at]] = first[slot]


@part
def _range_of(key, shift):
    """The high bits; a shift by all 64 is not defined."""
    return np.int64(key >> shift) if shift < HASH_BITS else 0


@kernel
def _unite_equal(documents, firsts, parents):
    """The smaller root becomes the parent, so that the result does not depend on the order of documents."""
    for at in range(len(documents)):
        if firsts[at] != at:
            one, other = root(parents, documents[firsts[at]]), root(parents, documents[at])
            parents[max(one, other)] = min(one, other)


@part
def root(parents, document):
    while parents[document] != document:
        parents[document] = parents[parents[document]]  # path halving
        document = parents[document]
    return document


@kernel
def point_at_roots(parents):
    for document in range(len(parents)):
        parents[document] = parents[parents[document]]  # a parent is smaller, so it points at its root already
