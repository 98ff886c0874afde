"""What repeated what: sizes of clusters, the greatest of them with their copies, and the copies that lost most.

dedup/duplicates.parquet ─▶ clusters by size ─▶ the greatest, with examples         dedup/losses.parquet ─▶ what went
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from curate.report.html.account import Account
from curate.report.html.decisions import example
from curate.report.html.excerpts import Excerpt, masked
from curate.report.html.markup import Content, Html, element
from curate.report.html.section import PageSection, note, part
from curate.report.html.tables import Meter, count, table
from curate.run_files import DUPLICATES, LOSSES

SHOWN_CLUSTERS = 6
SHOWN_COPIES = 2
SHOWN_LOSSES = 10
EDGES = (2, 3, 4, 5, 6, 8, 11, 21, 51, 101, 1001)
"""Where classes of sizes begin."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A document that stays, how many it stands for with itself, and some of its copies: id and similarity each."""

    id: str
    size: int
    copies: tuple[tuple[str, str], ...]


def greatest_clusters(account: Account) -> list[Cluster]:
    """With the first of their copies that are no exact ones, by id; none where nothing was deduplicated."""
    path = account.run.file(DUPLICATES)
    if not path.is_file():
        return []
    rows = pl.scan_parquet(path)
    first = rows.filter(pl.col("duplicate_of").is_null()).sort("size", "id", descending=[True, False])
    greatest = first.head(SHOWN_CLUSTERS).select("id", "size").collect()
    copies = rows.filter(pl.col("duplicate_of").is_in(greatest["id"].to_list())).collect()
    return [Cluster(id, size, tuple(_copies(copies.filter(duplicate_of=id)))) for id, size in greatest.iter_rows()]


def _copies(rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    near = rows.sort("similarity", "id", nulls_last=True).head(SHOWN_COPIES)
    for id, similarity, method in near.select("id", "similarity", "method").iter_rows():
        yield id, f"{method}, similarity {similarity:.2f}" if similarity is not None else str(method)


def copies(account: Account, clusters: list[Cluster], excerpts: Mapping[str, Excerpt]) -> PageSection:
    if not clusters:
        return PageSection("copies", "What repeated what", None)
    counted = account.manifest["dedup"]
    told = f"{counted.get('removed', 0):,} documents repeated {counted.get('clusters', 0):,} others, which stay."
    parts = [
        _sizes(account),
        part("the greatest clusters", [_cluster(each, excerpts) for each in clusters]),
        _losses(account),
    ]
    return PageSection("copies", "What repeated what", [note(told), parts])


def _sizes(account: Account) -> Content:
    sizes = pl.scan_parquet(account.run.file(DUPLICATES)).filter(pl.col("duplicate_of").is_null()).select("size")
    counts = dict(sizes.group_by("size").len().collect().iter_rows())
    classes = []
    for begin, end in zip(EDGES, (*EDGES[1:], None), strict=True):
        name = (
            f"{begin:,} or more" if end is None else f"{begin:,}" if end == begin + 1 else f"{begin:,} to {end - 1:,}"
        )
        classes.append((name, sum(n for size, n in counts.items() if size >= begin and (end is None or size < end))))
    most = max(1, *(n for _, n in classes))
    rows = [(name, Meter(f"{n:,}", n, n / most)) for name, n in classes if n]
    return part("sizes of clusters", table(("documents in a cluster", "clusters"), rows))


def _cluster(cluster: Cluster, excerpts: Mapping[str, Excerpt]) -> Html:
    stays = example(cluster.id, excerpts.get(cluster.id), told="stays")
    gone = [example(id, excerpts.get(id), told=told) for id, told in cluster.copies]
    sides = [
        element("div", [element("h5", "kept"), stays], {"class": "side kept"}),
        element("div", [element("h5", "some of its copies"), gone], {"class": "side dropped"}),
    ]
    head = element("h4", f"{cluster.size:,} documents")
    return element("article", [head, element("div", sides, {"class": "sides"})], {"class": "rule"})


def _losses(account: Account) -> Content:
    """Near-duplicates by the words that only they had."""
    path = account.run.file(LOSSES)
    rows = pl.read_parquet(path).head(SHOWN_LOSSES) if path.is_file() else pl.DataFrame()
    if rows.is_empty():
        return None
    texts = masked(account, rows["excerpt"].to_list())
    cells = [
        (row["id"], row["duplicate_of"], count(row["novel_words"]), text or "not there any more")
        for row, text in zip(rows.iter_rows(named=True), texts, strict=True)
    ]
    return part("copies with most words of their own", table(("went", "stays", "words lost", "some of them"), cells))
