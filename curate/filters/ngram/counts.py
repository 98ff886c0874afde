"""How often each n-gram stands in a corpus, and beside how many words: one pass over a stream of words, in memory.

stream ─▶ ids of words ─▶ trie: (n-gram without its last word, last word) ─▶ node: parent, word, suffix, count

A node's `suffix` is the n-gram without its first word. Of the longest n-grams, and of those that begin a sentence, the
count is how often they were seen; of all others how many different words stand before them: the adjusted counts of
Kneser and Ney. They come without a second pass: only where an n-gram is new has its suffix a new neighbor.
The n-grams are compared themselves, not by hashes. Each needs 24 to 40 bytes while it is counted and some 45 while it
is estimated. Of order 5 a million words of prose have three million, and need 130 MB; a billion words need pruned
texts, a lower order, or a larger machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.filters.ngram.words import BEGIN, END, UNKNOWN, Units, WordStream, spellings
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.hashes import find_slot, mix

PARENT, WORD, SUFFIX, COUNT = range(4)
FIELDS = 4
ROOT, UNKNOWN_NODE, BEGIN_NODE, END_NODE = range(4)
UNKNOWN_ID, BEGIN_ID, END_ID = range(3)
SPECIAL = ("<unk>", "<s>", "</s>")
MAX_ORDER = 8
MOST_NODES = (1 << 31) - 1 - 1024
WORD_BITS = np.uint64(32)


class NgramTrie(NamedTuple):
    """What was counted: `nodes` int32[n-grams + 1, 4] (parent, word, suffix, count; the first is the empty n-gram),
    `seen` uint32[n-grams + 1] (how often, where n-grams are pruned by it; else empty), `hashes` uint64[words]."""

    nodes: npt.NDArray[np.int32]
    seen: npt.NDArray[np.uint32]
    hashes: npt.NDArray[np.uint64]
    order: int


class NgramCounts:
    """A trie that grows with each batch. The order of its nodes is that in which n-grams were met."""

    def __init__(self, order: int, *, units: Units = "words", with_seen: bool = False) -> None:
        if not 1 <= order <= MAX_ORDER:
            raise UsageError(f"the order is {order}; an n-gram has 1 to {MAX_ORDER} words")
        self.order, self.units, self.words = order, units, list(SPECIAL)
        self.tokens = self.sentences = 0
        self._hashes = np.array([UNKNOWN, BEGIN, END], dtype=np.uint64)
        self._vocabulary = _Vocabulary(1 << 12)
        self._nodes = np.zeros((1 << 16, FIELDS), dtype=np.int32)
        self._seen = np.zeros(len(self._nodes) if with_seen else 0, dtype=np.uint32)
        self._index = np.zeros(1 << 17, dtype=np.int32)
        self._used = 1
        for word in range(len(SPECIAL)):
            _add(self._nodes, self._index, self._used, ROOT, word)
            self._used += 1

    def add(self, stream: WordStream, texts: TextBuffers | None = None) -> None:
        """Count a batch; with its `texts`, whose places the stream then has, new words are spelled."""
        ids, fresh = self._vocabulary.ids_of(stream.hashes)
        self._hashes = np.concatenate([self._hashes, stream.hashes[fresh]])
        if texts is not None and len(fresh):
            self.words += spellings(texts, self.units, stream, fresh)
        self.tokens, self.sentences = self.tokens + len(ids), self.sentences + int((ids == END_ID).sum())
        at, node, length = 0, BEGIN_NODE, 1
        while at < len(ids):
            self._make_room()
            at, node, length, self._used = _count(
                ids, at, node, length, self._nodes, self._used, self._seen, self._index, self.order
            )

    def trie(self) -> NgramTrie:
        """What was counted so far. The index is given up: nothing can be added after this."""
        self._index = np.empty(0, dtype=np.int32)
        self._nodes.resize((self._used, FIELDS), refcheck=False)
        seen = self._seen[: self._used] if len(self._seen) else self._seen
        return NgramTrie(self._nodes, seen, self._hashes, self.order)

    def _make_room(self) -> None:
        """For the n-grams of some words more, and for an index at most half full."""
        if self._used + 2 * self.order > len(self._nodes):
            if self._used > MOST_NODES:
                raise UsageError(
                    f"these texts have more than {MOST_NODES:,} n-grams of up to {self.order} words: take fewer, "
                    "or a lower order"
                )
            room = min(len(self._nodes) * 3 // 2, MOST_NODES + 1024)
            self._nodes.resize((room, FIELDS), refcheck=False)  # in place where the system can
            if len(self._seen):
                self._seen.resize(room, refcheck=False)
        if 2 * (self._used + 2 * self.order) > len(self._index):
            slots = 2 * len(self._index)
            self._index = np.empty(0, dtype=np.int32)  # two of them need not be there at once
            self._index = np.zeros(slots, dtype=np.int32)
            _index_nodes(self._nodes, self._index, self._used)


class _Vocabulary:
    """Words by their hashes, numbered as they are met."""

    def __init__(self, slots: int) -> None:
        self._keys, self._ids = np.zeros(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
        self._count = 0
        self.ids_of(np.array([UNKNOWN, BEGIN, END], dtype=np.uint64))

    def ids_of(self, hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """int32[words], and the places int64 of those that are new."""
        ids, fresh = np.empty(len(hashes), dtype=np.int32), [np.empty(0, dtype=np.int64)]
        at = 0
        while at < len(hashes):
            if 2 * (self._count + 1) > len(self._keys):
                keys, numbers = self._keys, self._ids
                self._keys, self._ids = np.zeros(4 * len(keys), keys.dtype), np.zeros(4 * len(keys), numbers.dtype)
                _place_again(keys, numbers, self._keys, self._ids)
            room = np.empty(len(self._keys) // 2 - self._count, dtype=np.int64)
            at, self._count, found = _number(hashes, at, self._keys, self._ids, self._count, ids, room)
            fresh.append(room[:found])
        return ids, np.concatenate(fresh)


@kernel
def _number(hashes, at, keys, numbers, count, ids, fresh):
    """Number words until there is no more room for new ones; returns where it stopped."""
    found = 0
    mask = len(keys) - 1
    while at < len(hashes):
        slot = find_slot(keys, mask, hashes[at])
        if keys[slot] == 0:
            if found == len(fresh):
                break
            keys[slot], numbers[slot] = hashes[at], count
            fresh[found] = at
            count, found = count + 1, found + 1
        ids[at] = numbers[slot]
        at += 1
    return at, count, found


@kernel
def _place_again(keys, numbers, larger, larger_numbers):
    for old in range(len(keys)):
        if keys[old] != 0:
            slot = find_slot(larger, len(larger) - 1, keys[old])
            larger[slot], larger_numbers[slot] = keys[old], numbers[old]


@kernel
def _add(nodes, index, node, parent, word):
    slot = _slot_of(pointer(nodes), index, len(index) - 1, parent, word)
    index[slot] = node
    nodes[node, PARENT], nodes[node, WORD] = parent, word


@kernel
def _index_nodes(nodes, index, used):
    table, slots = pointer(nodes), pointer(index)
    mask = len(index) - 1
    for node in range(1, used):
        slot = _slot_of(table, slots, mask, table[FIELDS * node + PARENT], table[FIELDS * node + WORD])
        slots[slot] = node


@inner
def _slot_of(nodes, index, mask, parent, word):
    """Where the n-gram stands in the index, or the free slot where it belongs."""
    key = mix((np.uint64(parent) << WORD_BITS | np.uint64(word)) + np.uint64(1))
    slot = np.int64(key >> WORD_BITS) & mask
    while True:
        node = np.int64(index[slot])
        if node == 0 or (nodes[FIELDS * node + PARENT] == parent and nodes[FIELDS * node + WORD] == word):
            return slot
        slot = (slot + 1) & mask


@kernel
def _count(ids, at, longest, length, nodes, used, seen, index, order):
    """Count words until nodes or index are full; returns where it stopped, the node there, its length, and the nodes.

    `longest` is the longest n-gram that ends before the word `at`; it has `length` words.
    """
    mask = np.int64(len(index) - 1)
    room = min(np.int64(len(nodes)), np.int64(len(index)) // 2)
    table, slots = pointer(nodes), pointer(index)
    while at < len(ids) and used + order <= room:
        word = ids[at]
        parent = np.int64(table[FIELDS * longest + SUFFIX]) if length == order else np.int64(longest)
        first = above = np.int64(0)
        while True:
            slot = _slot_of(table, slots, mask, parent, word)
            node = np.int64(slots[slot])
            is_new = node == 0
            if is_new:
                node = np.int64(used)
                used += 1
                slots[slot] = node
                table[FIELDS * node + PARENT], table[FIELDS * node + WORD] = parent, word
            table[FIELDS * node + COUNT] += 1  # seen once more, or beside one word more
            if above:
                table[FIELDS * above + SUFFIX] = node
            else:
                first = node
            if not is_new or parent == ROOT:
                break
            above = node
            parent = np.int64(table[FIELDS * parent + SUFFIX])
        if len(seen):
            node = first
            while node != ROOT:
                seen[node] += 1
                node = np.int64(table[FIELDS * node + SUFFIX])
        length = min(length + 1, order)
        longest = first
        if word == END_ID:
            longest, length = np.int64(BEGIN_NODE), 1
        at += 1
    return at, longest, length, used
