"""What other thresholds would have decided, from the ledger of a finished run alone: nothing is read again.

    ledger rows ─▶ steps in order: the old decision where a step did not change, its new rules where it did
                ─▶ kept · dropped · quarantined · unknown (it would reach a step that has not measured it, or
                   another extractor's text of the page may stay: see retune_versions)

Deduplication is not done again: "kept" means kept by the filters, before copies are looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from polars._typing import PolarsDataType

from curate.batch import Filter
from curate.engine.sizes import AFTER, sizes
from curate.errors import UsageError, nearest
from curate.recipe import Recipe, Source, Step
from curate.run_files import LEDGER
from curate.run_folder import RunFolder
from curate.settings import toml_value
from curate.steps.bind import BoundStep, bind, resolve, step_names
from curate.steps.columns import BEFORE_STEPS
from curate.steps.conform import as_measured
from curate.steps.decide import apply_rules
from curate.steps.reach import ALIVE, measured_though_dropped
from curate.steps.retune_versions import DECISION, reopened, with_versions
from curate.steps.schema import source_tables
from curate.steps.signals_before import as_seen

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
    old, new = resolve(recipe), resolve(_changed(recipe, changes))
    files = [
        (source, file)
        for source in new.sources
        for file in sorted((run.folder / LEDGER / source.name).glob("*.parquet"))
    ]
    pairs = {source.name: _paired(source, old, new) for source in new.sources}
    types = {source.name: source_tables(source, new).ledger for source in new.sources}
    parts = [pl.DataFrame(schema=EMPTY)]
    for source, file in files:
        split = pl.lit(f"{source.name}-{file.stem}").alias("split")
        rows = as_measured(pl.read_parquet(file, glob=False), types[source.name])
        parts.append(_redecide(rows.with_columns(split), pairs[source.name], source))
    return Retuned(new, pl.concat(parts, how="diagonal_relaxed"))


def _changed(recipe: Recipe, changes: Sequence[Change]) -> Recipe:
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """A step as it is to be, and whether its rules are other ones than those that the run used."""

    step: BoundStep
    is_changed: bool


def _paired(source: Source, old: Recipe, new: Recipe) -> tuple[_Pair, ...]:
    before = old.source(source.name)
    pairs = []
    for was, step, old_step, new_step in zip(
        bind(before, old), bind(source, new), before.steps, source.steps, strict=True
    ):
        is_changed = not _same_rules(was.filter, step.filter)
        if not is_changed and dict(old_step.parameters) != dict(new_step.parameters):
            raise UsageError(f"{step.name}: this changes what is measured, not a threshold; it takes a new run")
        pairs.append(_Pair(step, is_changed))
    return tuple(pairs)


def _same_rules(one: Filter, other: Filter) -> bool:
    return [rule.name for rule in one.rules] == [rule.name for rule in other.rules] and all(
        a.signal == b.signal and a.threshold == b.threshold and a.keep.meta.eq(b.keep)
        for a, b in zip(one.rules, other.rules, strict=True)
    )


def _redecide(ledger: pl.DataFrame, pairs: tuple[_Pair, ...], source: Source) -> pl.DataFrame:
    """The rows of one ledger file that reached the steps, with both decisions."""
    names = [pair.step.name for pair in pairs]
    batch = _prepared(ledger.filter(~pl.col("step").is_in(BEFORE_STEPS).fill_null(False)), names)
    for index in range(len(pairs)):
        batch = pl.concat(_through(batch, index, pairs), how="vertical_relaxed")
    batch = batch.with_columns(_bytes(batch, names, "old_"), _bytes(batch, names, ""))
    outcome = pl.col("outcome").fill_null("kept").alias("new_outcome")
    decisions = [pl.col(name).alias(f"new_{name}") for name in DECISION[1:]]
    if len(source.extractors) == 1:
        return _told(batch.with_columns(outcome, *decisions))
    changed = {pair.step.name for pair in pairs if pair.is_changed}
    batch = with_versions(batch, [pair.step for pair in pairs], changed, source)
    batch = batch.with_columns(outcome, *decisions, pl.coalesce("_left", "new_bytes").alias("new_bytes"))
    return _told(pl.concat([batch, _reopened(ledger, changed)], how="diagonal_relaxed"))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name in ("id", "source", "split", "url", "byte_count", "language") if name in rows.columns]
    return rows.select(*kept, pl.col("^old_.*$"), *(f"new_{name}" for name in DECISION), "new_bytes").sort("id")


def _reopened(ledger: pl.DataFrame, changed: Collection[str]) -> pl.DataFrame:
    """No step took their rows, and nobody knows what becomes of their other texts."""
    old = [pl.col(name).alias(f"old_{name}") for name in DECISION]
    new = [pl.lit("unknown" if name == "outcome" else None, pl.String).alias(f"new_{name}") for name in DECISION]
    size = pl.col("byte_count").fill_null(0)
    return reopened(ledger, changed).with_columns(*old, *new, size.alias("old_bytes"), size.alias("new_bytes"))


def _bytes(batch: pl.DataFrame, names: list[str], side: str) -> pl.Series:
    """Of each text where it left the steps by the decision of this side, before later stages cut it."""
    decision = batch.with_columns(pl.col(f"{side}outcome").fill_null("kept").alias("outcome"), step=f"{side}step")
    columns = [name for name in batch.columns if not name.startswith(AFTER)]
    return decision.select(sizes(columns, names).left.alias(f"{side or 'new_'}bytes")).to_series()


def _prepared(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The run's decision set aside as `old_…`; `_place` is the number of the step that took a document. What went
    after the steps (copies, tokens) was kept by them."""
    places = {name: number for number, name in enumerate(names)}
    place = pl.col("step").replace_strict(places, default=len(names), return_dtype=pl.Int32)
    rows = rows.with_columns(place.alias("_place"))
    was_taken = pl.col("_place") < len(names)
    old = [pl.when(was_taken).then(name).alias(f"old_{name}") for name in DECISION]
    blank = [pl.lit(None, pl.String).alias(name) for name in DECISION]
    return rows.with_columns(old).with_columns(pl.col("old_outcome").fill_null("kept"), *blank)


