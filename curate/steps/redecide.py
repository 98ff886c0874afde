"""Rows of a ledger decided on anew, where the rules of some steps have changed.

    ledger rows ─▶ reached: the run's decision set aside ─┬▶ may change ─▶ step by step: as before, or by the new rules
                                                          └▶ the others: as before

A row may change only if a step that changes took it and would not for this reason, or let it pass and would take it:
most are neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
from polars import selectors as cs

from curate.batch import Filter
from curate.engine.sizes import AFTER, BEFORE, sizes
from curate.errors import UsageError
from curate.recipe import Recipe, Source, Step
from curate.steps.bind import BoundStep, bind
from curate.steps.columns import BEFORE_STEPS
from curate.steps.decide import apply_rules
from curate.steps.reach import ALIVE, measured_though_dropped
from curate.steps.retune_versions import DECISION, reopened, with_versions
from curate.steps.signals_before import as_seen
from curate.steps.signals_due import lack_signals

ALWAYS = ("_number", "id", "source", "url", "byte_count", "language", *DECISION, "extractor", "versions")
"""Columns that are asked for whatever changes."""


@dataclass(frozen=True, slots=True)
class StepPair:
    """A step as it is to be, and whether its rules are other ones than those that the run used."""

    step: BoundStep
    is_changed: bool


def paired_steps(source: Source, old: Recipe, new: Recipe) -> tuple[StepPair, ...]:
    """The steps of a source of both recipes, which differ in parameters alone.

    Raises:
        UsageError: a parameter differs that no rule depends on, so it may change what is measured.
    """
    before = old.source(source.name)
    pairs = []
    for was, step, old_step, new_step in zip(
        bind(before, old), bind(source, new), before.steps, source.steps, strict=True
    ):
        is_changed = not _same_rules(was.filter, step.filter)
        if not is_changed and dict(old_step.parameters) != dict(new_step.parameters):
            changed = _changed(old_step, new_step)
            told = "is no threshold here; what it changes, if anything, takes a new run"
            raise UsageError(f"{step.name}: {changed} {told}")
        pairs.append(StepPair(step, is_changed))
    return tuple(pairs)


def _changed(old: Step, new: Step) -> str:
    names = sorted({*old.parameters, *new.parameters})
    return ", ".join(name for name in names if old.parameters.get(name) != new.parameters.get(name))


def _same_rules(one: Filter, other: Filter) -> bool:
    return [rule.name for rule in one.rules] == [rule.name for rule in other.rules] and all(
        a.signal == b.signal and a.threshold == b.threshold and a.keep.meta.eq(b.keep)
        for a, b in zip(one.rules, other.rules, strict=True)
    )


def needed_of(ledger: pl.LazyFrame, pairs: Sequence[StepPair]) -> pl.LazyFrame:
    """The columns of a ledger that decisions look at from the first step on that changes."""
    first = next((number for number, pair in enumerate(pairs) if pair.is_changed), len(pairs))
    asked = [pair for number, pair in enumerate(pairs) if number >= first or pair.step.filter.hope is not None]
    rules = [rule for pair in asked for rule in pair.step.filter.rules]
    expressions = [
        *(rule.keep for rule in rules),
        *(each for pair in asked if (each := pair.step.filter.hope) is not None),
    ]
    looked_at = {name for expression in expressions for name in expression.meta.root_names()}
    older = {f"{BEFORE}{pair.step.name}" for pair in pairs}
    wanted = {*ALWAYS, *looked_at, *older, *(rule.signal for rule in rules)}
    return ledger.select(name for name in ledger.collect_schema().names() if name in wanted)


def reached(ledger: pl.DataFrame, pairs: Sequence[StepPair]) -> pl.DataFrame:
    """The rows that reached the steps, the run's decision set aside as `old_…`; `_place` is the number of the step that
    took a document. What went after the steps (copies, tokens) was kept by them."""
    rows = ledger.filter(~pl.col("step").is_in(BEFORE_STEPS).fill_null(False))
    places = {pair.step.name: number for number, pair in enumerate(pairs)}
    place = pl.col("step").replace_strict(places, default=len(pairs), return_dtype=pl.Int32)
    rows = rows.with_columns(place.alias("_place"), *_narrowed(rows))
    was_taken = pl.col("_place") < len(pairs)
    old = [pl.when(was_taken).then(name).alias(f"old_{name}") for name in DECISION]
    blank = [pl.lit(None, pl.String).alias(name) for name in DECISION]
    return rows.with_columns(old).with_columns(pl.col("old_outcome").fill_null("kept"), *blank)


def _narrowed(rows: pl.DataFrame) -> Iterator[pl.Expr]:
    """Of the signals of older texts those that the rows have of the newer ones."""
    for name, dtype in rows.schema.items():
        if name.startswith(BEFORE) and isinstance(dtype, pl.Struct):
            fields = [pl.col(name).struct.field(field.name) for field in dtype.fields if field.name in rows.columns]
            yield pl.when(pl.col(name).is_not_null()).then(pl.struct(fields)).alias(name)


def both_decisions(
    rows: pl.DataFrame, pairs: Sequence[StepPair], source: Source, *, may_all: bool = False
) -> pl.DataFrame:
    """Of rows that `reached` gives both decisions and the bytes of the text as it left by each: `old_…` and `new_…`.
    Who knows that the decision on all of them may change says so."""
    concerned = pl.repeat(True, rows.height, eager=True) if may_all else _concerned(rows, pairs, source)
    was_taken = pl.col("_place") < len(pairs)
    as_it_was = [pl.when(was_taken).then(f"old_{name}").alias(name) for name in DECISION]
    parts = [*_redecided(rows.filter(concerned), pairs), rows.filter(~concerned).with_columns(as_it_was)]
    batch = pl.concat(parts, how="vertical_relaxed")
    names = [pair.step.name for pair in pairs]
    batch = batch.with_columns(_bytes(batch, names, "old_"), _bytes(batch, names, ""))
    if len(source.extractors) > 1:
        batch = with_versions(batch, [pair.step for pair in pairs], changed_names(pairs), source)
        batch = batch.with_columns(pl.coalesce("_left", "new_bytes").alias("new_bytes"))
    decisions = [pl.col(name).alias(f"new_{name}") for name in DECISION[1:]]
    return batch.with_columns(pl.col("outcome").fill_null("kept").alias("new_outcome"), *decisions)


def _redecided(batch: pl.DataFrame, pairs: Sequence[StepPair]) -> Iterator[pl.DataFrame]:
    """Step by step: those that one takes, and in the end those that none does."""
    for index in range(len(pairs)):
        if batch.is_empty():
            break
        batch = pl.concat(_through(batch, index, pairs), how="vertical_relaxed")
        yield batch.filter(~ALIVE)
        batch = batch.filter(ALIVE)
    yield batch


def _concerned(rows: pl.DataFrame, pairs: Sequence[StepPair], source: Source) -> pl.Series:
    """Of a page with several texts more than the rules has a say: all are."""
    if changed_names(pairs) and len(source.extractors) == 1:
        return may_change(seen_by_changed(rows, pairs), pairs)
    return pl.repeat(len(source.extractors) > 1, rows.height, dtype=pl.Boolean, eager=True)


def changed_names(pairs: Sequence[StepPair]) -> set[str]:
    return {pair.step.name for pair in pairs if pair.is_changed}


def reopened_decisions(ledger: pl.DataFrame, pairs: Sequence[StepPair]) -> pl.DataFrame:
    """Of a source with several extractors, the rows that no step took and of whose other texts nobody knows what
    becomes of them."""
    old = [pl.col(name).alias(f"old_{name}") for name in DECISION]
    new = [pl.lit("unknown" if name == "outcome" else None, pl.String).alias(f"new_{name}") for name in DECISION]
    size = pl.col("byte_count").fill_null(0)
    rows = reopened(ledger, changed_names(pairs))
    return rows.with_columns(*old, *new, size.alias("old_bytes"), size.alias("new_bytes"))


def _bytes(batch: pl.DataFrame, names: list[str], side: str) -> pl.Series:
    """Of each text where it left the steps by the decision of this side, before later stages cut it."""
    decision = batch.with_columns(pl.col(f"{side}outcome").fill_null("kept").alias("outcome"), step=f"{side}step")
    columns = [name for name in batch.columns if not name.startswith(AFTER)]
    return decision.select(sizes(columns, names).left.alias(f"{side or 'new_'}bytes")).to_series()


@contextmanager
def _measured_for(step: BoundStep) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.ColumnNotFoundError as error:
        told = str(error).partition(";")[0]  # behind it all columns that there are
        raise UsageError(f"{step.name}: the run did not measure what this needs ({told})") from None


def seen_by_changed(rows: pl.DataFrame, pairs: Sequence[StepPair]) -> dict[int, pl.DataFrame]:
    """By the place of each step that changes, the rows that `reached` gives with what its rules look at; thresholds
    have no say in it."""
    steps, seen = [pair.step for pair in pairs], {}
    for index, pair in enumerate(pairs):
        if pair.is_changed:
            names = {name for rule in pair.step.filter.rules for name in rule.keep.meta.root_names()}
            seen[index] = as_seen(rows, steps, index).select(
                "_place", "old_reason", cs.by_name(*names, require_all=False)
            )
    return seen


def may_change(seen: Mapping[int, pl.DataFrame], pairs: Sequence[StepPair]) -> pl.Series:
    """Which rows the changed steps may decide on in another way than the run did."""
    found = []
    for index, rows in seen.items():
        step, place = pairs[index].step, pl.col("_place")
        failed = [pl.when(~rule.keep.fill_null(True)).then(pl.lit(rule.name)) for rule in step.filter.rules]
        reason = pl.coalesce(*failed, pl.lit(None, pl.String))
        differs = pl.when(place == index).then(reason.ne_missing(pl.col("old_reason"))).otherwise(reason.is_not_null())
        with _measured_for(step):
            found.append(rows.select((place >= index) & differs).to_series())
    return pl.select(pl.any_horizontal(found)).to_series()


def _through(batch: pl.DataFrame, index: int, pairs: Sequence[StepPair]) -> Iterator[pl.DataFrame]:
    """One step, of those that are not taken yet: those that it saw in the run, and those that were taken before it."""
    pair, steps = pairs[index], [each.step for each in pairs]
    saw = batch.filter(pl.col("_place") >= index)
    yield _judged(saw, pair, steps, index) if pair.is_changed else _as_before(saw, index)
    if (back := batch.filter(pl.col("_place") < index)).height:
        is_measured = _is_measured(steps, index)
        yield _judged(back.filter(is_measured), pair, steps, index)
        yield back.filter(~is_measured).with_columns(_unknown(pair))


def _is_measured(steps: Sequence[BoundStep], index: int) -> pl.Expr:
    """Whether a document that was dropped before a step has what the step decides by."""
    if steps[index].filter.measure is None:
        return ~lack_signals(steps, "old_")
    return measured_though_dropped(steps, index, "old_")


def _judged(rows: pl.DataFrame, pair: StepPair, steps: Sequence[BoundStep], index: int) -> pl.DataFrame:
    """By the step's rules; what a user's function failed on stays quarantined."""
    failed = ALIVE & (pl.col("old_outcome") == "quarantined") & (pl.col("old_step") == pair.step.name)
    rows = rows.with_columns(pl.when(failed).then(f"old_{name}").otherwise(name).alias(name) for name in DECISION)
    with _measured_for(pair.step):
        decided = apply_rules(as_seen(rows, steps, index), pair.step.name, pair.step.filter.rules)
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


def _unknown(pair: StepPair) -> list[pl.Expr]:
    return [pl.lit("unknown").alias("outcome"), pl.lit(pair.step.name).alias("step")]
