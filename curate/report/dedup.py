"""What `curate dedup` and `curate plan` say of deduplication: the account of a table, and the S-curve.

verdicts ─▶ documents, copies and cuts by method, clusters     bands, rows ─▶ "pairs of similarity 0.8: found 92 %"
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curate.dedup.copies import TEXT_METHODS
from curate.dedup.find import KNOWN
from curate.dedup.s_curve import candidate_probability
from curate.dedup.sign import with_bands
from curate.errors import UsageError
from curate.recipe import Dedup, Verify
from curate.report.show import size
from curate.run_files import LOSSES
from curate.run_folder import Run
from curate.settings import build_options
from curate.standalone.tables import Unread

SIMILARITIES = (0.5, 0.6, 0.7, 0.8, 0.9)
PARAMETERS = ("ngram", "unit", "normalise", "bands", "rows", "threshold", "permutations", "verify", "keep")


def dedup_of(options: argparse.Namespace) -> Dedup:
    """The parameters of a command line; those that are not given have their defaults.

    Raises:
        UsageError: a method or parameter that there is not, or a value out of its range.
    """
    given = {name: getattr(options, name) for name in ("method", *PARAMETERS)}
    return with_bands(build_options(Dedup, given, options.set))


def account(verdicts: pl.DataFrame, unread: Sequence[Unread]) -> dict[str, Any]:
    """Plain values: rows, copies by the method that found them, clusters of two or more, the largest; rows that an
    index has already are no copies."""
    is_known = (pl.col("method") == KNOWN).fill_null(False)
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null(), ~is_known)
    known = verdicts.filter(is_known).height
    cut_away = int(verdicts["cut_away"].sum()) if "cut_away" in verdicts.columns else 0
    by_method = dict(copies["method"].value_counts().sort("method").iter_rows())
    return {
        "cuts": _count_cuts(verdicts),
        "documents": verdicts.height,
        "unreadable": sum(part.rows for part in unread),
        "known": known,
        "copies": by_method,
        "copies_of_earlier": int(copies["earlier"].sum()),
        "cut_away": cut_away,
        "stay": verdicts.height - copies.height - known - cut_away,
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
    if counts["known"]:
        yield f"  {counts['known']:,} are in an index already, with this id and this text"
    for method, count in counts["copies"].items():
        yield f"  {method:<8}{count:>12,} copies"
    for method, cut in counts["cuts"].items():
        yield f"  {method:<8}{cut['parts']:>12,} parts cut, {cut['bytes']:,} bytes"
    if counts["cut_away"]:
        yield f"  {counts['cut_away']:,} documents have too few words left after that, and do not stay"
    if counts["copies_of_earlier"]:
        yield f"  {counts['copies_of_earlier']:,} of them repeat a document of an index"
    if counts["clusters"]:
        yield f"  {counts['clusters']:,} documents have copies; the largest cluster has {counts['largest_cluster']:,}"
    if "minhash" in dedup.method:
        yield s_curve_line(dedup)


def cut_lines(counts: Mapping[str, Any]) -> Iterator[str]:
    """What the methods that cut texts took in a run, from its manifest."""
    for method in TEXT_METHODS:
        if cut := counts.get(method):
            where = f"in {cut['documents']:,} documents"
            yield f"Dedup, {method}: {cut['parts']:,} parts of texts cut {where}, {size(cut['bytes'])}"


def losses(run: Run) -> list[dict[str, Any]]:
    """The near-duplicates with most words of their own, the greatest loss first.

    Raises:
        UsageError: the run has no deduplication by similarity, or did not read the texts.
    """
    dedup = run.recipe.dedup
    if dedup is None or "minhash" not in dedup.method:
        raise UsageError(f'{run.folder} has no near-duplicates: its recipe has no [dedup] with the method "minhash"')
    if not dedup.is_verified:
        raise UsageError(f"{run.folder} compared no texts (verify = 0), so nobody knows what its near-duplicates lose")
    path = run.folder / LOSSES
    if not path.is_file():
        raise UsageError(f"{run.folder} has no {LOSSES} yet: deduplication has not finished there")
    return pl.read_parquet(path).to_dicts()


def loss_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "No near-duplicate had a word that the copy that stays doesn't have."
    for row in rows:
        shares = [f"{row['containment']:.0%} contained"] if row["containment"] is not None else []
        shares += [f"similarity {row['similarity']:.2f}"] if row["similarity"] is not None else []
        yield f"{row['novel_words']:,} novel words, {', '.join(shares)}"
        yield f"  removed {row['id']}"
        yield f"  kept    {row['duplicate_of']}"
        if row["excerpt"]:
            yield f"  lost    {row['excerpt']}"


def _check(asked: Verify) -> str:
    """What verification keeps apart, in words."""
    parts = [f"below {asked.jaccard}"] if asked.jaccard else []
    if asked.containment:
        parts.append(f"where less than {asked.containment:.0%} of the {asked.ngram}-grams stand in what stays")
    return f"kept apart {' or '.join(parts)}" if parts else "not verified"


def s_curve_line(dedup: Dedup) -> str:
    """How often pairs of some similarities become candidates, and what then decides."""
    chances = [candidate_probability(similarity, bands=dedup.bands, rows=dedup.rows) for similarity in SIMILARITIES]
    found = [
        f"{similarity}: {chance:.1%}" if chance < 0.9995 else f"{similarity}: over 99.9%"
        for similarity, chance in zip(SIMILARITIES, chances, strict=True)
    ]
    check = _check(dedup.verification)
    return f"{dedup.bands} bands of {dedup.rows} rows find pairs of similarity {', '.join(found)}; {check}"
