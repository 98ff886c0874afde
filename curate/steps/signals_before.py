"""Signals as a step saw them: a step that changes texts keeps what was measured before, for those that look back.

batch before, batch after ─▶ column "before_<step>": the signals of the old text, where it changed
ledger row ─▶ signals with those columns put back ─▶ what a step before the change decided on
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.engine.sizes import BEFORE
from curate.steps.bind import BoundStep
from curate.text.signals import SIGNALS

NAMES = tuple(signal.name for signal in SIGNALS)


def keep_signals(before: pl.DataFrame, after: pl.DataFrame, step: str) -> pl.DataFrame:
    """`after` with the signals of `before`, the same documents in the same order, where the text is another one."""
    is_changed = after["text"].ne_missing(before["text"])
    known = [name for name in NAMES if name in before.columns]
    if not known or not is_changed.any():
        return after
    old = before.select(pl.when(is_changed).then(pl.struct(known)).alias(f"{BEFORE}{step}"))
    return after.hstack(old)


def as_seen(rows: pl.DataFrame, steps: Sequence[BoundStep], index: int) -> pl.DataFrame:
    """Rows of a ledger with the signals that `steps[index]` decided on."""
    later = [f"{BEFORE}{step.name}" for step in steps[index + 1 :] if step.filter.changes_text]
    for column in reversed([name for name in later if name in rows.columns]):
        known = [field.name for field in rows.schema[column].fields]  # type: ignore[attr-defined]
        rows = rows.with_columns(
            pl.when(pl.col(column).is_not_null())
            .then(pl.col(column).struct.field(name))
            .otherwise(pl.col(name))
            .alias(name)
            for name in known
        )
    return rows
