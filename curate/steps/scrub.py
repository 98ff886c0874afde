"""Texts scrubbed as a recipe asks: its entities, those that are the user's own among them, its engine and its mode.

id, text ─▶ `[scrub]` ─▶ text, and how often each entity was found ─▶ more than max_findings? ─▶ dropped
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.batch import Pulse, no_pulse
from curate.errors import UsageError
from curate.model_file import ModelFile
from curate.recipe import Recipe
from curate.scrub.names import find_model, model_of_names
from curate.scrub.pii import scrub_texts
from curate.steps.own_entities import entities_of, entity_files

TOO_MANY = "too_many_findings"
"""The reason under which documents with more than `max_findings` are dropped, and their rule's name."""


def scrub_as_asked(documents: pl.DataFrame, recipe: Recipe, *, pulse: Pulse = no_pulse) -> pl.DataFrame:
    """Of documents with `id, text`, what `scrub_texts` gives, and raises; a recipe without `[scrub]` leaves `text` as
    it is, alone."""
    if recipe.scrub is None:
        return documents.select("text")
    return scrub_texts(
        documents["text"],
        entities=entities_of(recipe),
        engine=recipe.scrub.engine,
        model=model_folder(recipe),
        mode=recipe.scrub.mode,
        seed=recipe.seed,
        ids=documents["id"],
        pulse=pulse,
    )


def model_folder(recipe: Recipe) -> str | None:
    """Where the model of names lies.

    Raises:
        UsageError: it is not installed, or the engine asks none.
    """
    if recipe.scrub is None or recipe.scrub.model is None:
        return None
    if recipe.scrub.engine != "presidio":
        raise UsageError(f'the engine "{recipe.scrub.engine}" asks no model; "presidio" does')
    return str(find_model(recipe.scrub.model, recipe.base))


def count_findings(scrubbed: pl.DataFrame) -> pl.Series:
    """How many each document had (UInt32), of a frame with the counts that `scrub_as_asked` gives."""
    total = pl.zeros(scrubbed.height, dtype=pl.UInt32, eager=True)
    for name in (column for column in scrubbed.columns if column.startswith("pii_")):
        total = total + scrubbed[name]
    return total.alias("findings")


def has_too_many(scrubbed: pl.DataFrame, recipe: Recipe) -> pl.Series:
    """Which documents of such a frame are to be dropped."""
    most = recipe.scrub.max_findings if recipe.scrub else None
    if most is None:
        return pl.repeat(False, scrubbed.height, dtype=pl.Boolean, eager=True)
    return count_findings(scrubbed) > most


def as_dropped(scrubbed: pl.DataFrame) -> pl.DataFrame:
    """Id, step, reason and value of documents that had too many findings, for the ledger."""
    why = [pl.lit(value).alias(name) for name, value in (("step", "scrub"), ("reason", TOO_MANY))]
    return scrubbed.select("id", *why, count_findings(scrubbed).cast(pl.String).alias("value"))


def scrub_files(recipe: Recipe) -> Iterator[ModelFile]:
    """What decides on findings beside the recipe: modules of one's own entities, and the model of names."""
    yield from entity_files(recipe)
    if recipe.scrub and recipe.scrub.model is not None:
        yield model_of_names(recipe.scrub.model, recipe.base)
