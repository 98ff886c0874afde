"""Texts scrubbed as a recipe asks: its entities, those that are the user's own among them, and its engine.

texts ─▶ `[scrub]` ─▶ text, and how often each entity was replaced
"""

from __future__ import annotations

import polars as pl

from curate.batch import Pulse, no_pulse
from curate.recipe import Recipe
from curate.scrub.pii import scrub_texts
from curate.steps.own_entities import entities_of


def scrub_as_asked(texts: pl.Series, recipe: Recipe, *, pulse: Pulse = no_pulse) -> pl.DataFrame:
    """What `scrub_texts` gives, and raises; a recipe without `[scrub]` leaves `text` as it is, alone."""
    if recipe.scrub is None:
        return texts.alias("text").to_frame()
    return scrub_texts(texts, entities=entities_of(recipe), engine=recipe.scrub.engine, pulse=pulse)
