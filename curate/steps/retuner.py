"""Thresholds of a finished run moved again and again: what decisions look at is read once, and stays in memory.

changes ─▶ the steps that change ─▶ columns of the ledger (held) ─▶ the rows that may change ─▶ those that do

It decides as `retune` does; a move of a threshold over a million documents takes some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from curate.recipe import Source
from curate.run_files import LEDGER
from curate.run_folder import RunFolder
from curate.steps.bind import resolve
from curate.steps.columns import BEFORE_STEPS
from curate.steps.conform import as_measured
from curate.steps.redecide import (
    StepPair,
    both_decisions,
    changed_names,
    may_change,
    needed_of,
    paired_steps,
    reached,
    reopened_decisions,
    seen_by_changed,
)
from curate.steps.retune import Change, changed_recipe
from curate.steps.retune_versions import DECISION
from curate.steps.schema import source_tables

NUMBER = "_number"
TOLD = {f"{side}_{name}": pl.String for side in ("old", "new") for name in DECISION}


class _Held(NamedTuple):
    """Of a source the `ledger`'s rows, where it has several extractors; those that `reached` the first step that
    changes; and those as each step that changes saw them."""

    changed: set[str]
    ledger: pl.DataFrame
    rows: pl.DataFrame
    seen: Mapping[int, pl.DataFrame]


class Retuner:
    """Holds the columns that the steps need which were changed last."""

    def __init__(self, run: RunFolder, offsets: Mapping[str, int]) -> None:
        """`offsets` has the number of the first row of each source, in whatever order its owner counts rows."""
        self._run = run
        self._offsets = offsets
        self._recipe = resolve(run.recipe)
        self._held: dict[str, _Held] = {}

    def moved(self, changes: Sequence[Change]) -> pl.DataFrame:
        """The rows whose outcome or step changes: number (UInt32), and `old_`/`new_` outcome, step, reason and value.

        Raises:
            UsageError: a step or parameter does not exist, or the change needs a measurement that the run did not make.
        """
        new = changed_recipe(self._recipe, changes)
        parts = [pl.DataFrame(schema={"number": pl.UInt32, **TOLD})]
        for source in new.sources:
            pairs = paired_steps(source, self._recipe, new)
            if changed_names(pairs) and source.name in self._offsets:
                parts.append(self._moved_of(source, pairs))
        return pl.concat(parts).sort("number")

    def seen(self, change: Change) -> Iterator[pl.DataFrame]:
        """What the step of a change saw, by source: of all documents that came to it the columns that its rules look
        at, and `is_taken`, whether it took them. Sources with several extractors are left out.

        Raises:
            UsageError: as `moved`.
        """
        new = changed_recipe(self._recipe, [change])
        for source in new.sources:
            pairs = paired_steps(source, self._recipe, new)
            if changed_names(pairs) and source.name in self._offsets:
                for index, rows in self._rows(source, pairs).seen.items():
                    yield rows.filter(pl.col("_place") >= index).with_columns(is_taken=pl.col("_place") == index)

    def _moved_of(self, source: Source, pairs: Sequence[StepPair]) -> pl.DataFrame:
        held = self._rows(source, pairs)
        if len(source.extractors) == 1:
            found = both_decisions(held.rows.filter(may_change(held.seen, pairs)), pairs, source, may_all=True)
        else:
            parts = [both_decisions(held.rows, pairs, source), reopened_decisions(held.ledger, pairs)]
            found = pl.concat(parts, how="diagonal_relaxed")
        differs = [pl.col(f"old_{name}").ne_missing(pl.col(f"new_{name}")) for name in ("outcome", "step")]
        told = [pl.col(name).cast(dtype) for name, dtype in TOLD.items()]
        return found.filter(pl.any_horizontal(differs)).select(pl.col(NUMBER).alias("number"), *told)

    def _rows(self, source: Source, pairs: Sequence[StepPair]) -> _Held:
        held = self._held.get(source.name)
        if held is None or held.changed != changed_names(pairs):
            held = self._held[source.name] = self._read(source, pairs)
        return held

    def _read(self, source: Source, pairs: Sequence[StepPair]) -> _Held:
        files = sorted((self._run.room(LEDGER) / source.name).glob("*.parquet"))
        types = source_tables(source, self._recipe).ledger | {NUMBER: pl.UInt32()}
        scanned = pl.scan_parquet(files, glob=False).with_row_index(NUMBER, self._offsets[source.name])
        first = next(number for number, pair in enumerate(pairs) if pair.is_changed)
        if len(source.extractors) > 1:
            ledger = as_measured(needed_of(scanned, pairs).collect(), types)
            return _Held(changed_names(pairs), ledger, reached(ledger, pairs), {})
        gone = [*BEFORE_STEPS, *(pair.step.name for pair in pairs[:first])]  # no change brings them here
        needed = needed_of(scanned, pairs).filter(pl.col("step").is_in(gone).fill_null(False).not_()).collect()
        rows = reached(as_measured(needed, types), pairs)
        return _Held(changed_names(pairs), rows.clear(), rows, seen_by_changed(rows, pairs))
