"""The steps of a source over one batch: each measures what it needs, then its rules decide; the first rule that
fails is the one that the ledger names.

    batch ─▶ step 1: measure the documents that reach it ─▶ rules ─▶ step 2 ─▶ … ─▶ outcome, step, reason, value
"""

from __future__ import annotations

import polars as pl

from curate.batch import Measure, Rule
from curate.engine.clock import Clock
from curate.passes.seen import keep_signals
from curate.passes.steps import BoundStep
from curate.text.signals import text_signals

ALIVE = pl.col("outcome").is_null()


def decide(batch: pl.DataFrame, steps: tuple[BoundStep, ...], clock: Clock) -> pl.DataFrame:
    """The batch with every document's outcome; those that pass all steps are "kept"."""
    for step in steps:
        with clock(step.name):
            batch = apply_rules(measure_step(batch, step), step.name, step.filter.rules)
    return batch.with_columns(pl.col("outcome").fill_null("kept"))


def measure_step(batch: pl.DataFrame, step: BoundStep) -> pl.DataFrame:
    """The batch with what a step measures; a document on which the user's function failed is quarantined."""
    if step.filter.measure is None:
        return batch
    measured = _measured(batch, step.filter.measure)
    if step.filter.changes_text:
        measured = keep_signals(batch, measured, step.name)
    return _quarantined(measured, step.name)


def _measured(batch: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """Add what the step measures on the documents that reach it; the others have null there."""
    numbered = batch.with_row_index("_row")
    alive = numbered.filter(ALIVE)
    measured = measure(alive)
    if not measured["text"].equals(alive["text"]):
        measured = _remeasured(measured, alive["text"])
    changed = [name for name in measured.columns if name not in alive.columns or not measured[name].equals(alive[name])]
    news = measured.select("_row", *changed)
    joined = numbered.join(news, on="_row", how="left", suffix="_new", maintain_order="left", coalesce=True)
    renewed = [name for name in news.columns if f"{name}_new" in joined.columns]
    joined = joined.with_columns(pl.when(ALIVE).then(f"{name}_new").otherwise(name).alias(name) for name in renewed)
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
    fails = [(rule, ~rule.keep.fill_null(True)) for rule in rules]
    reason, value = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for rule, failing in reversed(fails):
        reason = pl.when(failing).then(pl.lit(rule.name)).otherwise(reason)
        value = pl.when(failing).then(_shown(rule, batch)).otherwise(value)
    decided = batch.with_columns(reason.alias("_reason"), value.alias("_value"))
    failing = ALIVE & pl.col("_reason").is_not_null()
    return decided.with_columns(
        pl.when(failing).then(pl.lit("dropped")).otherwise("outcome").alias("outcome"),
        pl.when(failing).then(pl.lit(step)).otherwise("step").alias("step"),
        pl.when(failing).then("_reason").otherwise("reason").alias("reason"),
        pl.when(failing).then("_value").otherwise("value").alias("value"),
    ).drop("_reason", "_value")


def _shown(rule: Rule, batch: pl.DataFrame) -> pl.Expr:
    """The measured value as the ledger shows it."""
    if rule.signal not in batch.columns:
        return pl.lit(None, pl.String)
    is_float = batch.schema[rule.signal].is_float()
    value = pl.col(rule.signal).round(6) if is_float else pl.col(rule.signal)
    return value.cast(pl.String)