def _through(batch: pl.DataFrame, index: int, pairs: tuple[_Pair, ...]) -> Iterator[pl.DataFrame]:
    """One step: those that it saw in the run, and those that were taken before it."""
    pair, steps = pairs[index], [each.step for each in pairs]
    saw = batch.filter(pl.col("_place") >= index)
    yield _judged(saw, pair, steps, index) if pair.is_changed else _as_before(saw, index)
    others = batch.filter(pl.col("_place") < index)
    is_measured = _is_measured(steps, index)
    yield _judged(others.filter(is_measured), pair, steps, index)
    yield others.filter(~is_measured).with_columns(_unknown(pair))


def _is_measured(steps: list[BoundStep], index: int) -> pl.Expr:
    """Whether a document that was dropped before a step has what the step decides by."""
    if steps[index].filter.measure is None:
        return pl.lit(True)
    return measured_though_dropped(steps, index, "old_")


def _judged(rows: pl.DataFrame, pair: _Pair, steps: list[BoundStep], index: int) -> pl.DataFrame:
    """By the step's rules; what a user's function failed on stays quarantined."""
    failed = ALIVE & (pl.col("old_outcome") == "quarantined") & (pl.col("old_step") == pair.step.name)
    rows = rows.with_columns(pl.when(failed).then(f"old_{name}").otherwise(name).alias(name) for name in DECISION)
    try:
        decided = apply_rules(as_seen(rows, steps, index), pair.step.name, pair.step.filter.rules)
    except pl.exceptions.ColumnNotFoundError as error:
        told = str(error).partition(";")[0]  # behind it all columns that there are
        raise UsageError(f"{pair.step.name}: the run did not measure what this needs ({told})") from None
    return rows.with_columns(_emptied(decided, pair.step).select(DECISION))


def _emptied(rows: pl.DataFrame, step: BoundStep) -> pl.DataFrame:
    """A text of which the step leaves nothing is no document, whatever its rules say."""
    if not step.filter.changes_text:
        return rows
    was_emptied = (pl.col("old_step") == step.name) & (pl.col("old_reason") == "emptied")
    is_empty = ALIVE & ((pl.col("byte_count") == 0) | was_emptied)
    news = {"outcome": "dropped", "step": step.name, "reason": "emptied"}
    return rows.with_columns(
        pl.when(is_empty).then(pl.lit(new)).otherwise(name).alias(name) for name, new in news.items()
    )


def _as_before(rows: pl.DataFrame, index: int) -> pl.DataFrame:
    taken = ALIVE & (pl.col("_place") == index)
    return rows.with_columns(pl.when(taken).then(f"old_{name}").otherwise(name).alias(name) for name in DECISION)


def _unknown(pair: _Pair) -> list[pl.Expr]:
    return [
        pl.when(ALIVE).then(pl.lit("unknown")).otherwise("outcome").alias("outcome"),
        pl.when(ALIVE).then(pl.lit(pair.step.name)).otherwise("step").alias("step"),
    ]
