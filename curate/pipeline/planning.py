"""A run's plan: its inputs found and cut, and the digests of all that decides its bytes.

recipe ─▶ inputs ─▶ splits │ own code, models, lists … by digest │ columns of the tables ─▶ Plan
"""

from __future__ import annotations

import hashlib

from curate.engine.plan import Plan
from curate.readers.inputs import cut_inputs, find_source
from curate.recipe import Recipe, digest, to_toml
from curate.steps.deciding_files import deciding_files, digests_of
from curate.steps.own_columns import own_columns
from curate.version import __version__


def make_plan(recipe: Recipe) -> Plan:
    """Find and cut all inputs of a resolved recipe.

    Raises:
        RecipeError: a source's path matches nothing.
    """
    inputs = {source.name: find_source(source, recipe) for source in recipe.sources}
    splits = cut_inputs(recipe, inputs)
    files = digests_of(deciding_files(recipe))
    recipe_file = hashlib.sha256(to_toml(recipe).encode()).hexdigest()
    columns = tuple((source.name, own_columns(source, recipe, inputs[source.name])) for source in recipe.sources)
    return Plan(digest(recipe), __version__, str(recipe.base), splits, files, recipe_file, columns)
