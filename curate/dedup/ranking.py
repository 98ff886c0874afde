"""Which copy stays: all documents in one order, in which the first of each cluster is kept.

source's place in `prefer` ─▶ `keep`: what is clean, a column of the signature files, the largest first ─▶ length ─▶ id
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.recipe_dedup import Dedup

KEEP = "keep_value"
"""The column of the signature files that `keep` other than "longest" and "first" puts there; larger ones stay."""
CLEANEST = "cleanest"


def keeps_cleanest(dedup: Dedup) -> bool:
    return CLEANEST in ([dedup.keep] if isinstance(dedup.keep, str) else dedup.keep)


def keep_word(dedup: Dedup) -> str:
    """What `keep` says besides "cleanest": that decides among documents that are equally clean."""
    words = [dedup.keep] if isinstance(dedup.keep, str) else dedup.keep
    return next((word for word in words if word != CLEANEST), "longest")


def rank_documents(
    documents: pl.DataFrame,
    *,
    prefer: Sequence[str],
    keep: str = "longest",
    clean: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.int64]:
    """int64[n]: 0 for the document that stays wherever it stands, n - 1 for the one that stays only alone.

    `documents`, sorted by id, has `id, source, length` and, where `keep` asks for it, `keep_value`. Documents that are
    `earlier` come first, where there is such a column. Else the order is that of the sources in `prefer` (those not
    listed come after), then `clean` where it is given, the largest first, then what `keep` says, then the longest, then
    the smallest id; "first" goes by the id at once. A document without a value stands behind those that have one.
    """
    by = [-documents["length"].cast(pl.Int64).fill_null(0)] if keep != "first" else []
    if keep not in ("longest", "first"):
        by.append(-documents[KEEP].cast(pl.Float64).fill_nan(None).fill_null(float("-inf")))
    if clean is not None:
        by.append(pl.Series(-clean))
    by.append(_place_in(prefer, documents["source"]))
    by += [~documents["earlier"]] if "earlier" in documents.columns else []
    keys = [key.to_numpy() for key in by if key.min() != key.max()]
    order = np.lexsort(keys) if keys else np.arange(len(documents))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _place_in(prefer: Sequence[str], sources: pl.Series) -> pl.Series:
    places = dict(zip(prefer, range(len(prefer)), strict=True))
    return sources.replace_strict(places, default=len(prefer), return_dtype=pl.UInt32)
