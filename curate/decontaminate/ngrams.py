"""The n-grams of evaluation items, so that a document can be asked which of them it holds.

    items: set, item, text, answer ─▶ words, folded ─▶ n-grams ─▶ each a number; by number its items and its weight

An n-gram weighs log(1 + items / items that have it): what one item alone has says more than what many have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel
from curate.text.folding import code_table
from curate.text.units import cut_words, join_units, room_for_words

FREE = -1
NORMALIZE = "words"


class Grams(NamedTuple):
    """Which n-grams there are: an open-addressing table, keys uint64[2^k] and their numbers int32[2^k] (FREE: none)."""

    keys: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.int32]


class Evaluation(NamedTuple):
    """The items and their n-grams.

    items: a frame of `set, item, words, ngrams` and `answer` (null where there is none); grams: see there; bounds
    int64[n_grams + 1] and members int32: n-gram i is in the items `members[bounds[i]:bounds[i + 1]]`; weights
    float64[n_grams]; totals float64[items]: the sum of the weights of an item's different n-grams.
    """

    ngram: int
    items: pl.DataFrame
    grams: Grams
    bounds: npt.NDArray[np.int64]
    members: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]
    totals: npt.NDArray[np.float64]

    @property
    def too_short(self) -> int:
        """Items of fewer words than an n-gram: nothing can find them."""
        return int((self.items["ngrams"] == 0).sum())


def index_items(items: pl.DataFrame, *, ngram: int) -> Evaluation:
    """Of items with the columns `set, item, text` and `answer` (null where there is none).

    Raises:
        UsageError: none of the items is long enough to be found.
    """
    hashes, which = hash_ngrams(items["text"], ngram=ngram)
    pairs = np.unique(np.stack([hashes, which.astype(np.uint64)], axis=1), axis=0) if len(hashes) else np.empty((0, 2))
    grams, first, counts = np.unique(pairs[:, 0].astype(np.uint64), return_index=True, return_counts=True)
    if not len(grams):
        raise UsageError(
            f"none of the {items.height:,} evaluation items has {ngram} words or more: none could be found"
        )
    members = pairs[:, 1].astype(np.int32)
    weights = np.log(1 + items.height / counts)
    totals = np.bincount(members, weights=np.repeat(weights, counts), minlength=items.height).astype(np.float64)
    words = pl.Series("words", count_words(items["text"]))
    sizes = pl.Series("ngrams", np.bincount(members, minlength=items.height))
    table = items.select("set", "item", words, sizes, "answer")
    return Evaluation(ngram, table, _table(grams), np.append(first, len(pairs)), members, weights, totals)


def hash_ngrams(texts: pl.Series, *, ngram: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Hashes of all n-grams of some texts, and the place of the text that each is of."""
    data, offsets = text_buffers(texts)
    most = int((np.diff(offsets) // 2 + 1).sum())
    hashes, which = np.empty(most, np.uint64), np.empty(most, np.int64)
    count = _hash(data, offsets, code_table(NORMALIZE), ngram, hashes, which)
    return hashes[:count], which[:count]


def count_words(texts: pl.Series) -> npt.NDArray[np.int64]:
    """int64[n]: words of each text, as they are compared."""
    return np.bincount(hash_ngrams(texts, ngram=1)[1], minlength=len(texts))


def _table(grams: npt.NDArray[np.uint64]) -> Grams:
    size = 1 << (4 * len(grams)).bit_length()
    keys, numbers = np.zeros(size, np.uint64), np.full(size, FREE, np.int32)
    _fill(grams, keys, numbers)
    return Grams(keys, numbers)


@kernel
def _hash(data, offsets, table, ngram, hashes, which):
    words, starts, ones = room_for_words(offsets)
    found = 0
    for document in range(len(offsets) - 1):
        count = cut_words(data, offsets[document], offsets[document + 1], table, words, starts, ones)
        join_units(words, ones, count, ngram)
        for at in range(count - ngram + 1):
            hashes[found], which[found] = words[at], document
            found += 1
    return found


@kernel
def _fill(grams, keys, numbers):
    mask = len(keys) - 1
    for number in range(len(grams)):
        slot = np.int64(grams[number] & np.uint64(mask))
        while numbers[slot] != FREE:
            slot = (slot + 1) & mask
        keys[slot], numbers[slot] = grams[number], number


@inner
def number_of(value, keys, numbers):
    """The number of an n-gram, or FREE where no item has it."""
    mask = len(keys) - 1
    slot = np.int64(value & np.uint64(mask))
    while numbers[slot] != FREE:
        if keys[slot] == value:
            return numbers[slot]
        slot = (slot + 1) & mask
    return FREE
