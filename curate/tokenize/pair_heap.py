"""Pairs by how often they come: a binary heap in three arrays, for kernels, which hold its size themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner


class Heap(NamedTuple):
    """A binary heap of pairs: the greatest count on top, of these the smallest key."""

    counts: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    pairs: npt.NDArray[np.int64]


@inner
def _is_before(heap, place, count, key):
    """Whether what stands at a place belongs above a pair."""
    return heap.counts[place] > count or (heap.counts[place] == count and heap.keys[place] < key)


@inner
def push(heap, size, count, key, pair):
    place = size
    while place > 0 and not _is_before(heap, (place - 1) >> 1, count, key):
        _move(heap, (place - 1) >> 1, place)
        place = (place - 1) >> 1
    heap.counts[place], heap.keys[place], heap.pairs[place] = count, key, pair
    return size + 1


@inner
def pop(heap, size):
    """Without the pair on top; returns how many are left."""
    last = size - 1
    sink(heap, last, heap.counts[last], heap.keys[last], heap.pairs[last])
    return last


@inner
def sink(heap, size, count, key, pair):
    """A pair instead of the one on top."""
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and _is_before(heap, child + 1, heap.counts[child], heap.keys[child]):
            child += 1
        if not _is_before(heap, child, count, key):
            break
        _move(heap, child, place)
        place = child
    heap.counts[place], heap.keys[place], heap.pairs[place] = count, key, pair


@inner
def _move(heap, source, target):
    heap.counts[target], heap.keys[target], heap.pairs[target] = (
        heap.counts[source],
        heap.keys[source],
        heap.pairs[source],
    )
