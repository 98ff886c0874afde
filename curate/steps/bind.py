"""The steps of a source bound to what does them: names become functions, parameters become typed and complete.

Step("gopher_quality", {"min_words": 30}) ─▶ curate.filters.gopher:gopher_quality(min_words=30, …) ─▶ BoundStep
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import polars as pl

from curate.batch import Filter
from curate.dedup.methods import methods_of
from curate.dedup.sign import with_bands
from curate.engine.walk import step_of_version
from curate.errors import RecipeError, UsageError, nearest
from curate.filters.custom import resolve_custom
from curate.own_code.functions import script_functions
from curate.plugins import named_object, plugin_names
from curate.recipe import Recipe, Source, Step, recipe_error
from curate.recipe_dedup import Dedup
from curate.recipe_path import place_paths
from curate.steps.source_reader import with_reader
from curate.tokenize.rehydrate import check_rehydration
from curate.typed import Mismatch, fill

BUILT_IN: Mapping[str, str] = {
    "url": "curate.filters.url:url",
    "language": "curate.filters.language:language",
    "gopher_quality": "curate.filters.gopher:gopher_quality",
    "gopher_repetition": "curate.filters.gopher:gopher_repetition",
    "c4": "curate.filters.c4:c4",
    "refinedweb": "curate.filters.refinedweb:refinedweb",
    "madlad": "curate.filters.madlad:madlad",
    "code": "curate.filters.code:code",
    "license": "curate.filters.license:license",
    "rights": "curate.filters.rights:rights",
    "books": "curate.filters.books:books",
    "fineweb": "curate.filters.fineweb:fineweb",
    "fineweb2": "curate.filters.fineweb2:fineweb2",
    "redpajama_v2": "curate.filters.redpajama:redpajama_v2",
    "toxicity": "curate.filters.toxicity:toxicity",
    "fasttext": "curate.filters.quality:fasttext",
    "classifier": "curate.filters.quality:classifier",
    "quality": "curate.filters.quality:quality",
    "perplexity": "curate.filters.perplexity:perplexity",
    "where": "curate.filters.where:where",
}


@dataclass(frozen=True, slots=True)
class BoundStep:
    """One step, ready to be used. `name` is unique in its source: a second `where` is "where#2"."""

    name: str
    filter: Filter
    is_before_signals: bool = False
    """Whether it decides before text signals are measured (see signals_due.py)."""


def resolve(recipe: Recipe) -> Recipe:
    """The recipe with every parameter of every built-in step filled in, extractors by their names, and bands and rows
    for a threshold.

    Raises:
        RecipeError: an unknown step or parameter, or a value of the wrong type; with file and line.
    """
    sources = tuple(_resolve_source(source, number, recipe) for number, source in enumerate(recipe.sources))
    return replace(recipe, sources=sources, dedup=recipe.dedup and _resolve_bands(recipe.dedup, recipe))


def bind(source: Source, recipe: Recipe) -> tuple[BoundStep, ...]:
    """The filters of a source, in order.

    Raises:
        RecipeError: a step cannot be used as it is written; with file and line.
    """
    filters = [at_line(step, recipe, lambda step=step: _filter(step, recipe)) for step in source.steps]  # type: ignore[misc]
    before = _steps_before_signals(source, filters)
    return tuple(
        BoundStep(name, filter, number < before)
        for number, (name, filter) in enumerate(zip(step_names(source), filters, strict=True))
    )


def _steps_before_signals(source: Source, filters: Sequence[Filter]) -> int:
    """How many steps come first that look at no signals; never the last one, whose threshold moves without a look at
    texts. What hope there is of another extractor is told by the signals of the first text: of several, none."""
    if source.signals == "all" or len(source.extractors) > 1:
        return 0
    looking = (number for number, filter in enumerate(filters) if not filter.ignores_signals)
    return max(min(next(looking, len(filters)), len(filters) - 1), 0)


def step_names(source: Source) -> list[str]:
    """As the ledger calls the steps: the second `where` is "where#2"."""
    uses = [step.use for step in source.steps]
    counts = [uses[: number + 1].count(use) for number, use in enumerate(uses)]
    return [use if count == 1 else f"{use}#{count}" for use, count in zip(uses, counts, strict=True)]


def has_own_steps(source: Source) -> bool:
    """Whether a step of the source is the user's code."""
    return any(step.use not in BUILT_IN for step in source.steps)


