"""The thresholds of a run that can be moved.

recipe ─▶ steps of each source, bound ─▶ their rules with a number, or an expression, of the recipe ─▶ MovableRule each
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from curate.batch import Rule
from curate.recipe import Recipe, Step
from curate.steps.bind import bind, resolve

WHERE = "expression"


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
