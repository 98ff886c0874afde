"""Steps that took nearly everything, or nothing: more often a mistake in a recipe than a property of the data.

funnel ─▶ per source and step: documents that reached it, documents that it dropped ─▶ Suspicion
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from curate.report.funnel import by_step, funnel
from curate.run_folder import RunFolder
from curate.steps.bind import bind

MIN_REACHED = 100
"""Fewer documents say nothing about a step."""
LARGE = 10_000
"""Documents of which a rule that fires at all should have taken one."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`reached` documents came to the step and it dropped `dropped`. `is_fault`: more than `max_drop` allows."""

    source: str
    step: str
    reached: int
    dropped: int
    is_fault: bool


def suspicions(run: RunFolder) -> list[Suspicion]:
    """The steps of a finished run that dropped more than `[limits] max_drop` of what reached them, and those that
    dropped nothing of at least `LARGE` documents."""
    recipe = run.recipe
    rows = by_step(funnel(run))
    dropped, lost, apart = (
        {(row.source, row.step): row.documents for row in rows if row.outcome == outcome}
        for outcome in ("dropped", "quarantined", "apart")
    )
    found: list[Suspicion] = []
    for source in recipe.sources:
        left = run.manifest["counts"][source.name]["read"]
        left -= sum(
            taken.get((source.name, name), 0) for taken in (dropped, lost, apart) for name in ("read", "extract")
        )
        for step in bind(source, recipe):
            key = (source.name, step.name)
            count = dropped.get(key, 0)
            if step.filter.rules:
                found += _judge(*key, left, count, recipe.limits.max_drop)
            left -= count + lost.get(key, 0)
    return found


def _judge(source: str, step: str, reached: int, dropped: int, max_drop: float) -> Iterator[Suspicion]:
    if reached >= MIN_REACHED and dropped > max_drop * reached:
        yield Suspicion(source, step, reached, dropped, is_fault=True)
    if reached >= LARGE and not dropped:
        yield Suspicion(source, step, reached, dropped, is_fault=False)


def sentence(suspicion: Suspicion) -> str:
    """One line for people."""
    where = f'source "{suspicion.source}", step "{suspicion.step}"'
    if suspicion.is_fault:
        share = f"{suspicion.dropped / suspicion.reached:.1%}"
        return f"{where} dropped {suspicion.dropped:,} of the {suspicion.reached:,} documents that reached it ({share})"
    return f"{where} dropped none of {suspicion.reached:,} documents: does its rule ever fire?"
