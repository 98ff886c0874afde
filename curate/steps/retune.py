"""What other thresholds would have decided, from the ledger of a finished run alone: nothing is read again.

    ledger rows ─▶ steps in order: the old decision where a step did not change, its new rules where it did
                ─▶ kept · dropped · quarantined · unknown (it would reach a step that has not measured it, or
                   another extractor's text of the page may stay: see retune_versions)

Deduplication is not done again: "kept" means kept by the filters, before copies are looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from polars._typing import PolarsDataType

from curate.errors import UsageError, nearest
from curate.recipe import Recipe, Source, Step
from curate.run_files import LEDGER
from curate.run_folder import RunFolder
from curate.settings import toml_value
from curate.steps.bind import resolve, step_names
from curate.steps.conform import as_measured
from curate.steps.redecide import both_decisions, needed_of, paired_steps, reached, reopened_decisions
from curate.steps.retune_versions import DECISION
from curate.steps.schema import source_tables

EXPECTED = "expected step.parameter=value, for example gopher_quality.min_words=30"
EMPTY: Mapping[str, PolarsDataType] = {
    **dict.fromkeys(("id", "source", "split", "url"), pl.String),
    **dict.fromkeys(("byte_count", "old_bytes", "new_bytes"), pl.Int64),
    **dict.fromkeys((f"{side}_{name}" for side in ("old", "new") for name in DECISION), pl.String),
}
"""The columns of no documents at all."""


@dataclass(frozen=True, slots=True)
class Change:
    """`step.parameter = value`; a step that a source has twice is "where#2"."""

    step: str
    parameter: str
    value: Any


@dataclass(frozen=True, slots=True)
class Retuned:
    """Both decisions of every document that reached the steps of a source, one row each.

    `rows`: id, source, split, url, byte_count, language where there is one, and `old_`/`new_` outcome, step, reason,
    value and bytes, those of the text as it was where it left.
    """

    recipe: Recipe
    rows: pl.DataFrame


def parse_change(text: str) -> Change:
    """ "gopher_quality.min_words=30" as a change; the value is TOML, or a string where it is none.

    Raises:
        UsageError: it is not of this form.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f'{EXPECTED}, found "{text}"')
    return named_change(name, toml_value(value))


def named_change(name: str, value: Any) -> Change:
    """ "gopher_quality.min_words" and its value as a change.

    Raises:
        UsageError: the name is not of this form.
    """
    step, dot, parameter = name.strip().rpartition(".")
    if not (dot and step and parameter):
        raise UsageError(f'{EXPECTED}, found "{name}"')
    return Change(step, parameter, value)


def retune(run: RunFolder, changes: Sequence[Change]) -> Retuned:
    """Decide anew on every document of the ledger.

    Raises:
        UsageError: a step or parameter does not exist, or the change needs a measurement that the run did not make.
    """
    recipe = run.recipe
    old, new = resolve(recipe), resolve(changed_recipe(recipe, changes))
    parts = [pl.DataFrame(schema=EMPTY)]
    for source in new.sources:
        pairs, types = paired_steps(source, old, new), source_tables(source, new).ledger
        for file in sorted((run.room(LEDGER) / source.name).glob("*.parquet")):
            rows = needed_of(pl.scan_parquet(file, glob=False), pairs).collect()
            ledger = as_measured(rows, types).with_columns(pl.lit(f"{source.name}-{file.stem}").alias("split"))
            found = both_decisions(reached(ledger, pairs), pairs, source)
            if len(source.extractors) > 1:
                found = pl.concat([found, reopened_decisions(ledger, pairs)], how="diagonal_relaxed")
            parts.append(_told(found))
    return Retuned(new, pl.concat(parts, how="diagonal_relaxed"))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name in ("id", "source", "split", "url", "byte_count", "language") if name in rows.columns]
    return rows.select(*kept, pl.col("^old_.*$"), *(f"new_{name}" for name in DECISION), "new_bytes").sort("id")


def changed_recipe(recipe: Recipe, changes: Sequence[Change]) -> Recipe:
    """
    Raises:
        UsageError: no source has such a step.
    """
    for change in changes:
        known = {name for source in recipe.sources for name in step_names(source)}
        if change.step not in known:
            raise UsageError(f'no source has a step "{change.step}"{nearest(change.step, known)}')
        sources = tuple(_with_change(source, change) for source in recipe.sources)
        recipe = replace(recipe, sources=sources)
    return recipe


def _with_change(source: Source, change: Change) -> Source:
    steps = [
        _set(step, change) if name == change.step else step
        for name, step in zip(step_names(source), source.steps, strict=True)
    ]
    return replace(source, steps=tuple(steps))


def _set(step: Step, change: Change) -> Step:
    return replace(step, parameters={**step.parameters, change.parameter: change.value})
