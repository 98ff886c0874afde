"""All n-grams of a model in one table of 64-bit numbers, and texts scored by it.

n-gram ─▶ 64-bit key ─▶ slot: 40 bits of the key │ 12 bits of probability │ 12 bits of back-off
stream of words ─▶ for each the longest n-gram that the table has, and the back-offs of those it lacks ─▶ Σ log10 p

Keys are polynomials in the words' hashes, the last word first, so that each word before it takes one multiplication. An
n-gram that the table lacks is taken for one that it has with a chance of 1e-10 or less. Of slots a third is free: an
n-gram needs 12 bytes. Probabilities of each length have 4096 steps of equal size between the least and the greatest
logarithm, back-offs 4095 and one that says 0 exactly: a step is 0.002 where they span eight orders of magnitude, so
that a logarithm is off by at most 0.001 (base 10), and a perplexity by far less, as errors cancel out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.filters.ngram.counts import FIELDS, MAX_ORDER, PARENT, WORD, NgramTrie
from curate.filters.ngram.kneser_ney import Estimates
from curate.filters.ngram.words import BEGIN, END, UNKNOWN, WordStream
from curate.text.compiled import inner, kernel, pointer

STEP = np.uint64(0xD6E8FEB86659FD93)
"""By which a key is multiplied for each word before its last one; odd."""
HALF, KEY_BITS, CODE_BITS = np.uint64(32), np.uint64(24), np.uint64(12)
FINGERPRINT = np.uint64((1 << 40) - 1)
CODE = np.uint64((1 << 12) - 1)
EMPTY, ONE = np.uint64(0), np.uint64(1)
CODES = 1 << 12
MOST_SLOTS = 1 << 32
LOW, SIZE, BACKOFF_LOW, BACKOFF_SIZE = range(4)


class NgramTable(NamedTuple):
    """`slots` uint64[slots]; `scales` float64[order + 1, 4]: least logarithm and size of a step, of probabilities and
    of back-offs, by length; `unknown` is the log10 probability of a word that the model does not know."""

    slots: npt.NDArray[np.uint64]
    scales: npt.NDArray[np.float64]
    unknown: float
    order: int


class KeyedNgrams(NamedTuple):
    """One entry an n-gram: key uint64, length int8 (0: no n-gram), log10 probability and back-off float32."""

    keys: npt.NDArray[np.uint64]
    lengths: npt.NDArray[np.int8]
    probabilities: npt.NDArray[np.float32]
    backoffs: npt.NDArray[np.float32]


class Scores(NamedTuple):
    """By document: the sum of log10 probabilities float64, and int64 how many words (ends of sentences included) it is
    of, and how many of these the model does not know."""

    logarithms: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]


def build_table(trie: NgramTrie, estimates: Estimates) -> NgramTable:
    """The table of all n-grams that were not pruned."""
    keys = np.zeros(len(trie.nodes), dtype=np.uint64)
    _key_nodes(trie.nodes.ravel(), trie.hashes, keys, powers(trie.order))
    return table_of(KeyedNgrams(keys, estimates.lengths, estimates.probabilities, estimates.backoffs), trie.order)


def table_of(ngrams: KeyedNgrams, order: int) -> NgramTable:
    """The table of n-grams by their keys, the unknown word among them; the shorter ones are placed first.

    Raises:
        UsageError: there are more than a table can have.
    """
    count = int(np.count_nonzero(ngrams.lengths))
    size = max(count * 3 // 2, 16)
    if size >= MOST_SLOTS:
        raise UsageError(f"{count:,} n-grams are more than a model can hold; prune them, or lower the order")
    scales, slots = _scales(ngrams, order), np.zeros(size, dtype=np.uint64)
    for length in range(1, order + 1):
        _place(*ngrams, length, scales[length], slots)
    unknown = ngrams.probabilities[(ngrams.keys == UNKNOWN) & (ngrams.lengths == 1)]
    return NgramTable(slots, scales, float(unknown[0]), order)


def joined_ngrams(parts: Iterable[KeyedNgrams]) -> KeyedNgrams:
    """One part behind the other."""
    return KeyedNgrams(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def score(stream: WordStream, table: NgramTable) -> Scores:
    """How likely each document of a stream is, its sentences one by one."""
    documents = len(stream.offsets) - 1
    logarithms, unknown = np.zeros(documents), np.zeros(documents, dtype=np.int64)
    _score(stream.hashes, stream.offsets, table.slots, table.scales, table.unknown, table.order, logarithms, unknown)
    return Scores(logarithms, np.diff(stream.offsets), unknown)


def powers(order: int) -> npt.NDArray[np.uint64]:
    """uint64[order + 1]: those of `STEP` from 0 on."""
    return np.multiply.accumulate(np.array([1] + [STEP] * order, dtype=np.uint64))


def _scales(ngrams: KeyedNgrams, order: int) -> npt.NDArray[np.float64]:
    scales = np.zeros((order + 1, 4))
    for length in range(1, order + 1):
        chosen = ngrams.lengths == length
        special = (ngrams.keys != BEGIN) & (ngrams.keys != UNKNOWN) if length == 1 else True  # no matter how unlikely
        scales[length, LOW : SIZE + 1] = _scale(ngrams.probabilities[chosen & special], CODES - 1)
        backoffs = ngrams.backoffs[chosen]
        scales[length, BACKOFF_LOW:] = _scale(backoffs[backoffs != 0], CODES - 2)
    return scales


def _scale(values: npt.NDArray[np.float32], steps: int) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return low, (high - low) / steps or 1.0


@kernel
def _key_nodes(nodes, hashes, keys, powers):
    lengths = np.zeros(len(keys), dtype=np.int8)
    for node in range(1, len(keys)):
        parent = nodes[FIELDS * node + PARENT]
        keys[node] = keys[parent] + hashes[nodes[FIELDS * node + WORD]] * powers[lengths[parent]]
        lengths[node] = lengths[parent] + 1


@kernel
def _place(keys, lengths, probabilities, backoffs, length, scale, slots):
    """Put the n-grams of one length into their slots."""
    table, size = pointer(slots), np.uint64(len(slots))
    for at in range(len(keys)):
        if lengths[at] == length:
            code = _step(probabilities[at], scale[LOW], scale[SIZE], CODES - 1)
            backoff = EMPTY
            if backoffs[at] != 0:
                backoff = ONE + _step(backoffs[at], scale[BACKOFF_LOW], scale[BACKOFF_SIZE], CODES - 2)
            slot, found = _find(table, size, keys[at])
            if found == EMPTY:  # else one of a million million is taken for another
                table[slot] = _fingerprint(keys[at]) << KEY_BITS | code << CODE_BITS | backoff


@inner
def _step(value, low, size, most):
    return np.uint64(min(max(round((value - low) / size), 0), most))


@inner
def _fingerprint(key):
    low = key & FINGERPRINT
    return low if low != EMPTY else ONE


@inner
def _find(slots, size, key):
    """The slot of an n-gram and what it has, or a free slot with its 0; a table has free slots."""
    slot = (key >> HALF) * size >> HALF
    wanted = _fingerprint(key)
    found = slots[slot]
    while found != EMPTY and found >> KEY_BITS != wanted:
        slot = slot + ONE if slot + ONE < size else EMPTY
        found = slots[slot]
    return slot, found


@kernel
def _score(hashes, bounds, slots, scales, unknown_word, order, logarithms, unknown):
    table, size, words, scale = pointer(slots), np.uint64(len(slots)), pointer(hashes), pointer(scales)
    backoffs, fresh = np.zeros(MAX_ORDER + 1), np.zeros(MAX_ORDER + 1)
    _, entry = _find(table, size, BEGIN)
    at_begin = _backoff(entry, scale, 1)
    for document in range(len(bounds) - 1):
        total = 0.0
        known = min(1, order - 1)  # how many words before this one make an n-gram that the table has
        backoffs[1] = at_begin
        begin = bounds[document]
        for at in range(begin, bounds[document + 1]):
            key, length, logarithm = EMPTY, 0, unknown_word
            while length <= known:
                before = at - length
                key = key * STEP + (words[before] if before >= begin else BEGIN)
                _, entry = _find(table, size, key)
                if entry == EMPTY:
                    break
                length += 1
                logarithm = scale[4 * length + LOW] + (entry >> CODE_BITS & CODE) * scale[4 * length + SIZE]
                fresh[length] = _backoff(entry, scale, length)
            if length == 0 or words[at] == UNKNOWN:
                unknown[document] += 1
                logarithm = unknown_word if length <= 1 else logarithm
            for missed in range(max(length, 1), known + 1):
                logarithm += backoffs[missed]
            total += logarithm
            known = min(length, order - 1)
            for reached in range(1, known + 1):
                backoffs[reached] = fresh[reached]
            if words[at] == END:
                begin, known = at + 1, min(1, order - 1)
                backoffs[1] = at_begin
        logarithms[document] = total


@inner
def _backoff(entry, scale, length):
    code = entry & CODE
    return 0.0 if code == EMPTY else scale[4 * length + BACKOFF_LOW] + (code - ONE) * scale[4 * length + BACKOFF_SIZE]
