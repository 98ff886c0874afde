"""A source and its reader: the one that the recipe names exists, and listens to all that is said to it.

Source ─▶ reader found ─▶ keys of other readers? refused, or left aside where an extended recipe has them ─▶ Source
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from curate.errors import UsageError
from curate.model_file import ModelFile
from curate.own_code.functions import script_functions
from curate.plugins import plugin_names
from curate.readers.inputs import reader_of
from curate.readers.reader import KEYS, OWN, READERS, traits_of
from curate.recipe import Recipe, Source


def with_reader(source: Source, number: int, recipe: Recipe) -> Source:
    """The source of this number in the recipe, as its reader takes it; what the running script calls a reader is named
    by its file.

    Raises:
        RecipeError: there is no such reader, or it does not listen to a key; with file and line.
    """
    if ":" not in source.read and source.read not in (*READERS, *plugin_names()):
        named = script_functions("reader", recipe.base).get(source.read, source.read)
        source = replace(source, read=named)
    try:
        reader_of(source, recipe)
    except UsageError as error:
        raise recipe.recipe_error(f'source "{source.name}": {error}', "source", number, "read") from None
    return replace(source, **dict(_left_aside(source, number, recipe)))


def reader_files(recipe: Recipe) -> Iterator[ModelFile]:
    """Modules of own readers, and what these import."""
    for source in recipe.sources:
        yield from reader_of(source, recipe).files


def has_own_reader(source: Source) -> bool:
    """Whether the source's reader is the user's code."""
    return source.read not in READERS


def _left_aside(source: Source, number: int, recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Keys that say something, but to other readers, with their defaults: a recipe that was extended said it before
    this one chose another reader; where this one says it, it is a mistake."""
    for field in dataclasses.fields(Source):
        if field.name not in KEYS or field.name in traits_of(source.read).keys:
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if getattr(source, field.name) == default:
            continue
        path = ("source", number, field.name)
        if path not in recipe.places or recipe.places[path].file == recipe.file:
            told = f'{field.name} is for {_listeners(field.name)}, and this source reads "{source.read}"'
            raise recipe.recipe_error(told, *path)
        yield field.name, default


def _listeners(key: str) -> str:
    """ "warc", "tables, conversations and own readers": who they are, as a sentence says it."""
    *others, last = [name for name, reader in READERS.items() if key in reader.traits.keys] + ["own readers"] * (
        key in OWN.keys
    )
    return f"{', '.join(others)} and {last}" if others else last
