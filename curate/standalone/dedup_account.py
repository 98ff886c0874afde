"""What deduplication of plain files came to, in numbers.

verdicts ─▶ documents, copies and cuts by method, clusters ─▶ DedupAccount
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate.dedup.find import KNOWN
from curate.standalone.tables import Unread


@dataclass(frozen=True, slots=True)
class CutAccount:
    """What a method cut out of texts that stay."""

    parts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DedupAccount:
    """Rows, and what became of them; those that an index has already are no copies."""

    cuts: Mapping[str, CutAccount]
    """By method."""
    documents: int
    unreadable: int
    known: int
    copies: Mapping[str, int]
    """By the method that found them."""
    copies_of_earlier: int
    """Of them, those that repeat a document of an index."""
    cut_away: int
    """Documents of which too few words are left."""
    stay: int
    clusters: int
    """Of two documents or more."""
    largest_cluster: int


def account_of(verdicts: pl.DataFrame, unread: Sequence[Unread]) -> DedupAccount:
    is_known = (pl.col("method") == KNOWN).fill_null(False)
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null(), ~is_known)
    known = verdicts.filter(is_known).height
    cut_away = int(verdicts["cut_away"].sum()) if "cut_away" in verdicts.columns else 0
    return DedupAccount(
        cuts=_count_cuts(verdicts),
        documents=verdicts.height,
        unreadable=sum(part.rows for part in unread),
        known=known,
        copies=dict(copies["method"].value_counts().sort("method").iter_rows()),
        copies_of_earlier=int(copies["earlier"].sum()),
        cut_away=cut_away,
        stay=verdicts.height - copies.height - known - cut_away,
        clusters=verdicts.filter(pl.col("duplicate_of").is_null(), pl.col("size") > 1).height,
        largest_cluster=int(verdicts.select(pl.col("size").max().fill_null(0)).item()),
    )


def _count_cuts(verdicts: pl.DataFrame) -> dict[str, CutAccount]:
    if "cuts" not in verdicts.columns:
        return {}
    cuts = verdicts["cuts"].explode().drop_nulls().struct.unnest()
    size = (pl.col("end") - pl.col("start")).sum().alias("bytes")
    counts = cuts.group_by("method").agg(pl.len().alias("parts"), size).sort("method")
    return {row["method"]: CutAccount(row["parts"], row["bytes"]) for row in counts.iter_rows(named=True)}
