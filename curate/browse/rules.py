"""The thresholds of a run that can be moved, and how the values are spread that they are compared with.

recipe ─▶ MovableRule each        signal of the ledger, rows of the rule's sources ─▶ Bins: kept │ not kept
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from curate.batch import Rule
from curate.browse.table import LedgerTable
from curate.recipe import Recipe, Step
from curate.report.html.histogram import Bins, bins_of
from curate.steps.bind import bind, resolve

WHERE = "expression"
MAX_TIMES = 8
"""Values that are so many times the threshold are one to whoever moves it."""


@dataclass(frozen=True, slots=True)
class MovableRule:
    """`key` is what `curate retune --set` calls it; `value` a number, or the expression of a `where`. `signal` is None
    where a rule looks at several. Sources that have the step may have other values; this is the first's."""

    key: str
    step: str
    parameter: str
    signal: str | None
    value: float | int | str
    sources: tuple[str, ...]


def movable_rules(recipe: Recipe) -> list[MovableRule]:
    """In the order of sources and steps, each once."""
    found: dict[str, MovableRule] = {}
    for name, rule in _rules(resolve(recipe)):
        if rule.key in found:
            before = found[rule.key]
            rule = MovableRule(*_fields(before)[:-1], (*before.sources, name))
        found[rule.key] = rule
    return [*found.values()]


def _fields(rule: MovableRule) -> tuple[str, str, str, str | None, float | int | str, tuple[str, ...]]:
    return rule.key, rule.step, rule.parameter, rule.signal, rule.value, rule.sources


def _rules(recipe: Recipe) -> Iterator[tuple[str, MovableRule]]:
    for source in recipe.sources:
        for step, bound in zip(source.steps, bind(source, recipe), strict=True):
            for rule in bound.filter.rules:
                parameter = WHERE if step.use == "where" else rule.name
                value = step.parameters.get(parameter)
                if _is_movable(step, rule, value):
                    key = f"{bound.name}.{parameter}"
                    yield source.name, MovableRule(key, bound.name, parameter, rule.signal, value, (source.name,))  # type: ignore[arg-type]


def _is_movable(step: Step, rule: Rule, value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number or (step.use == "where" and isinstance(value, str))


def bins_of_rule(table: LedgerTable, rule: MovableRule) -> Bins | None:
    """Of the values that the run's threshold was compared with; None where they are no numbers, or nobody has any."""
    if rule.signal is None or rule.signal not in table.signals:
        return None
    rows = table.columns(["source", "outcome", rule.signal])
    some = rows.filter(pl.col("source").is_in([*rule.sources])).drop_nulls(rule.signal)
    is_out = some["outcome"].cast(pl.String) != "kept"
    if isinstance(rule.value, str):
        return bins_of(some[rule.signal], is_out)
    near = some[rule.signal].cast(pl.Float64).clip(upper_bound=MAX_TIMES * rule.value if rule.value > 0 else None)
    return bins_of(near, is_out, float(rule.value))
