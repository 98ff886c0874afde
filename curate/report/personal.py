"""Personal data in what is shown of documents: masked, whatever the run does with it, or told where it stands.

texts ─▶ entities that are always masked, and those of the run's own scrub ─▶ masked texts │ Findings
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.errors import DocumentError
from curate.recipe import Recipe
from curate.scrub.entities import find_entities
from curate.scrub.entity import Entity
from curate.scrub.findings import Findings
from curate.scrub.patterns import find_by_patterns
from curate.scrub.pii import find_personal, scrub_texts
from curate.steps.own_entities import entities_of
from curate.steps.scrub import model_folder

ALWAYS = ("EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER")
"""What is masked of a run that masks nothing."""


def mask(texts: Sequence[str | None], recipe: Recipe) -> list[str | None]:
    """By the entities of the run's own scrub and those that are always masked; whatever they break is not shown."""
    scrub = recipe.scrub
    series = pl.Series("text", texts, pl.String)
    try:
        series = scrub_texts(series, entities=always_masked(recipe))["text"]
        if scrub is not None:
            entities, model = entities_of(recipe), model_folder(recipe)
            series = scrub_texts(series, entities=entities, engine=scrub.engine, model=model)["text"]
    except DocumentError:
        return [None] * len(texts)
    return series.to_list()


def always_masked(recipe: Recipe) -> tuple[Entity, ...]:
    """Those that the run's own scrub does not look for."""
    names = {entity.name for entity in entities_of(recipe)}
    return find_entities([name for name in ALWAYS if name not in names], "patterns")


def find_of_run(texts: pl.Series, recipe: Recipe) -> Findings:
    """What the run itself finds in texts.

    Raises:
        DocumentError: a text breaks an entity.
    """
    return find_personal(texts, entities_of(recipe), model=model_folder(recipe))


def add_always_masked(found: Findings, recipe: Recipe) -> None:
    """What is masked besides in whatever is shown."""
    entities = always_masked(recipe)
    hits = find_by_patterns(found.shown, entities)
    by_name = {entity.name: entity for entity in entities}
    found.add({place: [(start, end, by_name[name]) for start, end, name in spans] for place, spans in hits.items()})
