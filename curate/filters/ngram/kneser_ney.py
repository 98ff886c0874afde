"""Probabilities of counted n-grams: interpolated modified Kneser–Ney, as KenLM's lmplz estimates it.

trie of counts ─▶ counts of counts ─▶ discounts D1, D2, D3+ of each order ─▶ probability and back-off of each n-gram

    p(w | c) = (a(c w) - D(a(c w))) / Σ a(c x)  +  b(c) p(w | c without its first word)          down to 1 / |words|

Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling" (TR-10-98), equations 25 and
26; Heafield, Pouzyrevsky, Clark and Koehn 2013, "Scalable modified Kneser-Ney language model estimation". As there,
the uniform distribution is over all words with `<unk>` and `</s>` and without `<s>`; n-grams that begin with `<s>` keep
the counts with which they were seen; and what pruning takes from a context goes to its back-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.filters.ngram.counts import BEGIN_NODE, COUNT, FIELDS, PARENT, SUFFIX, NgramTrie
from curate.text.compiled import kernel, pointer

FALLBACK = (0.5, 1.0, 1.5)
"""The discounts where a small or odd corpus gives none, as lmplz has them under `--discount_fallback`."""
MOST_DISCOUNTED = 3
PIECE = 1 << 20
"""Values that are turned into logarithms at a time."""


class Estimates(NamedTuple):
    """By node of the trie: `lengths` int8 (0: the empty n-gram, or one that was pruned), `probabilities` and
    `backoffs` float32, base-10 logarithms; `discounts` float64[order + 1, 4] and whether they are `FALLBACK`."""

    lengths: npt.NDArray[np.int8]
    probabilities: npt.NDArray[np.float32]
    backoffs: npt.NDArray[np.float32]
    discounts: npt.NDArray[np.float64]
    fell_back: tuple[bool, ...]


def cutoffs_of(prune: Sequence[int], order: int) -> tuple[int, ...]:
    """For each length up to the order: how often an n-gram may have been seen and is left out.

    Raises:
        UsageError: words by themselves would be pruned, or longer n-grams less than shorter ones.
    """
    whole = (*prune, *[prune[-1]] * (order - len(prune))) if prune else (0,) * order
    if len(whole) > order or whole[0] != 0 or list(whole) != sorted(whole):
        raise UsageError(
            f"prune is {list(prune)} at order {order}: one number for each length, 0 for words by themselves, none "
            "smaller than the one before"
        )
    return whole


def estimate(trie: NgramTrie, prune: Sequence[int] = ()) -> Estimates:
    """The probabilities; `prune` is read by `cutoffs_of`, and a trie that is pruned has counted `seen`."""
    cutoffs = np.array([0, *cutoffs_of(prune, trie.order)], dtype=np.int64)
    nodes, size = trie.nodes.ravel(), len(trie.nodes)
    lengths, counts = np.zeros(size, dtype=np.int8), np.zeros((trie.order + 1, 5), dtype=np.int64)
    _measure(nodes, lengths, counts)
    discounts, fell_back = _discounts(counts)
    totals, spared = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.float64)
    _share(nodes, lengths, trie.seen, cutoffs, discounts, totals, spared)
    probabilities = np.zeros(size, dtype=np.float32)
    words = int((lengths == 1).sum()) - 1
    for length in range(1, trie.order + 1):
        _interpolate(nodes, lengths, length, discounts, totals, spared, 1 / words, probabilities)
    backoffs = np.ones(size, dtype=np.float32)
    np.divide(spared, totals, out=backoffs, where=totals > 0, casting="same_kind")
    del totals, spared
    for values in (probabilities, backoffs):
        _to_logarithms(values)
    probabilities[BEGIN_NODE] = 0
    return Estimates(lengths, probabilities, backoffs, discounts, fell_back)


def _to_logarithms(values: npt.NDArray[np.float32]) -> None:
    """In double precision first, in which processors differ by far less than is left of it."""
    for first in range(0, len(values), PIECE):
        piece = values[first : first + PIECE]
        is_positive = piece > 0
        piece[is_positive] = np.log10(piece[is_positive].astype(np.float64))


def _discounts(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], tuple[bool, ...]]:
    """Equation 26, from how many n-grams of a length have the (adjusted) counts 1 to 4."""
    discounts, fell_back = np.zeros((len(counts), MOST_DISCOUNTED + 1)), []
    for length in range(1, len(counts)):
        _, *n = counts[length].tolist()
        found = list(FALLBACK)
        if all(n[:3]):
            share = n[0] / (n[0] + 2 * n[1])
            found = [k - (k + 1) * share * n[k] / n[k - 1] for k in (1, 2, 3)]
        # One of 0 would leave a context that is always followed by the same nothing to back off with.
        is_sound = all(n[:3]) and all(0 < discount <= k for k, discount in enumerate(found, 1))
        discounts[length, 1:] = found if is_sound else FALLBACK
        fell_back.append(not is_sound)
    return discounts, tuple(fell_back)


@kernel
def _measure(nodes, lengths, counts):
    """How long each n-gram is, and how many of a length have each count up to 4. A parent comes before its children."""
    for node in range(1, len(lengths)):
        lengths[node] = lengths[nodes[FIELDS * node + PARENT]] + 1
        count = nodes[FIELDS * node + COUNT]
        if count <= 4:
            counts[lengths[node], count] += 1


@kernel
def _share(nodes, lengths, seen, cutoffs, discounts, totals, spared):
    """Sum up each context's counts, and what discounts and pruning leave of them; pruned n-grams get the length 0."""
    table = pointer(nodes)
    for node in range(1, len(lengths)):
        parent, count = table[FIELDS * node + PARENT], table[FIELDS * node + COUNT]
        length = lengths[node]
        totals[parent] += count
        if cutoffs[length] and seen[node] <= cutoffs[length]:
            spared[parent] += count
        else:
            spared[parent] += discounts[length, min(count, MOST_DISCOUNTED)]
    if len(seen):  # not before: children ask for their parents' lengths no more
        for node in range(1, len(lengths)):
            if cutoffs[lengths[node]] and seen[node] <= cutoffs[lengths[node]]:
                lengths[node] = 0


@kernel
def _interpolate(nodes, lengths, length, discounts, totals, spared, uniform, probabilities):
    """All n-grams of one length, once those that are shorter have theirs."""
    table = pointer(nodes)
    for node in range(1, len(lengths)):
        if lengths[node] == length:
            parent, count = table[FIELDS * node + PARENT], table[FIELDS * node + COUNT]
            lower = uniform if length == 1 else np.float64(probabilities[table[FIELDS * node + SUFFIX]])
            own = count - discounts[length, min(count, MOST_DISCOUNTED)]
            probabilities[node] = (own + spared[parent] * lower) / totals[parent]
