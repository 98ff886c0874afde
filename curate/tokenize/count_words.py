"""How often each word stands in texts, where a word is what `tokenizers` would split off, and merges never leave it.

texts ─▶ UTF-8 ─▶ the kind of every byte's character, and where training cuts ─▶ words ─▶ a table of words and counts

Expressions with a look ahead are slow, and the split of a tokenizer is half the time of its training. A kernel finds
the same words in one pass; what is a letter it is told by the library's own expressions, so the two never differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.hashes import HALF, hash_range, mix
from curate.tokenize.character_kinds import CharacterKinds
from curate.tokenize.split import WordSplit
from curate.tokenize.word_end import word_end

Scalar = TypeVar("Scalar", bound=np.generic)
BATCH_CHARACTERS = 1 << 20
SHORT, EIGHT, LONG = 7, np.uint64(8), np.uint64(1 << 63)


class CountedWords(NamedTuple):
    """Word i is `data[offsets[i]:offsets[i + 1]]`, in the order in which they first come; int64 offsets and counts."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def count_words(texts: Iterable[str], split: WordSplit) -> CountedWords:
    """Words of all texts; memory is that of different words, and of the largest text."""
    tally = Tally(split)
    for batch in batches_of(texts):
        tally.add(batch)
    return tally.words()


def batches_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts by the list, each of some BATCH_CHARACTERS; the last may be empty."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    yield batch


class Tally:
    """Words of the texts so far, in tables that grow."""

    def __init__(self, split: WordSplit) -> None:
        self._rules = split.max_digits, split.whitespace == "single"
        self._normalizer = split.normalizer
        self._data = np.empty(1 << 16, dtype=np.uint8)
        self._offsets = np.zeros((1 << 12) + 1, dtype=np.int64)
        self._counts = np.zeros(1 << 12, dtype=np.int64)
        self._table = np.zeros(1 << 14, dtype=np.uint64)
        self._kinds = CharacterKinds()
        self._words = 0

    def add(self, texts: list[str]) -> None:
        if self._normalizer is not None:
            texts = [self._normalizer.normalize_str(text) for text in texts]
        data, offsets = text_buffers(pl.Series(texts, dtype=pl.String))
        kinds = self._kinds.of_bytes(data, offsets)
        at, end = int(offsets[0]), int(offsets[-1])
        while at < end:
            held = (self._data, self._offsets, self._counts, self._table)
            at, self._words = _count(data, kinds, at, end, *self._rules, self._words, *held)
            if at < end:
                self._grow()

    def words(self) -> CountedWords:
        offsets = self._offsets[: self._words + 1]
        return CountedWords(self._data[: offsets[-1]], offsets, self._counts[: self._words])

    def _grow(self) -> None:
        """Twice the room for each, as a word did not fit."""
        self._data, self._offsets, self._counts = _doubled(self._data), _doubled(self._offsets), _doubled(self._counts)
        before, self._table = self._table, np.zeros(2 * len(self._table), dtype=np.uint64)
        _place_again(before, self._table)


def _doubled(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    return np.concatenate([array, np.zeros_like(array)])


@kernel
def _count(data, kinds, at, end, max_digits, is_space_single, words, pool, offsets, counts, table):
    """Count from `at` to `end`; returns where it stopped, which is before a word for which there is no room, and how
    many words there are."""
    room, max_words, slots = len(pool), len(counts), len(table) >> 1
    data, kinds, pool = pointer(data), pointer(kinds), pointer(pool)
    offsets, counts, table = pointer(offsets), pointer(counts), pointer(table)
    while at < end:
        stop = word_end(data, kinds, at, max_digits, is_space_single)
        key = _key(data, at, stop)
        slot = _first_slot(key, slots)
        while table[slot] and not _holds(table, slot, key, data, at, stop, pool, offsets):
            slot = _next_slot(slot, slots)
        if not table[slot]:
            used = offsets[words]
            if words == max_words or used + stop - at > room:
                break
            for place in range(stop - at):
                pool[used + place] = data[at + place]
            words += 1
            offsets[words] = used + stop - at
            table[slot], table[slot + 1] = key, np.uint64(words)
        counts[np.int64(table[slot + 1]) - 1] += 1
        at = stop
    return at, words


@inner
def _key(data, at, stop):
    """Of most words the word itself: up to seven bytes and how many; of a longer one a hash."""
    size = stop - at
    if size > SHORT:
        return hash_range(data, at, stop) | LONG
    key = np.uint64(size)
    for place in range(at, stop):
        key = key << EIGHT | np.uint64(data[place])
    return key


@inner
def _first_slot(key, slots):
    """A slot is two entries of a table: a word's key, or 0, and its number, from 1 on."""
    return (np.int64(mix(key) >> HALF) & (slots - 1)) << 1


@inner
def _next_slot(slot, slots):
    return (slot + 2) & ((slots << 1) - 1)


@inner
def _holds(table, slot, key, data, at, stop, pool, offsets):
    if table[slot] != key or stop - at <= SHORT:
        return table[slot] == key
    place, end = offsets[np.int64(table[slot + 1]) - 1], offsets[np.int64(table[slot + 1])]
    if end - place != stop - at:
        return False
    while at < stop and data[at] == pool[place]:
        at += 1
        place += 1
    return at == stop


@kernel
def _place_again(old, table):
    slots = len(table) >> 1
    for entry in range(0, len(old), 2):
        if old[entry]:
            slot = _first_slot(old[entry], slots)
            while table[slot]:
                slot = _next_slot(slot, slots)
            table[slot], table[slot + 1] = old[entry], old[entry + 1]
