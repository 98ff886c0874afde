"""The steps of a source over one batch: each measures what it needs, then its rules decide; the first rule that
fails is the one that the ledger names. Cheap steps measure what was dropped before, too, which
decides nothing (see `reach`).

    batch ─▶ step 1: measure the documents that reach it ─▶ rules ─▶ step 2 ─▶ … ─▶ outcome, step, reason, value
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import HAS_TEXT, Measure, Rule
from curate.engine.clock import Clock
from curate.engine.walk import Stretch
from curate.steps.bind import BoundStep
from curate.steps.reach import ALIVE, measured_by
from curate.steps.signals_before import keep_signals
from curate.steps.signals_due import with_signals
from curate.text.signals import text_signals

NONE = pl.lit(False)


def decide(
    batch: pl.DataFrame, steps: tuple[BoundStep, ...], clock: Clock, stretch: Stretch | None = None
) -> pl.DataFrame:
    """The batch with text signals and every document's outcome; those that pass all steps are "kept". `stretch` is told
    which step works on which of its documents, and knows those that break one."""
    due = sum(step.is_before_signals for step in steps)
    for index in range(due):
        batch = _decide_step(batch, steps, index, clock, stretch)
    batch = _with_signals(batch, steps, clock, stretch)
    for index in range(due, len(steps)):
        batch = _decide_step(batch, steps, index, clock, stretch)
    return batch.with_columns(pl.col("outcome").fill_null("kept"))


def _decide_step(
    batch: pl.DataFrame, steps: tuple[BoundStep, ...], index: int, clock: Clock, stretch: Stretch | None
) -> pl.DataFrame:
    step, wanted = steps[index], measured_by(steps, index)
    with clock(step.name):
        if stretch is not None:
            batch = quarantine_culprits(batch, stretch, step.name)
            wanted = wanted & ~_breaking(batch, stretch, step.name)
            stretch.at(step.name, size=int(batch["byte_count"].sum()))
        measured = measure_step(batch, step, wanted, stretch)
        return drop_emptied(apply_rules(measured, step.name, step.filter.rules), step)


def _with_signals(
    batch: pl.DataFrame, steps: tuple[BoundStep, ...], clock: Clock, stretch: Stretch | None
) -> pl.DataFrame:
    with clock("signals"):
        if stretch is not None:
            stretch.at("signals", size=int(batch["byte_count"].sum()))
        return with_signals(batch, steps)


def quarantine_culprits(batch: pl.DataFrame, stretch: Stretch, step: str) -> pl.DataFrame:
    """Documents that are known to break this step do not reach it."""
    culprits = stretch.culprits(step)
    if not culprits:
        return batch
    reasons = pl.Series([culprits[row].reason if row in culprits else None for row in range(batch.height)])
    details = pl.Series([culprits[row].detail if row in culprits else None for row in range(batch.height)])
    told = {"outcome": pl.lit("quarantined"), "step": pl.lit(step), "reason": pl.lit(reasons), "value": pl.lit(details)}
    reached = _breaking(batch, stretch, step) & (ALIVE | (pl.col("outcome") == "kept"))
    return batch.with_columns(pl.when(reached).then(new).otherwise(name).alias(name) for name, new in told.items())


def _breaking(batch: pl.DataFrame, stretch: Stretch, step: str) -> pl.Expr:
    """The documents that break a step, also those that a step before has dropped and this one would only measure."""
    culprits = stretch.culprits(step)
    return pl.lit(pl.Series([row in culprits for row in range(batch.height)], dtype=pl.Boolean)) if culprits else NONE


def measure_step(
    batch: pl.DataFrame, step: BoundStep, wanted: pl.Expr = ALIVE, stretch: Stretch | None = None
) -> pl.DataFrame:
    """The batch with what a step measures on the `wanted` documents; a document on which the user's function failed is
    quarantined."""
    if step.filter.measure is None:
        return batch
    measured = _measured(batch, _measure_of(step, stretch), wanted)
    if step.filter.changes_text:
        measured = keep_signals(batch, measured, step.name)
    return _quarantined(measured, step.name)


def _measure_of(step: BoundStep, stretch: Stretch | None) -> Measure:
    """The step's measure; where it takes one document after the other, and somebody watches, each is announced."""
    measure, measure_each = step.filter.measure, step.filter.measure_each
    assert measure is not None
    if measure_each is None or stretch is None:
        return measure

    def announced(part: pl.DataFrame) -> pl.DataFrame:
        rows, sizes = part["_row"].to_list(), part["byte_count"].to_list()
        return measure_each(part, lambda row: stretch.one(rows[row], step.name, size=sizes[row] or 0))

    return announced


