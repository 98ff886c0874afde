"""What other thresholds would change in a run, as values: step by step, language by language, and examples.

changes ─▶ both decisions of every document (steps.retune) ─▶ StepChange, LanguageChange, those that change sides
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.recipe import Recipe
from curate.run_files import DOCUMENTS
from curate.run_folder import RunFolder
from curate.steps.apply import write_recipe
from curate.steps.bind import step_names
from curate.steps.remeasure import measure_unknown
from curate.steps.retune import Change, Retuned, retune

MAX_LANGUAGES = 10


@dataclass(frozen=True, slots=True)
class StepChange:
    """What a step drops of a source in the run, and what it would drop then; `step` is the step's name, "kept",
    or "unknown". Of what is kept the tokens to expect, by the run's own tokens per byte."""

    source: str
    step: str
    documents: int
    bytes: int
    documents_then: int
    bytes_then: int
    tokens: int | None
    tokens_then: int | None


@dataclass(frozen=True, slots=True)
class LanguageChange:
    """Documents in a language that the filters keep in the run, and that they would keep then."""

    source: str
    language: str | None
    kept: int
    kept_then: int


@dataclass(frozen=True, slots=True)
class Retuning:
    """What would change. `documents` has both decisions of every document, `samples` some of those that change sides.

    "Kept" is kept by the filters: copies are looked for in a new run only. `is_edited` says whether the recipe that was
    written, if one was asked for, is the user's own file with new values (else: every default filled in).
    """

    recipe: Recipe
    documents: pl.DataFrame
    steps: tuple[StepChange, ...]
    languages: tuple[LanguageChange, ...]
    samples: pl.DataFrame
    is_edited: bool | None


def retuning(
    run: RunFolder, changes: Sequence[Change], *, measure: bool = False, sample: int = 5, apply: Path | None = None
) -> Retuning:
    """Decide anew; `measure` what is unknown, show up to `sample` documents of each kind that change sides, and write
    the changed recipe to the new file `apply`.

    Raises:
        UsageError: an unknown step or parameter, a change that needs a new run, or a file that cannot be written.
        RunConflict: with `measure`: an input, a list or own code has changed since the run.
    """
    retuned = retune(run, changes)
    if measure:
        retuned = measure_unknown(run, retuned)
    return Retuning(
        retuned.recipe,
        retuned.rows,
        tuple(difference(run, retuned)),
        tuple(by_language(retuned)),
        samples(retuned, sample),
        is_edited=write_recipe(run, retuned, changes, apply) if apply else None,
    )


def difference(run: RunFolder, retuned: Retuned) -> Iterator[StepChange]:
    """By source: the steps in their order, what is unknown, what is kept."""
    sides = [_side(retuned.rows, side) for side in ("old", "new")]
    both = sides[0].join(sides[1], on=["source", "step"], how="full", coalesce=True, suffix="_then").fill_null(0)
    density = _tokens_per_byte(run)
    for source in retuned.recipe.sources:
        part = {row["step"]: row for row in both.filter(source=source.name).iter_rows(named=True)}
        order = ["extract", *step_names(source), "unknown", "kept"]
        yield from (_change(part[name], density.get(source.name)) for name in order if name in part)


def _side(rows: pl.DataFrame, side: str) -> pl.DataFrame:
    outcome, step = pl.col(f"{side}_outcome"), pl.col(f"{side}_step")
    left_at = pl.when(outcome.is_in(["kept", "unknown"])).then(outcome).otherwise(step)
    return rows.group_by("source", left_at.alias("step")).agg(
        pl.len().cast(pl.Int64).alias("documents"), pl.col(f"{side}_bytes").sum().alias("bytes")
    )


def _tokens_per_byte(run: RunFolder) -> dict[str, float]:
    """By source; a run that has kept nothing of it cannot tell."""
    if not any(run.room(DOCUMENTS).glob("*/*.parquet")):
        return {}
    totals = run.documents().group_by("source").agg(pl.col("token_count").sum(), pl.col("byte_count").sum()).collect()
    return {source: tokens / size for source, tokens, size in totals.iter_rows() if size}


def _change(row: dict[str, Any], density: float | None) -> StepChange:
    if density is None or row["step"] != "kept":
        return StepChange(**row, tokens=None, tokens_then=None)
    return StepChange(**row, tokens=int(row["bytes"] * density), tokens_then=int(row["bytes_then"] * density))


def by_language(retuned: Retuned) -> Iterator[LanguageChange]:
    """The languages in which that differs most."""
    if "language" not in retuned.rows.columns:
        return
    counts = retuned.rows.group_by("source", "language").agg(
        (pl.col("old_outcome") == "kept").sum().cast(pl.Int64).alias("kept"),
        (pl.col("new_outcome") == "kept").sum().cast(pl.Int64).alias("kept_then"),
    )
    change = (pl.col("kept_then") - pl.col("kept")).abs()
    changed = counts.filter(change > 0).sort(change, pl.col("language"), descending=[True, False], nulls_last=True)
    yield from (LanguageChange(**row) for row in changed.head(MAX_LANGUAGES).iter_rows(named=True))


def samples(retuned: Retuned, count: int) -> pl.DataFrame:
    """Up to `count` documents of each kind that change sides, evenly over the ids."""
    moved = retuned.rows.filter(
        pl.col("old_outcome").ne(pl.col("new_outcome")) | pl.col("old_step").ne_missing(pl.col("new_step"))
    )
    groups = (group for _, group in moved.group_by("old_outcome", "new_outcome", maintain_order=True))
    picked = [group.gather_every(max(1, group.height // max(count, 1))).head(count) for group in groups]
    return pl.concat([moved.clear(), *picked])
