"""Candidates: documents that share a band with one another, directly or through others, as connected components.

    one band at a time ─▶ edges ─▶ union-find ─▶ components

No pair is listed: a bucket of k equal keys gives k - 1 edges, each to its smallest member. In memory at once are one
band and one integer a document.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.compiled import kernel, part


def pairs_of_band(keys: pl.DataFrame) -> pl.DataFrame:
    """Edges of one band: every document whose key another one has, with the smallest document that has it.

    `keys` has `document` (integer) and one key column or more; a document with a null key is in no bucket. Returns
    `document, smallest` with document > smallest; a bucket of k documents gives k - 1 rows.
    """
    names = [name for name in keys.columns if name != "document"]
    key = pl.struct(names) if len(names) > 1 else pl.col(names)
    shared = keys.drop_nulls().filter(key.is_duplicated())  # few are: what follows is small
    edges = shared.select("document", pl.col("document").min().over(names).alias("smallest"))
    return edges.filter(pl.col("document") > pl.col("smallest"))


def clusters(edges: Iterable[pl.DataFrame], count: int) -> npt.NDArray[np.int64]:
    """Connected components of documents 0 … count - 1: int64[count], for each its component's smallest document.

    `edges` gives frames of two integer columns, one after the other; each is used up before the next one is asked for.
    """
    parents = np.arange(count, dtype=np.int64)
    for frame in edges:
        left, right = (frame.to_series(side).cast(pl.Int64).to_numpy() for side in (0, 1))
        _unite(parents, left, right)
    _point_at_roots(parents)
    return parents


@kernel
def _unite(parents, left, right):  # type: ignore[no-untyped-def]
    """The smaller root becomes the parent, so that the result does not depend on the order of edges."""
    for i in range(len(left)):
        one, other = _root(parents, left[i]), _root(parents, right[i])
        parents[max(one, other)] = min(one, other)


@part
def _root(parents, document):  # type: ignore[no-untyped-def]
    while parents[document] != document:
        parents[document] = parents[parents[document]]  # path halving
        document = parents[document]
    return document


@kernel
def _point_at_roots(parents):  # type: ignore[no-untyped-def]
    for document in range(len(parents)):
        parents[document] = parents[parents[document]]  # a parent is smaller, so it points at its root already