def _measured(batch: pl.DataFrame, measure: Measure, wanted: pl.Expr) -> pl.DataFrame:
    """Add what the step measures on the wanted documents; the others have null there."""
    numbered = batch.with_row_index("_row")
    before = numbered.filter(wanted)
    measured = measure(before)
    if not measured["text"].equals(before["text"]):
        measured = _remeasured(measured, before["text"])
    changed = [
        name for name in measured.columns if name not in before.columns or not measured[name].equals(before[name])
    ]
    news = measured.select("_row", *changed)
    joined = numbered.join(news, on="_row", how="left", suffix="_new", maintain_order="left", coalesce=True)
    renewed = [name for name in news.columns if f"{name}_new" in joined.columns]
    joined = joined.with_columns(pl.when(wanted).then(f"{name}_new").otherwise(name).alias(name) for name in renewed)
    return joined.drop("_row", *(f"{name}_new" for name in renewed))


def _remeasured(batch: pl.DataFrame, before: pl.Series) -> pl.DataFrame:
    """A transform changed texts: the signals of these are those of the new ones."""
    is_changed = batch["text"].ne_missing(before)
    changed = batch.filter(is_changed)
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count")
    changed = changed.with_columns(text_signals(changed["text"]).drop("byte_count", strict=False)).with_columns(size)
    return pl.concat([batch.filter(~is_changed), changed], how="diagonal_relaxed").sort("_row")


def _quarantined(batch: pl.DataFrame, step: str) -> pl.DataFrame:
    """A string in the column `error` is what a user's function raised on this document."""
    if "error" not in batch.columns:
        return batch
    failed = ALIVE & pl.col("error").is_not_null()
    return batch.with_columns(
        pl.when(failed).then(pl.lit("quarantined")).otherwise("outcome").alias("outcome"),
        pl.when(failed).then(pl.lit(step)).otherwise("step").alias("step"),
        pl.when(failed).then(pl.lit("exception")).otherwise("reason").alias("reason"),
        pl.when(failed).then("error").otherwise("value").alias("value"),
    )


def apply_rules(batch: pl.DataFrame, step: str, rules: tuple[Rule, ...]) -> pl.DataFrame:
    """Drop what has no outcome yet and fails a rule; the first that fails gives reason and value."""
    if not rules:
        return batch
    failed = _first_failed(batch, rules)
    is_dropped = failed < len(rules)
    if not is_dropped.any():
        return batch
    reasons = pl.Series([*(rule.name for rule in rules), None], dtype=pl.String)[failed]
    values = _deciding_values(batch, rules, failed)
    news = {"outcome": pl.lit("dropped"), "step": pl.lit(step), "reason": pl.lit(reasons), "value": pl.lit(values)}
    dropped = pl.lit(pl.Series(is_dropped))
    return batch.with_columns(pl.when(dropped).then(new).otherwise(name).alias(name) for name, new in news.items())


def drop_emptied(batch: pl.DataFrame, step: BoundStep) -> pl.DataFrame:
    """A text of which a step left nothing is no document, whatever its rules say."""
    if not step.filter.changes_text:
        return batch
    is_empty = ALIVE & ~pl.col("text").fill_null("").str.contains(HAS_TEXT)
    news = {"outcome": "dropped", "step": step.name, "reason": "emptied"}
    return batch.with_columns(
        pl.when(is_empty).then(pl.lit(new)).otherwise(name).alias(name) for name, new in news.items()
    )


def _first_failed(batch: pl.DataFrame, rules: tuple[Rule, ...]) -> npt.NDArray[np.intp]:
    """For each document the number of the first rule that it fails; their count for one that fails none, or is out."""
    kept = batch.select(rule.keep.fill_null(True).alias(str(number)) for number, rule in enumerate(rules))
    is_out = batch["outcome"].is_not_null().to_numpy()
    failed = np.full(len(batch), len(rules))
    for number in reversed(range(len(rules))):
        failed[~(kept[str(number)].to_numpy() | is_out)] = number
    return failed


def _deciding_values(batch: pl.DataFrame, rules: tuple[Rule, ...], failed: npt.NDArray[np.intp]) -> pl.Series:
    """The value by which each document failed, as the ledger shows it: few are wanted, and printing is slow."""
    order = np.argsort(failed, kind="stable")
    counts = np.bincount(failed, minlength=len(rules) + 1)
    ends = np.cumsum(counts)
    values = [
        _shown(batch, rule.signal, order[end - count : end])
        for rule, count, end in zip(rules, counts, ends, strict=False)
        if count
    ]
    values.append(pl.Series([None], dtype=pl.String).new_from_index(0, int(counts[-1])))
    return pl.concat(values)[np.argsort(order)]


def _shown(batch: pl.DataFrame, signal: str, rows: npt.NDArray[np.intp]) -> pl.Series:
    if signal not in batch.columns:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
    values = batch[signal][rows]
    if values.dtype == pl.List(pl.Struct):
        return pl.Series("value", map(_told, values.to_list()), dtype=pl.String)
    return (values.round(6) if values.dtype.is_float() else values).cast(pl.String).alias("value")


def _told(items: list[Mapping[str, Any]] | None) -> str | None:
    """A list of names with numbers, such as the languages of lines: "en 0.6, de 0.4"."""
    if items is None:
        return None
    words = [[f"{each:.6g}" if isinstance(each, float) else str(each) for each in item.values()] for item in items]
    return ", ".join(map(" ".join, words))
