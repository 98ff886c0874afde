"""When text signals are measured: before the first step that looks at them, and of all documents but those that a step
before it has dropped as unwanted, which in a crawl are most.

batch ─▶ url, language ─▶ with_signals ─▶ gopher_quality, …          ledger rows without signals: `lack_signals`
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.steps.bind import BoundStep
from curate.text.signals import text_signals


def lack_signals(steps: Sequence[BoundStep], prefix: str = "") -> pl.Expr:
    """Documents whose signals were not measured: by the columns outcome, step and reason with this prefix."""
    outcome, name, reason = (pl.col(f"{prefix}{column}") for column in ("outcome", "step", "reason"))
    is_unwanted = pl.lit(False)
    for step in steps:
        if step.is_before_signals:
            is_unwanted |= (name == step.name) & reason.is_in(step.filter.unwanted)
    return ((outcome == "dropped") & is_unwanted).fill_null(False)


def with_signals(batch: pl.DataFrame, steps: Sequence[BoundStep]) -> pl.DataFrame:
    """The batch with text signals; null where nobody will look at them."""
    wanted = batch.select(~lack_signals(steps).alias("wanted"))["wanted"]
    signals = text_signals(batch["text"].filter(wanted)).drop("byte_count", strict=False)
    if wanted.all():
        return batch.hstack(signals)
    rows = pl.select(pl.when(wanted).then(wanted.cast(pl.UInt32).cum_sum() - 1)).to_series()
    return batch.hstack(signals.select(pl.all().gather(rows)))
