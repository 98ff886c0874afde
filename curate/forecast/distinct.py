"""How many different documents a corpus holds, from a part of it: copies are rarer in a part than in the whole.

sizes of the clusters within the draw ─▶ for each true size, how likely is what was seen? ─▶ clusters of each true size
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ITERATIONS = 100
"""From even beginnings; more of them would fit chance."""


def distinct_share(seen: npt.NDArray[np.int64], drawn_share: float) -> float:
    """Different documents for each document of the whole. `seen`: of each cluster that the draw met, how many of its
    documents are in the draw, each of which is there by this chance, independently.

    A cluster of c documents shows k of them by the binomial law, and one that shows none is not in `seen`. The numbers
    of clusters by true size are fitted by expectation maximization (Dempster, Laird and Rubin 1977), so that they hold
    all documents.
    """
    if drawn_share >= 1 or not len(seen):
        return len(seen) / max(int(seen.sum()), 1)
    sizes = _sizes(int(seen.max()), drawn_share)
    counts = np.bincount(seen)[1:].astype(np.float64)
    chances = _binomial(sizes, len(counts), drawn_share)
    documents = seen.sum() / drawn_share
    clusters = np.full(len(sizes), len(seen) / len(sizes))
    for _ in range(ITERATIONS):
        expected = clusters[:, None] * chances
        expected *= counts / np.maximum(expected.sum(axis=0), 1e-300)
        clusters = expected.sum(axis=1) / (1 - (1 - drawn_share) ** sizes)
        clusters *= documents / (clusters * sizes).sum()
    return float(clusters.sum() / documents)


def _sizes(largest: int, drawn_share: float) -> npt.NDArray[np.float64]:
    """True sizes that may be: every small one, and steps of some per cent beyond."""
    most = max(largest / drawn_share * 1.5, 4.0)
    grid = np.concatenate([np.arange(1, 41), np.geomspace(41, max(most, 42), 40)])
    return np.unique(np.round(grid[grid <= most]))


def _binomial(sizes: npt.NDArray[np.float64], largest: int, chance: float) -> npt.NDArray[np.float64]:
    """float64[sizes, k - 1]: the chance that k = 1 … `largest` of so many are drawn; through logarithms, as the factors
    overflow."""
    table = np.zeros((len(sizes), largest))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(max(sizes.max(), largest)) + 2)))])
    for number, size in enumerate(sizes.astype(int)):
        k = np.arange(1, min(size, largest) + 1)
        ways = log_factorial[size] - log_factorial[k] - log_factorial[size - k]
        table[number, : len(k)] = np.exp(ways + k * np.log(chance) + (size - k) * np.log1p(-chance))
    return table
