"""Which documents a share needs: chosen by a keyed hash of their ids, so that any machine chooses the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash


def hash_ids(ids: pl.Series, *, seed: int, purpose: str) -> npt.NDArray[np.uint64]:
    """uint64[n]: xxh3_64 of each id under a key made from the seed and the purpose."""
    key = xxhash.xxh3_64_intdigest(purpose.encode(), seed=seed)
    hashes = (xxhash.xxh3_64_intdigest(name.encode(), seed=key) for name in ids)
    return np.fromiter(hashes, dtype=np.uint64, count=len(ids))


def choose_documents(
    hashes: npt.NDArray[np.uint64], token_counts: npt.NDArray[np.int64], budget: int
) -> npt.NDArray[np.bool_]:
    """bool[n]: whole documents in the order of their hashes until their tokens are as near to `budget` as can be.

    That is within half of the last document, unless all are too few; a budget over 0 gets one document at least.
    """
    order = np.argsort(hashes, kind="stable")
    sums = np.concatenate([[0], np.cumsum(token_counts[order])])
    count = int(np.abs(sums - budget).argmin())
    chosen = np.zeros(len(hashes), dtype=np.bool_)
    chosen[order[: max(count, 1 if budget > 0 else 0)]] = True
    return chosen
