"""Which documents a step measures: those that reach it, and, if it is cheap, those that an earlier step dropped.

steps before ─▶ all changes of texts in between are cheap? not dropped as unwanted? ─▶ measured ─▶ `retune` can tell
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.steps.bind import BoundStep
from curate.steps.signals_due import lack_signals

ALIVE = pl.col("outcome").is_null()


def measured_by(steps: Sequence[BoundStep], index: int) -> pl.Expr:
    """Documents that `steps[index]` measures, in a run that has come to it."""
    return ALIVE | measured_though_dropped(steps, index)


def measured_though_dropped(steps: Sequence[BoundStep], index: int, prefix: str = "") -> pl.Expr:
    """Those that a step before had dropped: by the columns outcome, step and reason with this prefix.

    What a run measures and what `retune` takes for measured is this one expression. The text that a document would
    have after a step that changes texts is known only if that step was run on it.
    """
    outcome, name, reason = (pl.col(f"{prefix}{column}") for column in ("outcome", "step", "reason"))
    is_known = pl.lit(False)
    for step in _followed(steps, index):
        is_known |= (name == step.name) & ~reason.is_in(step.filter.unwanted)
    return ((outcome == "dropped") & is_known).fill_null(False)


def is_known_of_dropped(row: pl.DataFrame, steps: Sequence[BoundStep], index: int) -> bool:
    """Whether the ledger's one row of a document that a step before `steps[index]` took holds what this one decides by:
    it was measured by it, or the rules are on signals of a text that no step has changed without it."""
    if not steps[index].is_before_signals and row.select(lack_signals(steps)).item():
        return False
    place = next((at for at in range(index) if steps[at].name == row["step"].item()), index)
    changing = [at for at in range(place + 1, index) if steps[at].filter.changes_text]
    needed = [*changing, index] if steps[index].filter.measure is not None else changing
    return all(row.select(measured_though_dropped(steps, at)).item() for at in needed)


def _followed(steps: Sequence[BoundStep], index: int) -> Sequence[BoundStep]:
    """The steps before whose drops come to `steps[index]` with the text that they would have."""
    if not steps[index].filter.is_cheap:
        return ()
    first = index
    while first and not (steps[first].filter.changes_text and not steps[first].filter.is_cheap):
        first -= 1
    return steps[first:index]
