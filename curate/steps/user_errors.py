"""Exceptions in users' own functions: each costs its document, too many of them stop the run.

rows of the ledger ─▶ per step: documents that reached it, documents on which it raised ─▶ UsageError
                   └▶ of an own reader: records, those where it raised ─────────────────────▶
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.engine.task import READ
from curate.errors import UsageError
from curate.steps.columns import BEFORE_STEPS

ENOUGH = 100
"""Documents before a part of a run says anything about the whole."""
ROWS = ("step", "outcome", "reason", "value")


def check_user_errors(ledger: pl.DataFrame, steps: Sequence[str], max_errors: float, *, min_reached: int = 1) -> None:
    """`steps` are the names of a source's steps in order; `ledger` has the columns `ROWS`.

    Raises:
        UsageError: a step raised on more than `max_errors` of the documents that reached it.
    """
    places = {name: number for number, name in enumerate(steps)}
    at_steps = ledger.filter(~pl.col("step").is_in(BEFORE_STEPS).fill_null(False))
    place = pl.col("step").replace_strict(places, default=len(steps), return_dtype=pl.Int32)
    raised = at_steps.filter((pl.col("outcome") == "quarantined") & (pl.col("reason") == "exception"))
    for name, number in places.items():
        failed = raised.filter(pl.col("step") == name)
        reached = at_steps.filter(place >= number).height
        if reached >= min_reached and failed.height > max_errors * reached:
            first = str(failed["value"][0]).splitlines()[0]
            raise UsageError(
                f'step "{name}" raised on {failed.height:,} of the {reached:,} documents that reached it, more than '
                f"[limits] max_errors = {max_errors:g} allows; the first: {first}"
            )


def check_reader_errors(ledger: pl.DataFrame, reader: str, max_errors: float, *, min_read: int = 1) -> None:
    """`ledger` has the columns `ROWS`, of a source with the user's own `reader`.

    Raises:
        UsageError: it raised in place of more than `max_errors` of the records.
    """
    raised = ledger.filter((pl.col("step") == READ) & (pl.col("reason") == "exception"))
    if ledger.height >= min_read and raised.height > max_errors * ledger.height:
        first = str(raised["value"][0]).splitlines()[0]
        raise UsageError(
            f'reader "{reader}" raised in place of {raised.height:,} of {ledger.height:,} records, more than [limits] '
            f"max_errors = {max_errors:g} allows; the first: {first}"
        )
