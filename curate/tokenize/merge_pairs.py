"""Which pairs of tokens become one, in order: byte pair encoding (Sennrich et al. 2016) over words and their counts.

words, counts ─▶ pairs: how often, in which words ─▶ heap ─▶ the most frequent pair ─▶ merged in its words ─┐
                                                       ▲                                      new pairs ◀───┘

Of pairs that come equally often the one with the smaller first id is merged, then the smaller second, as `tokenizers`
does. A new token makes all its pairs at once, and from then on these only become fewer. So what comes too seldom is
forgotten at once, the words of a pair lie side by side, and the heap may hold counts of earlier: they are looked up
when they come to its top.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel, pointer
from curate.text.hashes import HALF
from curate.tokenize.pair_heap import Heap, pop, push, sink
from curate.tokenize.token_pairs import LOW, enter, find, grown, key_of, no_pairs, with_more_room

BYTES = 256
"""The ids from 0 on; the n-th merge makes the id 256 + n."""
MIN_ROOM = 1 << 12
TOP, STEP = 1 << 62, 4
"""The heap holds pairs that come as often as a level says, which falls by this factor when it is empty: most pairs are
rare, and never enter it."""


class Merge(NamedTuple):
    """Two ids that become one."""

    first: Any
    second: Any
    new: Any


class Changes(NamedTuple):
    """What a merge does to pairs with its neighbors: entry 2 i is for token i on its left, 2 i + 1 for i on its right.

    `touched` lists the entries in use; `lost` counts the pairs with one of the two tokens, `gained` those with the new
    one, `sizes` the places of these, and `pairs` has their numbers, or -1.
    """

    touched: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]
    gained: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]


class Events(NamedTuple):
    """In the order of words: an entry of Changes gained a pair in a word."""

    entries: npt.NDArray[np.int64]
    words: npt.NDArray[np.int32]


def merge_pairs(
    symbols: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    *,
    max_merges: int,
    min_count: int,
    forbidden: npt.NDArray[np.uint64],
) -> npt.NDArray[np.int64]:
    """The ids of each merge, int64[n, 2].

    Word i is `symbols[offsets[i]:offsets[i + 1]]`, ids below 256, and comes `counts[i]` times; `symbols` is used up.
    Ends at `max_merges`, or when no pair comes `min_count` times; pairs with a key in `forbidden` are never merged.
    """
    max_merges = min(max_merges, len(symbols))  # each takes one or more away
    merges = np.empty((max_merges, 2), dtype=np.int64)
    room = 2 * (BYTES + max_merges)
    changes = tuple(np.zeros(room, dtype=np.int64) for _ in Changes._fields)
    return merges[: _merge(symbols, offsets, np.diff(offsets), counts, merges, changes, min_count, forbidden)]


@kernel
def _merge(symbols, offsets, lengths, word_counts, merges, changes, min_count, forbidden):
    pairs, used, places, filled = _pairs_of_bytes(symbols, offsets, word_counts, min_count)
    room, size, level = len(pairs.keys), 0, np.int64(TOP)
    heap = Heap(np.empty(room, np.int64), np.empty(room, np.uint64), np.empty(room, np.int64))
    touched, lost, gained, sizes, numbers = changes
    changes = Changes(pointer(touched), pointer(lost), pointer(gained), pointer(sizes), pointer(numbers))
    symbols, offsets, lengths, word_counts = pointer(symbols), pointer(offsets), pointer(lengths), pointer(word_counts)
    events = Events(np.empty(MIN_ROOM, np.int64), np.empty(MIN_ROOM, np.int32))
    made = 0
    while made < len(merges) and (size > 0 or level > min_count):
        if size == 0:
            level = max(level // STEP, min_count)
            size = _heap_up(heap, pairs, used, level)
            continue
        pair = heap.pairs[0]
        key, count = pairs.keys[pair], pairs.counts[pair]
        if level <= count < heap.counts[0]:  # other merges took some of its tokens
            sink(heap, size, count, key, pair)
            continue
        size = pop(heap, size)
        if count < level:
            continue
        pairs.counts[pair] = 0  # it will not come again
        if _is_in(forbidden, key):
            continue
        merge = Merge(np.int64(key >> HALF), np.int64(key & LOW), BYTES + made)
        merges[made, 0], merges[made, 1] = merge.first, merge.second
        made += 1
        touches = seen = 0
        for place in range(pairs.starts[pair], pairs.ends[pair]):
            word = places[place]
            while seen + 2 * lengths[word] > len(events.words):
                events = Events(grown(events.entries, seen), grown(events.words, seen))
            start, end = offsets[word], offsets[word] + lengths[word]
            lengths[word], touches, seen = _merge_in_word(
                symbols, start, end, merge, word, word_counts[word], changes, touches, events, seen
            )
        while filled + seen > len(places):
            places = grown(places, filled)
        while used + touches > len(pairs.keys):
            pairs = with_more_room(pairs, used)
            heap = Heap(grown(heap.counts, size), grown(heap.keys, size), grown(heap.pairs, size))
        used, filled, size = _settle(pairs, used, filled, heap, size, merge, changes, touches, min_count, level)
        _list_words(pairs, places, changes, touches, events, seen)
    return made


@inner
def _merge_in_word(symbols, start, end, merge, word, count, changes, touched, events, seen):
    """Every occurrence, from the left, in `symbols[start:end]`; returns the length, and how many entries and events."""
    read = write = start
    while read < end:
        if symbols[read] != merge.first or read + 1 == end or symbols[read + 1] != merge.second:
            symbols[write] = symbols[read]
            read += 1
            write += 1
            continue
        if write > start:
            left = symbols[write - 1]
            lost = 0 if left == merge.new else count  # between two new ones stands what the left one has lost
            touched = _change(changes, touched, 2 * left, lost, count)
            events.entries[seen], events.words[seen] = 2 * left, word
            seen += 1
        if read + 2 < end:
            right = symbols[read + 2]
            is_next = right == merge.first and read + 3 < end and symbols[read + 3] == merge.second
            touched = _change(changes, touched, 2 * right + 1, count, 0 if is_next else count)
            events.entries[seen], events.words[seen] = 2 * right + 1, word
            seen += 0 if is_next else 1
        symbols[write] = merge.new
        read += 2
        write += 1
    return write - start, touched, seen


@inner
def _change(changes, touched, entry, lost, gained):
    if changes.lost[entry] == 0 and changes.gained[entry] == 0:
        changes.touched[touched] = entry
        touched += 1
    changes.lost[entry] += lost
    changes.gained[entry] += gained
    changes.sizes[entry] += gained > 0
    return touched


@inner
def _settle(pairs, used, filled, heap, size, merge, changes, touched, min_count, level):
    """Old pairs have become rarer; new ones that come often enough get numbers, room for their words, and places in the
    heap."""
    for number in range(touched):
        entry = changes.touched[number]
        token = entry >> 1
        is_left = entry & 1 == 0
        if changes.lost[entry]:
            old = find(pairs, key_of(token, merge.first) if is_left else key_of(merge.second, token))
            if old >= 0:
                pairs.counts[old] -= changes.lost[entry]
        changes.pairs[entry] = -1
        if changes.gained[entry] >= min_count:
            key = key_of(token, merge.new) if is_left else key_of(merge.new, token)
            changes.pairs[entry] = used
            pairs.keys[used], pairs.counts[used] = key, changes.gained[entry]
            pairs.starts[used] = pairs.ends[used] = filled
            filled += changes.sizes[entry]
            enter(pairs, used)
            if changes.gained[entry] >= level:
                size = push(heap, size, changes.gained[entry], key, used)
            used += 1
    return used, filled, size


@inner
def _list_words(pairs, places, changes, touched, events, seen):
    """The words of each new pair, and a clean slate for the next merge."""
    for event in range(seen):
        pair = changes.pairs[events.entries[event]]
        if pair >= 0:
            places[pairs.ends[pair]] = events.words[event]
            pairs.ends[pair] += 1
    for number in range(touched):
        entry = changes.touched[number]
        changes.lost[entry] = changes.gained[entry] = changes.sizes[entry] = 0


@inner
def _pairs_of_bytes(symbols, offsets, word_counts, min_count):
    """Every pair that the words begin with; returns them, how many there are, and the words of each."""
    counts, sizes = np.zeros(BYTES * BYTES, np.int64), np.zeros(BYTES * BYTES, np.int64)
    for word in range(len(offsets) - 1):
        for at in range(offsets[word], offsets[word + 1] - 1):
            counts[symbols[at] * BYTES + symbols[at + 1]] += word_counts[word]
            sizes[symbols[at] * BYTES + symbols[at + 1]] += 1
    numbers = np.full(BYTES * BYTES, -1, np.int64)
    pairs, used, filled = no_pairs(2 * BYTES * BYTES), 0, 0
    for both in range(BYTES * BYTES):
        if counts[both] >= min_count:
            numbers[both] = used
            pairs.keys[used], pairs.counts[used] = key_of(both // BYTES, both % BYTES), counts[both]
            pairs.starts[used] = pairs.ends[used] = filled
            filled += sizes[both]
            enter(pairs, used)
            used += 1
    places = np.empty(max(filled, MIN_ROOM), np.int32)
    for word in range(len(offsets) - 1):
        for at in range(offsets[word], offsets[word + 1] - 1):
            pair = numbers[symbols[at] * BYTES + symbols[at + 1]]
            if pair >= 0:
                places[pairs.ends[pair]] = word
                pairs.ends[pair] += 1
    return pairs, used, places, filled


@inner
def _heap_up(heap, pairs, used, level):
    """An empty heap gets all pairs that come `level` times; returns how many."""
    size = 0
    for pair in range(used):
        if pairs.counts[pair] >= level:
            size = push(heap, size, pairs.counts[pair], pairs.keys[pair], pair)
    return size


@inner
def _is_in(forbidden, key):
    found = False
    for other in forbidden:
        found |= other == key
    return found