def own_step_names(recipe: Recipe) -> frozenset[str]:
    """The names of all steps that are the user's code, also as they are called with a page's later texts."""
    return frozenset(
        step_of_version(name, version)
        for source in recipe.sources
        for name, step in zip(step_names(source), source.steps, strict=True)
        if step.use not in BUILT_IN
        for version in ("", *source.extractors[1:])
    )


def parameters_of(step: Step, recipe: Recipe) -> dict[str, Any]:
    """All parameters of a built-in step, with files placed in the recipe's folder."""
    hints = get_type_hints(factory(step.use), include_extras=True)
    return place_paths(_complete(step, recipe.base).parameters, hints, recipe.base)


def _resolve_bands(dedup: Dedup, recipe: Recipe) -> Dedup:
    try:
        methods_of(dedup)
    except UsageError as error:
        raise recipe.recipe_error(f"[dedup]: {error}", "dedup", "method") from None
    try:
        check_rehydration(dedup.rehydrate)
    except UsageError as error:
        raise recipe.recipe_error(f"[dedup]: {error}", "dedup", "rehydrate") from None
    try:
        return with_bands(dedup)
    except UsageError as error:
        raise recipe.recipe_error(f"[dedup]: {error}", "dedup", "threshold") from None


def _resolve_source(source: Source, number: int, recipe: Recipe) -> Source:
    source = with_reader(source, number, recipe)
    first, *others = source.extractors
    steps = tuple(at_line(step, recipe, lambda step=step: _complete(step, recipe.base)) for step in source.steps)  # type: ignore[misc]
    return replace(source, steps=steps, extract=(first, *others) if others else first)


def _complete(step: Step, base: Path) -> Step:
    if ":" in step.use or (step.use not in BUILT_IN and step.use in plugin_names()):
        return step
    if step.use not in BUILT_IN and (use := script_functions("step", base).get(step.use)):
        return replace(step, use=use)
    return replace(step, parameters=fill(factory(step.use), step.parameters, ()))


def _filter(step: Step, recipe: Recipe) -> Filter:
    if step.use in BUILT_IN:
        built: Filter = factory(step.use)(**parameters_of(step, recipe))
        return built
    return resolve_custom(step.use, step.parameters, base=recipe.base)


def factory(name: str) -> Callable[..., Any]:
    """The function that makes a built-in step's filter of its parameters.

    Raises:
        UsageError: there is no such step.
    """
    if name not in BUILT_IN:
        raise UsageError(
            f'unknown step "{name}"{nearest(name, [*BUILT_IN, *plugin_names()])}; yours: "module:function"'
        )
    function: Callable[..., Any] = named_object(BUILT_IN[name])
    return function


def at_line(step: Step, recipe: Recipe, work: Callable[[], Any]) -> Any:
    """Give every mistake in a step its place in the recipe."""
    try:
        return work()
    except Mismatch as mismatch:
        name = str(mismatch.path[0]) if mismatch.path else ""
        where = f", {name}" if name and not str(mismatch).startswith(f"{name} ") else ""
        raise recipe_error(f'step "{step.use}"{where}: {mismatch}', step.place, recipe.file) from None
    except UsageError as error:
        if isinstance(error, RecipeError):
            raise
        raise recipe_error(str(error), step.place, recipe.file) from None
    except (OSError, UnicodeError, pl.exceptions.ComputeError) as error:  # a file that is not what it is meant to be
        raise recipe_error(f'step "{step.use}": {str(error).splitlines()[0]}', step.place, recipe.file) from None
