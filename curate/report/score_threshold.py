"""The threshold by which a finished run's classifier would keep a share of each source, exactly: DCLM's "top tenth".

ledger ─▶ scores of the documents that reached the step, by source (and language) ─▶ the k-th highest ─▶ ScoreThreshold

For a run whose step only measures; one with `top` in its recipe has ranks, and its manifest these scores. As models
are asked of each document once, `curate retune RUN --apply` writes the recipe with them without reading it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from curate.errors import UsageError, nearest
from curate.run_folder import RunFolder
from curate.steps.bind import step_names


@dataclass(frozen=True, slots=True)
class ScoreThreshold:
    """`documents` of a source (and language) reached the step with a score; `kept` have `min_score` or more, which is
    as many as were asked for, and those that tie with the last of them. `step` is its name in that source."""

    source: str
    step: str
    language: str | None
    documents: int
    kept: int
    min_score: float


def score_thresholds(
    run: RunFolder, *, top: float, name: str = "classifier", by_language: bool = False
) -> tuple[ScoreThreshold, ...]:
    """For each source with the signal `<name>_score` the threshold that keeps the share `top` of its documents.

    Raises:
        UsageError: `top` is not between 0 and 1, or no source has the signal.
    """
    if not 0 < top <= 1:
        raise UsageError(f"top is {top}; it is a share of the documents, above 0 and at most 1")
    signal = f"{name}_score"
    columns = run.ledger().collect_schema().names()
    if signal not in columns:
        known = [column.removesuffix("_score") for column in columns if column.endswith("_score")]
        raise UsageError(f"the run has no signal {signal}{nearest(name, known)}")
    return tuple(_thresholds(run, signal, name, top, by_language))


def _thresholds(run: RunFolder, signal: str, name: str, top: float, by_language: bool) -> Iterator[ScoreThreshold]:
    for source in run.recipe.sources:
        found = [
            (step, number)
            for number, (step, use) in enumerate(zip(step_names(source), source.steps, strict=True))
            if use.parameters.get("name", use.use) == name
        ]
        if not found:
            continue
        step, number = found[0]
        before = step_names(source)[:number]
        reached = pl.col(signal).is_not_null() & ~pl.col("step").is_in(before).fill_null(False)
        ledger = run.ledger(source.name)
        grouped = by_language and "language" in ledger.collect_schema().names()
        language = pl.col("language") if grouped else pl.lit(None, pl.String).alias("language")
        scores = ledger.filter(reached).select(signal, language).collect()
        for (code,), group in scores.sort("language", nulls_last=True).group_by(["language"], maintain_order=True):
            ordered = group[signal].sort(descending=True)
            least = ordered[math.ceil(top * len(ordered)) - 1]
            kept = int((ordered >= least).sum())
            yield ScoreThreshold(source.name, step, code, len(ordered), kept, float(least))
