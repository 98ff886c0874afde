"""What in a recipe can never work, or works on everything, found before a run does it: `curate check`.

recipe ─▶ names, files, models (check_recipe) ─▶ repeated steps, thresholds, weights, epochs ─▶ Finding
       ─▶ a sample of each source ─▶ its steps tried ─▶ Rate: how much each rule takes, beside what was published
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from curate.batch import PublishedRate
from curate.decontaminate.evaluations import open_evaluation
from curate.dedup.methods import passage_methods
from curate.given.recipe import GivenRecipe, load
from curate.pipeline.check import check_recipe
from curate.pipeline.planning import make_plan
from curate.recipe import Recipe, Source, Step
from curate.report.behavior import Remark, behavior, nothing_read, reader_raised
from curate.report.plan import PlannedSource, dedup_memory, planned_mixture, planned_sources
from curate.report.thresholds import crossed, flaw_of
from curate.steps.bind import bind, resolve
from curate.steps.sample import Trial, sample_source, try_steps


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of what reached a step a rule takes, asked by itself. `rule` None: all rules of the step together."""

    source: str
    step: str
    rule: str | None
    reached: int
    dropped: int
    share_of_documents: float
    share_of_bytes: float
    published: PublishedRate | None


@dataclass(frozen=True, slots=True)
class Checked:
    findings: tuple[Remark, ...]
    rates: tuple[Rate, ...]

    @property
    def has_fault(self) -> bool:
        return any(finding.is_fault for finding in self.findings)


def check(recipe: GivenRecipe, *, documents: int = 1000) -> Checked:
    """Look at a recipe, and try its steps on up to `documents` of each source.

    Raises:
        RecipeError: the recipe cannot run at all; with file and line.
    """
    recipe = resolve(load(recipe))
    check_recipe(recipe)
    plan = make_plan(recipe)
    findings = [*_weights(recipe)]
    sources = planned_sources(recipe, plan)
    notes = planned_mixture(recipe, sources).notes
    findings += [Remark(False, "[mix]", note) for note in notes if not note.startswith("the weights sum")]
    findings += [*_room(recipe, sources), *_items(recipe)]
    rates: list[Rate] = []
    for source in recipe.sources:
        findings += [*_repeated(source), *_thresholds(source, recipe)]
        findings += reader_raised(recipe, source, plan)
        batch = sample_source(recipe, source, plan, documents)
        if batch.is_empty():
            findings.append(nothing_read(recipe, source, plan))
            continue
        trials = list(try_steps(batch, bind(source, recipe)))
        rates += [rate for trial in trials for rate in _rates(source.name, trial)]
        findings += behavior(source.name, trials, recipe.limits.max_errors)
    return Checked(tuple(findings), tuple(rates))


def _weights(recipe: Recipe) -> Iterator[Remark]:
    weights = recipe.mix.weights
    total = sum(weights.values())
    if weights and abs(total - 1) > 1e-6:
        told = f"they sum to {total:.6g}, not to 1: each counts as its part of the sum"
        yield Remark(False, "[mix] weights", told)
    for source in recipe.sources:
        if weights and not weights.get(source.name):
            yield Remark(True, "[mix] weights", f'the source "{source.name}" has none: nothing of it will be drawn')


def _room(recipe: Recipe, sources: Sequence[PlannedSource]) -> Iterator[Remark]:
    """Whether the methods of deduplication have room for what the inputs seem to hold."""
    if recipe.dedup is None:
        return
    tokens = sum(source.estimated.tokens for source in sources)
    for method in passage_methods(recipe.dedup):
        for key, told in method.doubts(recipe.dedup, tokens):
            yield Remark(True, f"[dedup] {key}", told)
    expected, allowed = dedup_memory(recipe.dedup, sources), recipe.limits.worker_memory
    if expected.bytes > allowed:
        way = "raise it, or deduplicate crawl by crawl with index and against"
        yield Remark(True, "[dedup] method", f"{expected.told}; limits.worker_memory allows {allowed:,} bytes: {way}")


def _items(recipe: Recipe) -> Iterator[Remark]:
    if recipe.decontaminate is None:
        return
    evaluation = open_evaluation(recipe.decontaminate, recipe.base)
    if short := evaluation.too_short:
        told = f"{short:,} of {evaluation.items.height:,} items have fewer than {evaluation.ngram} words"
        yield Remark(False, "[decontaminate]", f"{told}: nothing can find them")


def _repeated(source: Source) -> Iterator[Remark]:
    for number, step in enumerate(source.steps):
        if any(_is_same(step, other) for other in source.steps[:number]):
            yield Remark(True, f"{source.name}, {step.use}", "the same step with the same parameters stands twice")


def _is_same(one: Step, other: Step) -> bool:
    return one.use == other.use and dict(one.parameters) == dict(other.parameters)


def _thresholds(source: Source, recipe: Recipe) -> Iterator[Remark]:
    for step in bind(source, recipe):
        off = []
        for rule in step.filter.rules:
            flaw = flaw_of(rule)
            if flaw == "off":
                off.append(rule.name)
            elif flaw is not None:
                yield Remark(True, f"{source.name}, {step.name}, {rule.name}", flaw)
        for low, high in crossed(step.filter.rules):
            told = f"nothing lies between {low.name} = {low.threshold:g} and {high.name} = {high.threshold:g}"
            yield Remark(True, f"{source.name}, {step.name}", told)
        if off:
            yield Remark(False, f"{source.name}, {step.name}", f"switched off by their thresholds: {', '.join(off)}")


def _rates(source: str, trial: Trial) -> Iterator[Rate]:
    step, documents = trial.step, trial.documents
    yield _rate(source, step.name, None, documents, pl.col("outcome") == "dropped", step.filter.published)
    for rule in step.filter.rules:
        yield _rate(source, step.name, rule.name, documents, ~rule.keep.fill_null(True), rule.published)


def _rate(
    source: str, step: str, rule: str | None, documents: pl.DataFrame, fails: pl.Expr, published: PublishedRate | None
) -> Rate:
    failing = documents.filter(fails)
    size, lost = int(documents["byte_count"].sum()), int(failing["byte_count"].sum())
    shares = (failing.height / max(documents.height, 1), lost / max(size, 1))
    return Rate(source, step, rule, documents.height, failing.height, *shares, published)


def check_values(checked: Checked) -> dict[str, Any]:
    """Findings and rates as plain values."""
    findings = [asdict(finding) for finding in checked.findings]
    rates = [
        asdict(rate) | {"published": rate.published._asdict() if rate.published else None} for rate in checked.rates
    ]
    return {"findings": findings, "rates": rates}
