"""Documents that were found often go more than once among the tokens: rehydration by the size of their clusters.

cluster sizes, pairs (least size, times) ─▶ times ─▶ order: all documents, then those that come again, then again …

FineWeb-2 found that what a crawl holds 5 to 1,000 times is better than what it holds once (Penedo et al. 2025,
arXiv:2506.20920): its table is [[1, 1], [2, 2], [3, 3], [5, 5], [100, 8], [1000, 1]].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError


def check_rehydration(table: Sequence[Sequence[int]]) -> None:
    """Raises UsageError where the table is no list of pairs with rising sizes and times of at least 1."""
    for pair in table:
        if len(pair) != 2 or pair[0] < 1 or pair[1] < 1:
            raise UsageError(f"rehydrate: {list(pair)} is no pair of a cluster size and a number of times, 1 or more")
    sizes = [pair[0] for pair in table]
    if sizes != sorted(set(sizes)):
        raise UsageError(f"rehydrate: the sizes {', '.join(map(str, sizes))} must rise")


def times_by_size(sizes: npt.NDArray[np.int64], table: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """int64[n]: how often each document goes in; one of a cluster smaller than all of the table's goes in once."""
    least, times = [1, *(pair[0] for pair in table)], np.array([1, *(pair[1] for pair in table)], dtype=np.int64)
    return np.asarray(times[np.searchsorted(least, sizes, "right") - 1])


def repeated_order(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places of documents, each as often as it goes in: its repetitions are as far apart as the others allow."""
    rounds = [np.flatnonzero(times > number) for number in range(int(times.max(initial=0)))]
    return np.concatenate(rounds) if rounds else np.empty(0, dtype=np.int64)
