"""Whether each source that the mixture wants tokens of holds a document at all, looked at before a run begins.

weights ─▶ the source's files, read up to the first document ─▶ none: refused, with what there was in its place

What its steps make of the documents, only the run shows.
"""

from __future__ import annotations

from collections import Counter

from curate.batch import Record, Rejected
from curate.engine.plan import Plan
from curate.recipe import Recipe, Source
from curate.steps.chapters import read_split
from curate.steps.source_reader import has_own_reader

MAX_INPUT = 64 << 20
"""Bytes of a source's files that are read through for a document; with more of them there is one, or the run tells."""


def check_weighted(recipe: Recipe, plan: Plan) -> None:
    """
    Raises:
        RecipeError: a source has a weight, and its files hold no document.
    """
    files = plan.inputs()
    for source in recipe.sources:
        if not recipe.mix.overall_weights.get(source.name) or has_own_reader(source):
            continue
        if sum(file.wanted for file in files[source.name]) <= MAX_INPUT:
            _check_source(source, recipe, plan)


def _check_source(source: Source, recipe: Recipe, plan: Plan) -> None:
    others: Counter[str] = Counter()
    for split in plan.of(source.name):
        for record in read_split(split, source, recipe):
            if _is_document(record):
                return
            others[f"{record.outcome} ({record.reason})" if isinstance(record, Rejected) else "empty"] += 1
    held = ", ".join(f"{count:,} {reason}" for reason, count in others.most_common(3))
    told = f"no document: {held}" if held else "no record at all"
    raise recipe.recipe_error(
        f'the mixture draws from "{source.name}", whose files hold {told}; mend its paths, or take its weight away',
        *_place(recipe, source.name),
    )


def _is_document(record: Record | Rejected) -> bool:
    """Whether it may become one: what is in mark-up is known once it is extracted."""
    if isinstance(record, Rejected):
        return False
    return bool(record.payload.strip()) if isinstance(record.payload, str) else bool(record.payload)


def _place(recipe: Recipe, name: str) -> tuple[str | int, ...]:
    """Where the weight was written."""
    if name in recipe.mix.weights:
        return "mix", "weights", name
    number = next(number for number, stage in enumerate(recipe.mix.stage) if stage.weights.get(name))
    return "mix", "stage", number, "weights", name
