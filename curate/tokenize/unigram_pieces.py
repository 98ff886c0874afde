"""The kernels of Unigram: which pieces a text may be cut into, how often each is expected, and which is missed least.

segments ─▶ pieces that stand at each place ─▶ chance of all ways to cut ─▶ expected counts ─▶ chances of pieces ─┐
                ▲                                                                                                 │
                └────────────────────────────── without what is missed least ◀────────────────────────────────────┘

A segment is at most 32 characters long and no chance is below 1e-9: so all its products are numbers, and no logarithm
or exponential of a library, which differ between machines in their last digit, decides anything.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel
from curate.text.hashes import HALF, ONE, SPREAD, table_size

MAX_SEGMENT = 32
MAX_PIECE = 16
"""Characters, as in SentencePiece."""
MAX_EDGES = MAX_SEGMENT * MAX_PIECE
SQRT_HALF, LOG_2 = 0.7071067811865476, 0.6931471805599453
NO_PIECE = -1


class Segments(NamedTuple):
    """Segment i is `characters[starts[i]:ends[i]]`, numbers of characters, and comes `counts[i]` times."""

    characters: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


class Trie(NamedTuple):
    """From a node, 0 at first, by a character to the next one: `keys`, 1 more than node << 32 | character, or 0, and
    `nodes` are a table; `pieces[n]` is the piece that ends at node n, or -1."""

    keys: npt.NDArray[np.uint64]
    nodes: npt.NDArray[np.int32]
    pieces: npt.NDArray[np.int32]


@kernel
def segments_of(characters, offsets, counts):
    """Words, cut where a character has no number, and after each 32: starts, ends, counts."""
    starts, ends = np.empty(len(characters), np.int64), np.empty(len(characters), np.int64)
    found, of_segments = 0, np.empty(len(characters), np.int64)
    for word in range(len(counts)):
        start = offsets[word]
        for at in range(offsets[word], offsets[word + 1] + 1):
            is_end = at == offsets[word + 1]
            if is_end or characters[at] < 0 or at - start == MAX_SEGMENT:
                if at > start:
                    starts[found], ends[found], of_segments[found] = start, at, counts[word]
                    found += 1
                start = at if not is_end and characters[at] >= 0 else at + 1
    return starts[:found], ends[:found], of_segments[:found]


@kernel
def count_longer(numbers, characters, starts, ends, counts, length):
    """How often each string of `length` characters comes, of which both the first and the last `length - 1` are known
    by number; returns its number at each place (or -1), and of each string where it is first and how often it comes."""
    at_places = np.full(len(numbers), NO_PIECE, np.int64)
    size = table_size(len(numbers))
    keys, table = np.zeros(size, np.uint64), np.empty(size, np.int32)
    firsts, sums = np.empty(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
    found = 0
    for segment in range(len(starts)):
        for at in range(starts[segment], ends[segment] - length + 1):
            if numbers[at] < 0 or numbers[at + 1] < 0:
                continue
            key = _key(numbers[at], characters[at + length - 1])
            slot = _slot(keys, key)
            if keys[slot] == 0:
                keys[slot], table[slot] = key, found
                firsts[found] = at
                found += 1
            sums[table[slot]] += counts[segment]
            at_places[at] = table[slot]
    return at_places, firsts[:found], sums[:found]


@inner
def _key(number, character):
    return (np.uint64(number) << HALF | np.uint64(character)) + ONE


@inner
def _slot(keys, key):
    mask = len(keys) - 1
    slot = np.int64(key * SPREAD >> HALF) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel
def trie_of(characters, firsts, lengths):
    """Of pieces, each `characters[firsts[i]:firsts[i] + lengths[i]]`."""
    most = 1 + np.sum(lengths)
    size = table_size(most)
    trie = Trie(np.zeros(size, np.uint64), np.empty(size, np.int32), np.full(most, NO_PIECE, np.int32))
    made = 1
    for piece in range(len(firsts)):
        node = 0
        for at in range(firsts[piece], firsts[piece] + lengths[piece]):
            key = _key(node, characters[at])
            slot = _slot(trie.keys, key)
            if trie.keys[slot] == 0:
                trie.keys[slot], trie.nodes[slot] = key, made
                made += 1
            node = trie.nodes[slot]
        trie.pieces[node] = piece
    return trie


@inner
def _find_edges(characters, start, end, trie, froms, tos, pieces):
    """Every piece in `characters[start:end]`, by where it begins; returns how many."""
    found = 0
    for first in range(start, end):
        node = 0
        for at in range(first, min(end, first + MAX_PIECE)):
            slot = _slot(trie.keys, _key(node, characters[at]))
            if trie.keys[slot] == 0:
                break
            node = trie.nodes[slot]
            if trie.pieces[node] >= 0:
                froms[found], tos[found], pieces[found] = first - start, at + 1 - start, trie.pieces[node]
                found += 1
    return found


@kernel
def expected_counts(characters, starts, ends, counts, trie, chances):
    """How often each piece is expected in all segments, each way to cut one taken as often as it is likely."""
    expected = np.zeros(len(chances))
    froms, tos, pieces = np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64)
    before, behind = np.empty(MAX_SEGMENT + 1), np.empty(MAX_SEGMENT + 1)
    for segment in range(len(starts)):
        edges = _find_edges(characters, starts[segment], ends[segment], trie, froms, tos, pieces)
        size = ends[segment] - starts[segment]
        for place in range(size + 1):
            before[place] = behind[place] = 0.0
        before[0] = behind[size] = 1.0
        for edge in range(edges):
            before[tos[edge]] += before[froms[edge]] * chances[pieces[edge]]
        share = counts[segment] / before[size]
        for edge in range(edges - 1, -1, -1):
            onward = chances[pieces[edge]] * behind[tos[edge]]
            behind[froms[edge]] += onward
            expected[pieces[edge]] += share * before[froms[edge]] * onward
    return expected


@kernel
def best_counts(characters, starts, ends, counts, trie, chances):
    """How often each piece is in the likeliest cut of each segment, int64."""
    used = np.zeros(len(chances), np.int64)
    froms, tos, pieces = np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64)
    best, back = np.empty(MAX_SEGMENT + 1), np.empty(MAX_SEGMENT + 1, np.int64)
    for segment in range(len(starts)):
        edges = _find_edges(characters, starts[segment], ends[segment], trie, froms, tos, pieces)
        at = ends[segment] - starts[segment]
        _cut_best(edges, at, NO_PIECE, froms, tos, pieces, chances, best, back)
        while at > 0:
            used[pieces[back[at]]] += counts[segment]
            at = froms[back[at]]
    return used


@inner
def _cut_best(edges, size, without, froms, tos, pieces, chances, best, back):
    """The likeliest way to each place from the start, and its last edge; without one of the pieces."""
    for place in range(size + 1):
        best[place] = 0.0
    best[0] = 1.0
    for edge in range(edges):
        chance = best[froms[edge]] * chances[pieces[edge]]
        if chance > best[tos[edge]] and pieces[edge] != without:
            best[tos[edge]], back[tos[edge]] = chance, edge


@kernel
def losses(characters, firsts, lengths, trie, chances, used):
    """By piece, what the likelihood of all texts loses without it (Kudo 2018), a negative number where it is not the
    likeliest cut of itself, or not in use; single characters are never given up: infinity."""
    lost = np.full(len(firsts), np.inf)
    total = np.float64(np.sum(used))
    froms, tos, pieces = np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64), np.empty(MAX_EDGES, np.int64)
    best, back = np.empty(MAX_SEGMENT + 1), np.empty(MAX_SEGMENT + 1, np.int64)
    for piece in range(len(firsts)):
        if lengths[piece] == 1:
            continue
        edges = _find_edges(characters, firsts[piece], firsts[piece] + lengths[piece], trie, froms, tos, pieces)
        at = lengths[piece]
        _cut_best(edges, at, piece, froms, tos, pieces, chances, best, back)
        lost[piece] = -1.0
        if used[piece] == 0 or best[at] > chances[piece]:
            continue
        parts, instead = 0, 0.0
        while at > 0:
            parts += 1
            instead += log(np.float64(used[pieces[back[at]]] + used[piece]))
            at = froms[back[at]]
        instead -= parts * log(total + used[piece] * (parts - 1))
        lost[piece] = used[piece] / total * (log(np.float64(used[piece])) - log(total) - instead)
    return lost


@inner
def log(number):
    """The natural logarithm, by additions, products and quotients alone: the same on every machine."""
    fraction, exponent = math.frexp(number)
    if fraction < SQRT_HALF:
        fraction, exponent = fraction * 2, exponent - 1
    ratio = (fraction - 1) / (fraction + 1)
    square, power, total = ratio * ratio, ratio, 0.0
    for odd in range(1, 25, 2):
        total += power / odd
        power *= square
    return 2 * total + exponent * LOG_2


@kernel
def logs(numbers):
    """Of each number, float64."""
    result = np.empty(len(numbers))
    for place in range(len(numbers)):
        result[place] = log(numbers[place])
    return result
