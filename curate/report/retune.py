"""`curate retune` for people: the two funnels side by side, the languages that gain or lose, and examples.

Retuned.rows ─▶ by source and step: dropped before, dropped then ─▶ tables;  rows whose verdict changed ─▶ samples
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.show import add_column, size
from curate.run_files import DOCUMENTS
from curate.run_folder import Run
from curate.steps.bind import step_names
from curate.steps.retune import Retuned

MAX_LANGUAGES = 10


def difference(run: Run, retuned: Retuned) -> list[dict[str, Any]]:
    """One row for each source and verdict (a step's name, "kept", "unknown"): documents, bytes, and for kept ones the
    tokens to expect, by the run's own tokens per byte; before and then."""
    sides = [_side(retuned.rows, side) for side in ("old", "new")]
    both = sides[0].join(sides[1], on=["source", "verdict"], how="full", coalesce=True, suffix="_then").fill_null(0)
    density = _tokens_per_byte(run)
    rows = []
    for source in retuned.recipe.sources:
        part = {row["verdict"]: row for row in both.filter(source=source.name).iter_rows(named=True)}
        order = [*step_names(source), "unknown", "kept"]
        rows += [_row(part[name], density.get(source.name)) for name in order if name in part]
    return rows


def _side(rows: pl.DataFrame, side: str) -> pl.DataFrame:
    outcome, step = pl.col(f"{side}_outcome"), pl.col(f"{side}_step")
    verdict = pl.when(outcome.is_in(["kept", "unknown"])).then(outcome).otherwise(step)
    return rows.group_by("source", verdict.alias("verdict")).agg(
        pl.len().cast(pl.Int64).alias("documents"), pl.col(f"{side}_bytes").sum().alias("bytes")
    )


def _tokens_per_byte(run: Run) -> dict[str, float]:
    """By source; a run that has kept nothing of it cannot tell."""
    if not any((run.folder / DOCUMENTS).glob("*/*.parquet")):
        return {}
    totals = run.documents().group_by("source").agg(pl.col("token_count").sum(), pl.col("byte_count").sum()).collect()
    return {source: tokens / size for source, tokens, size in totals.iter_rows() if size}


def _row(part: dict[str, Any], density: float | None) -> dict[str, Any]:
    if density is None or part["verdict"] != "kept":
        return part | {"tokens": None, "tokens_then": None}
    return part | {"tokens": int(part["bytes"] * density), "tokens_then": int(part["bytes_then"] * density)}


def difference_table(rows: list[dict[str, Any]]) -> Table:
    """A line a step: what it drops in the run and then; the last lines are what the filters keep."""
    table = Table(title="What each step drops, in the run and then", title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "step", "documents", "then", "text", "then "):
        add_column(table, name, is_text=name in ("source", "step"))
    shown = ""
    for row in rows:
        counts = (f"{row['documents']:,}", f"{row['documents_then']:,}", size(row["bytes"]), size(row["bytes_then"]))
        is_same = row["documents"] == row["documents_then"]
        style = "bold" if row["verdict"] == "kept" else None if is_same else "yellow"
        table.add_row(row["source"] if row["source"] != shown else "", row["verdict"], *counts, style=style)
        shown = row["source"]
    return table


def notes(rows: list[dict[str, Any]], languages: list[dict[str, Any]]) -> Iterator[str]:
    """What the table does not say: tokens to expect, and who gains or loses."""
    for row in rows:
        if row["tokens"] is not None and row["documents"] != row["documents_then"]:
            yield f"{row['source']}: about {row['tokens']:,} -> {row['tokens_then']:,} tokens before deduplication"
        if row["verdict"] == "unknown":
            told = f"{row['documents_then']:,} would reach a step that has not measured them: unknown"
            yield f"{row['source']}: {told}; --measure reads them again and tells"
    for row in languages:
        language = row["language"] or "no language"
        yield f"{row['source']}, {language}: {row['kept']:,} -> {row['kept_then']:,} documents kept"


def by_language(retuned: Retuned) -> list[dict[str, Any]]:
    """Documents kept by the filters, before and then, for the languages in which that differs most."""
    if "language" not in retuned.rows.columns:
        return []
    counts = retuned.rows.group_by("source", "language").agg(
        (pl.col("old_outcome") == "kept").sum().cast(pl.Int64).alias("kept"),
        (pl.col("new_outcome") == "kept").sum().cast(pl.Int64).alias("kept_then"),
    )
    change = (pl.col("kept_then") - pl.col("kept")).abs()
    changed = counts.filter(change > 0).sort(change, pl.col("language"), descending=[True, False], nulls_last=True)
    return changed.head(MAX_LANGUAGES).to_dicts()


def samples(retuned: Retuned, count: int) -> list[dict[str, Any]]:
    """Up to `count` documents of each kind that change sides, evenly over the ids."""
    moved = retuned.rows.filter(
        pl.col("old_outcome").ne(pl.col("new_outcome")) | pl.col("old_step").ne_missing(pl.col("new_step"))
    )
    picked = []
    for _, group in moved.group_by("old_outcome", "new_outcome", maintain_order=True):
        picked += group.gather_every(max(1, group.height // max(count, 1))).head(count).to_dicts()
    return picked


def sample_lines(found: list[dict[str, Any]]) -> Iterator[str]:
    for row in found:
        yield f"{row['id']}  {row['url'] or ''}".rstrip()
        yield f"  {_told(row, 'old')} -> {_told(row, 'new')}"


def _told(row: dict[str, Any], side: str) -> str:
    outcome, step, reason, value = (row[f"{side}_{name}"] for name in ("outcome", "step", "reason", "value"))
    if outcome == "kept":
        return "kept"
    if outcome == "unknown":
        return f"unknown ({step} has not measured it)"
    return f"{outcome} by {step}, {reason}" + (f": {value}" if value else "")
