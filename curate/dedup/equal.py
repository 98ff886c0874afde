"""Documents with equal keys: the one of the best rank stays, whatever else they are.

keys of the documents that stay ─▶ those that stand twice ─▶ the best of each ─▶ Copies
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.dedup.method import Search


def find_equal(search: Search, keys: Sequence[str], *, is_same_text: bool) -> None:
    """Of the documents with equal `keys`, none of which is null, the best stays."""
    table = search.files.column(*keys).filter(pl.Series(search.copies.stays)).drop_nulls()
    shared = table.filter(pl.struct(keys).is_duplicated())
    place = pl.Series("rank", search.rank[shared["document"].to_numpy()])
    first = pl.col("document").sort_by("rank").first().over(keys).alias("best")
    best = shared.with_columns(place).select("document", first)
    found = best.filter(pl.col("document") != pl.col("best"))
    one, other = (found[name].cast(pl.Int64).to_numpy() for name in ("document", "best"))
    if is_same_text:
        search.copies.add(one, other, search.number, similarity=1.0, containment=1.0, novel=0)
    else:
        search.copies.add(one, other, search.number)
