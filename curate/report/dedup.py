"""What `curate dedup` and `curate plan` say of deduplication: the account of a table, and the S-curve.

verdicts ─▶ documents, copies and cuts by method, clusters     bands, rows ─▶ "pairs of similarity 0.8: found 92 %"
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curate.dedup.copies import TEXT_METHODS
from curate.dedup.s_curve import candidate_probability
from curate.dedup.sign import with_bands
from curate.recipe import Dedup
from curate.report.show import size
from curate.settings import build_options

SIMILARITIES = (0.5, 0.6, 0.7, 0.8, 0.9)
PARAMETERS = ("ngram", "unit", "normalise", "bands", "rows", "threshold", "permutations", "verify", "keep")


def dedup_of(options: argparse.Namespace) -> Dedup:
    """The parameters of a command line; those that are not given have their defaults.

    Raises:
        UsageError: a method or parameter that there is not, or a value out of its range.
    """
    given = {name: getattr(options, name) for name in ("method", *PARAMETERS)}
    return with_bands(build_options(Dedup, given, options.set))


def account(verdicts: pl.DataFrame, unreadable: int) -> dict[str, Any]:
    """Plain values: rows, copies by the method that found them, clusters of two or more, the largest."""
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null())
    by_method = dict(copies["method"].value_counts().sort("method").iter_rows())
    return {
        "cuts": _count_cuts(verdicts),
        "documents": verdicts.height,
        "unreadable": unreadable,
        "copies": by_method,
        "copies_of_earlier": int(copies["earlier"].sum()),
        "stay": verdicts.height - copies.height,
        "clusters": verdicts.filter(pl.col("duplicate_of").is_null(), pl.col("size") > 1).height,
        "largest_cluster": verdicts["size"].max() or 0,
    }


def _count_cuts(verdicts: pl.DataFrame) -> dict[str, dict[str, int]]:
    """By method the parts of texts that it cut, and their bytes."""
    if "cuts" not in verdicts.columns:
        return {}
    cuts = verdicts["cuts"].explode().drop_nulls().struct.unnest()
    size = (pl.col("end") - pl.col("start")).sum().alias("bytes")
    counts = cuts.group_by("method").agg(pl.len().alias("parts"), size).sort("method")
    return {row.pop("method"): row for row in counts.iter_rows(named=True)}


def account_lines(counts: Mapping[str, Any], dedup: Dedup) -> Iterator[str]:
    total = max(counts["documents"], 1)
    yield f"{counts['documents']:,} documents, {counts['stay']:,} stay ({counts['stay'] / total:.1%})"
    for method, count in counts["copies"].items():
        yield f"  {method:<8}{count:>12,} copies"
    for method, cut in counts["cuts"].items():
        yield f"  {method:<8}{cut['parts']:>12,} parts cut, {cut['bytes']:,} bytes"
    if counts["copies_of_earlier"]:
        yield f"  {counts['copies_of_earlier']:,} of them repeat a document of an index"
    if counts["clusters"]:
        yield f"  {counts['clusters']:,} documents have copies; the largest cluster has {counts['largest_cluster']:,}"
    if counts["unreadable"]:
        yield f"  {counts['unreadable']:,} rows could not be read, and have no verdict"
    if "minhash" in dedup.method:
        yield s_curve_line(dedup)


def cut_lines(counts: Mapping[str, Any]) -> Iterator[str]:
    """What the methods that cut texts took in a run, from its manifest."""
    for method in TEXT_METHODS:
        if cut := counts.get(method):
            where = f"in {cut['documents']:,} documents"
            yield f"Dedup, {method}: {cut['parts']:,} parts of texts cut {where}, {size(cut['bytes'])}"


def s_curve_line(dedup: Dedup) -> str:
    """How often pairs of some similarities become candidates, and what then decides."""
    chances = [candidate_probability(similarity, bands=dedup.bands, rows=dedup.rows) for similarity in SIMILARITIES]
    found = [
        f"{similarity}: {chance:.1%}" if chance < 0.9995 else f"{similarity}: over 99.9%"
        for similarity, chance in zip(SIMILARITIES, chances, strict=True)
    ]
    check = f"kept apart below {dedup.verify}" if dedup.verify else "not verified"
    return f"{dedup.bands} bands of {dedup.rows} rows find pairs of similarity {', '.join(found)}; {check}"
