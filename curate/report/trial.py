"""What one step keeps and drops of a sample, side by side, with the values that decided.

sample ─▶ the steps before ─▶ the step ─▶ kept │ dropped, evenly chosen ─▶ value against threshold, start of the text
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.batch import Rule
from curate.errors import UsageError, nearest
from curate.given.recipe import GivenRecipe, load
from curate.pipeline.check import check_recipe
from curate.pipeline.planning import make_plan
from curate.recipe import Recipe, Source
from curate.steps.bind import bind, resolve
from curate.steps.sample import Trial, sample_source, try_steps

DOCUMENTS = 1000
SHOWN_RULES = 3


@dataclass(frozen=True, slots=True)
class Example:
    """`values` are of the rules that dropped it, or of those that came nearest to it: (rule, value, threshold)."""

    id: str
    url: str | None
    outcome: str
    values: tuple[tuple[str, Any, Any], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    source: str
    step: str
    reached: int
    kept: int
    dropped: int
    quarantined: int
    examples: tuple[Example, ...]


def try_step(recipe: GivenRecipe, step: str, *, source: str | None = None, sample: int = 20) -> Tried:
    """Try a recipe's step on the documents of a sample that reach it; half of the examples are kept ones.

    Raises:
        RecipeError: the recipe cannot run.
        UsageError: no source has such a step.
    """
    recipe = resolve(load(recipe))
    check_recipe(recipe)
    chosen = _find_source(recipe, step, source)
    batch = sample_source(recipe, chosen, make_plan(recipe), DOCUMENTS)
    trial = next(trial for trial in try_steps(batch, bind(chosen, recipe)) if trial.step.name == step)
    outcomes = trial.documents["outcome"].fill_null("kept")
    counts = {name: int((outcomes == name).sum()) for name in ("kept", "dropped", "quarantined")}
    return Tried(chosen.name, step, trial.documents.height, **counts, examples=_examples(trial, sample))


def _find_source(recipe: Recipe, step: str, name: str | None) -> Source:
    known = {source.name: [bound.name for bound in bind(source, recipe)] for source in recipe.sources}
    if name is not None and name not in known:
        raise UsageError(f'there is no source "{name}"{nearest(name, known)}')
    for source in recipe.sources:
        if step in known[source.name] and name in (None, source.name):
            return source
    steps = {each for names in known.values() for each in names}
    where = f'the source "{name}" has' if name else "no source has"
    raise UsageError(f'{where} no step "{step}"'.replace("no source has no", "no source has a") + nearest(step, steps))


def _examples(trial: Trial, sample: int) -> tuple[Example, ...]:
    """Kept ones, dropped ones, and what the user's function failed on."""
    outcome = pl.col("outcome").fill_null("kept")
    half = max(1, sample // 2)
    found: list[Example] = []
    for name, count in (("kept", half), ("dropped", half), ("quarantined", 3)):
        rows = trial.documents.filter(outcome == name)
        picked = rows.gather_every(max(1, rows.height // count)).head(count)
        found += [_example(row, name, trial.step.filter.rules) for row in picked.iter_slices(1)]
    return tuple(found)


def _example(row: pl.DataFrame, outcome: str, rules: tuple[Rule, ...]) -> Example:
    facts = row.row(0, named=True)
    if outcome == "quarantined":
        values: tuple[tuple[str, Any, Any], ...] = (("error", facts["value"], None),)
    else:
        failed = [rule for rule in rules if not row.select(rule.keep.fill_null(True)).item()]
        shown = failed or sorted(rules, key=lambda rule: _distance(facts.get(rule.signal), rule.threshold))
        values = tuple((rule.name, facts.get(rule.signal), rule.threshold) for rule in shown[:SHOWN_RULES])
    return Example(facts["id"], facts["url"], outcome, values, " ".join((facts["text"] or "").split()))


def _distance(value: Any, threshold: Any) -> float:
    """How far a value is from a threshold, as a part of it; what is no number is far."""
    if not isinstance(value, int | float) or not isinstance(threshold, int | float) or isinstance(value, bool):
        return float("inf")
    return abs(value - threshold) / max(abs(threshold), 1e-9)
