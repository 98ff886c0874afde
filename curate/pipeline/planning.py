"""A run's plan: its inputs found and cut, and the digests of all that decides its bytes.

recipe ─▶ inputs ─▶ splits │ own code, models, lists … by digest │ columns of tables, read and written ─▶ Plan
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from curate.engine.plan import Plan
from curate.errors import UsageError, nearest
from curate.readers.inputs import find_source, split_inputs
from curate.recipe import Recipe
from curate.recipe_form import digest, to_toml
from curate.steps.deciding_files import digests_of, files_by_part
from curate.steps.own_columns import own_columns, with_common_numbers
from curate.steps.schema import run_tables, source_tables
from curate.steps.type_names import named_types
from curate.tokenize.buckets import check_type
from curate.version import __version__

LIBRARIES = (
    "numpy",
    "polars",
    "pyarrow",
    "numba",
    "isal",
    "resiliparse",
    "trafilatura",
    "tokenizers",
)
"""Whose versions may decide bytes."""


def make_plan(recipe: Recipe) -> Plan:
    """Find and cut all inputs of a resolved recipe.

    Raises:
        RecipeError: a source's path matches nothing, or it has not the column that its buckets go by.
    """
    inputs = {source.name: find_source(source, recipe) for source in recipe.sources}
    splits = split_inputs(recipe, inputs)
    parts = tuple((part, digests_of(files)) for part, files in files_by_part(recipe).items())
    files = tuple(sorted({file for _, found in parts for file in found}))
    recipe_file = hashlib.sha256(to_toml(recipe).encode()).hexdigest()
    columns = with_common_numbers(
        {source.name: own_columns(source, recipe, inputs[source.name]) for source in recipe.sources}
    )
    _check_buckets(recipe.with_own_columns(columns))
    ledger, documents = map(named_types, run_tables(recipe.with_own_columns(columns)))
    return Plan(
        digest(recipe),
        __version__,
        str(recipe.base),
        splits,
        files,
        recipe_file,
        tuple(columns.items()),
        ledger,
        documents,
        parts,
        tuple((name, version(name)) for name in LIBRARIES),
    )


def _check_buckets(recipe: Recipe) -> None:
    """
    Raises:
        RecipeError: a source has no such column, or no buckets can be made of it.
    """
    for name, by in recipe.mix.by.items():
        tables = source_tables(recipe.source(name), recipe)
        types = {**tables.ledger, **tables.documents}
        place = ("mix", "by", name, "column")
        if by.column not in types:
            told = f'{name} has no column "{by.column}" in documents/ or in the ledger'
            raise recipe.recipe_error(f"mix.by.{name}: {told}{nearest(by.column, types)}", *place)
        try:
            check_type(types[by.column], by)
        except UsageError as error:
            raise recipe.recipe_error(f"mix.by.{name}: {error}", *place) from None
