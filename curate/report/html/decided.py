"""What each rule that dropped anything decided: values on both sides of its threshold, and the documents nearest to it.

manifest ─▶ rules with drops ─▶ their signals in the ledger ─▶ passed │ dropped ─▶ Bins or counts of values, ids
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.batch import Rule
from curate.engine.sizes import BEFORE
from curate.report.html.account import Account
from curate.report.html.excerpts import masked
from curate.report.html.histogram import Bins, bins_of
from curate.steps.bind import BoundStep, bind
from curate.steps.columns import BEFORE_STEPS
from curate.steps.signals_before import as_seen

MAX_RULES = 6
"""Of a step, those that dropped most; the others are in the funnel."""
MAX_VALUES = 12
"""Of a signal that is no number: half of them of what was dropped most, the others the most frequent of the rest."""
SHOWN = 3
"""Documents on each side."""
MAX_ROWS = 2_000_000
"""Of a source; of a greater one its first documents are counted."""


COMPARED = re.compile(r"\s*(?P<signal>\w+)\s*[<>]=?\s*(?P<number>\d[\d_]*(?:\.\d+)?)\s*")
"""A condition that is one comparison with a number, such as "digit_ratio < 0.2"."""


@dataclass(frozen=True, slots=True)
class Borderline:
    """A document beside a threshold."""

    id: str
    value: Any
    is_dropped: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A rule, what it dropped of the documents that it decided on, and values by side: `bins` of numbers, or `values`,
    (value, passed, dropped) each, those dropped most first. `threshold` is as the rule says it."""

    source: str
    step: str
    rule: str
    signal: str
    threshold: Any
    passed: int
    dropped: int
    bins: Bins | None
    values: tuple[tuple[str, int, int], ...]
    nearest: tuple[Borderline, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    index: int
    step: str
    rule: Rule


def decided(account: Account, source: str) -> list[Decided]:
    """All of a source's steps, in their order; a rule is counted against the documents that passed its whole step."""
    steps = bind(account.recipe.source(source), account.recipe)
    asked = list(_asked(account, source, steps))
    if not asked:
        return []
    rows = _rows(account, source, steps, [each.rule.signal for each in asked])
    found = []
    for index in dict.fromkeys(each.index for each in asked):
        seen = as_seen(rows.filter(pl.col("_place") >= index), steps, index)
        found += [_decided(account, source, seen, each) for each in asked if each.index == index]
    return found


def _asked(account: Account, source: str, steps: Sequence[BoundStep]) -> Iterator[_Asked]:
    counts = account.manifest["counts"][source]["steps"]
    for index, step in enumerate(steps):
        dropped = {rule.name: counts.get(f"dropped/{step.name}/{rule.name}", (0, 0))[0] for rule in step.filter.rules}
        most = sorted((name for name in dropped if dropped[name]), key=lambda name: -dropped[name])[:MAX_RULES]
        for rule in step.filter.rules:
            if rule.name in most:
                yield _Asked(index, step.name, rule)


def _rows(account: Account, source: str, steps: Sequence[BoundStep], signals: Sequence[str]) -> pl.DataFrame:
    """Those that reached the steps; `_place` is the number of the step that took a document."""
    names = [name for name in dict.fromkeys(("id", "outcome", "step", "reason", *signals)) if name in account.ledger]
    columns = [*map(pl.col, names), *_earlier(account, steps, signals)]
    places = {step.name: number for number, step in enumerate(steps)}
    place = pl.col("step").replace_strict(places, default=len(steps), return_dtype=pl.Int32)
    reached = account.run.ledger(source).select(columns).filter(~pl.col("step").is_in(BEFORE_STEPS).fill_null(False))
    return reached.head(MAX_ROWS).with_columns(place.alias("_place")).collect()


def _earlier(account: Account, steps: Sequence[BoundStep], signals: Sequence[str]) -> Iterator[pl.Expr]:
    """Of texts that a step changed, the signals that are asked for as they were before it."""
    for name in (f"{BEFORE}{step.name}" for step in steps if step.filter.changes_text):
        before = account.ledger.get(name)
        known = (
            [field.name for field in before.fields if field.name in signals] if isinstance(before, pl.Struct) else []
        )
        if known:
            kept = pl.struct(pl.col(name).struct.field(each) for each in known)
            yield pl.when(pl.col(name).is_not_null()).then(kept).alias(name)


def _decided(account: Account, source: str, seen: pl.DataFrame, asked: _Asked) -> Decided:
    """`seen` has the documents that reached the step."""
    rule, is_taken = asked.rule, pl.col("_place") == asked.index
    is_dropped = is_taken & (pl.col("outcome") == "dropped") & (pl.col("reason") == rule.name)
    if rule.signal not in seen.columns:  # an expression, or what a rule computes of several
        seen = seen.with_columns(pl.lit(None, pl.Float64).alias(rule.signal))
    sides = seen.filter(~is_taken | is_dropped).select(
        "id",
        (pl.col("outcome") == "kept").alias("kept"),
        is_dropped.alias("dropped"),
        pl.col(rule.signal).alias("value"),
    )
    dropped = int(sides["dropped"].sum())
    limit = limit_of(rule)
    is_number = sides.schema["value"].is_numeric()
    bins = bins_of(sides["value"], sides["dropped"], limit) if is_number else None
    values = () if is_number or sides.schema["value"].is_nested() else tuple(_values(account, sides))
    nearest = tuple(_nearest(account, sides, limit if is_number else None))
    counts = (sides.height - dropped, dropped)
    return Decided(source, asked.step, rule.name, rule.signal, rule.threshold, *counts, bins, values, nearest)


def limit_of(rule: Rule) -> float | None:
    """The number that a signal is compared with, also where a condition says it: "word_count > 70"."""
    if isinstance(rule.threshold, str):
        compared = COMPARED.fullmatch(rule.threshold)
        return float(compared["number"]) if compared and compared["signal"] == rule.signal else None
    return rule.threshold if isinstance(rule.threshold, int | float) and not isinstance(rule.threshold, bool) else None


def _values(account: Account, sides: pl.DataFrame) -> Iterator[tuple[str, int, int]]:
    shown = pl.col("value").cast(pl.String).fill_null("unknown").str.head(80)
    counts = sides.group_by(shown).agg(pl.len(), pl.col("dropped").sum().cast(pl.Int64))
    counts = counts.sort(["dropped", "len", "value"], descending=[True, True, False])
    went_on = counts.slice(MAX_VALUES // 2).sort(["len", "value"], descending=[True, False])
    most = pl.concat([counts.head(MAX_VALUES // 2), went_on.head(MAX_VALUES // 2)])
    for value, (_, both, dropped) in zip(masked(account, most["value"].to_list()), most.iter_rows(), strict=True):
        yield value or "", both - dropped, dropped


def _nearest(account: Account, sides: pl.DataFrame, limit: float | None) -> Iterator[Borderline]:
    """On each side those whose values are nearest to the limit; without one, some from all over the source."""
    for is_dropped in (True, False):
        side = sides.filter(pl.col("dropped") if is_dropped else pl.col("kept"))
        if limit is None:
            some = side.gather_every(max(1, side.height // SHOWN)).head(SHOWN)
        else:
            distance = (pl.col("value").cast(pl.Float64) - limit).abs()
            near = side.with_row_index("_row").with_columns(distance.alias("_distance")).drop_nulls("_distance")
            some = near.bottom_k(SHOWN, by=["_distance", "_row"]).sort("_distance", "_row")
        for id, value in some.select("id", "value").iter_rows():
            yield Borderline(id, masked(account, [value])[0] if isinstance(value, str) else value, is_dropped)
