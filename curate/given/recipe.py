"""A recipe however Python gives it: by path, by name, as a dict with the keys of the TOML, or open already.

dict ─▶ plain values, each called by its path in the dict ─▶ Recipe ─▶ rows under `data` written to Parquet (data.py)
"""

from __future__ import annotations

import json
import numbers
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.recipe import FROM_PYTHON, Recipe, Source, SourceLine, recipe_error
from curate.recipe_file import load as load_file
from curate.recipe_file import load_table
from curate.toml_text import MAX_DEPTH
from curate.typed import Mismatch, describe

GivenRecipe = str | Path | Mapping[str, Any] | Recipe
"""What a function takes that wants a recipe."""
DATA = "data"
"""The key of a source that has rows instead of paths; a file can't have it."""
READERS_OF_DATA = ("tables", "conversations")
WRITTEN_ROWS = Path("runs", ".data")
"""Where rows are written to, from the current folder: beside the runs that read them."""
BARE = re.compile(r"[A-Za-z0-9_-]+")

KeyPath = tuple[str | int, ...]


def load(recipe: GivenRecipe) -> Recipe:
    """A recipe by the path of its file, by the name of one that ships, or from a dict.

    A dict has the keys of a file, `{"name": …, "source": [{…}, …], "mix": {…}}`; None is as if the key was not there,
    relative paths start from the current folder, and errors call a value by its place: `source[0].paths`. Instead of
    `paths` a source may have `data`: a DataFrame or LazyFrame of polars, a DataFrame of pandas, a Table of pyarrow or
    whatever else gives an Arrow stream, a `datasets.Dataset`, an iterable of dicts, or a function that returns one of
    them. Its rows are written to runs/.data, in a folder named by the digest of their file.

    Raises:
        RecipeError: there is no such recipe, or it says something that cannot be.
        MachineError: rows cannot be written.
    """
    if isinstance(recipe, Recipe):
        return recipe
    return _load_dict(recipe) if isinstance(recipe, Mapping) else load_file(recipe)


def _load_dict(given: Mapping[str, Any]) -> Recipe:
    places = {path: SourceLine(shown_path(path), 0) for path in _paths_below(given, ())}
    try:
        table, data = _without_data(given)
        plain = _plain(table, ())
    except Mismatch as mismatch:
        raise recipe_error(str(mismatch), SourceLine(shown_path(mismatch.path), 0), "recipe") from None
    recipe = load_table(plain, places)
    written = {name: _with_rows(recipe.source(name), rows, recipe) for name, rows in data.items()}
    return replace(recipe, sources=tuple(written.get(source.name, source) for source in recipe.sources))


def shown_path(path: KeyPath) -> str:
    """`source[0].steps[1].min_words`; a key that needs quotes in TOML has them here."""
    shown = ""
    for part in path:
        key = part if isinstance(part, str) and BARE.fullmatch(part) else json.dumps(part)
        shown += f"[{part}]" if isinstance(part, int) else f".{key}" if shown else key
    return shown or "recipe"


def _paths_below(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Of all that stands in a dict, but for rows; keys that are none are told of later."""
    if path:
        yield path
    if len(path) > MAX_DEPTH or _is_data(path):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str):
                yield from _paths_below(item, (*path, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _paths_below(item, (*path, number))


def _is_data(path: KeyPath) -> bool:
    return len(path) == 3 and path[0] == "source" and path[2] == DATA


def _without_data(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The dict with a path for the rows of each source that has some, and the rows by the source's name."""
    sources = given.get("source")
    if not isinstance(sources, list | tuple):
        return dict(given), {}
    data: dict[str, Any] = {}
    tables: list[Any] = []
    for number, source in enumerate(sources):
        if isinstance(source, Mapping) and source.get(DATA) is not None:
            if source.get("paths") is not None:
                raise Mismatch(("source", number, DATA), "a source has paths or data, not both")
            name = str(source.get("name"))  # what is no name is told of where all names are looked at
            data[name] = source[DATA]
            source = {**source, "paths": [f"{FROM_PYTHON}{name}"], DATA: None}
        tables.append(source)
    return {**given, "source": tables}, data


def _plain(value: Any, path: KeyPath) -> Any:
    """A value as `tomllib` would have it.

    Raises:
        Mismatch: TOML has no such value.
    """
    if len(path) > MAX_DEPTH:
        raise Mismatch(path[:3], f"its tables or lists are nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return _plain_table(value, path)
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, number)) for number, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, bool | str):
        return value if isinstance(value, bool) else str.__str__(value)
    if isinstance(value, numbers.Integral):  # NumPy's, too
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise Mismatch(path, f"a recipe has strings, numbers, true and false, lists and dicts; found {describe(value)}")


def _plain_table(table: Mapping[Any, Any], path: KeyPath) -> dict[str, Any]:
    for key in table:
        if not isinstance(key, str):
            raise Mismatch(path, f"a key is a string, found {describe(key)}")
    return {key: _plain(value, (*path, key)) for key, value in table.items() if value is not None}


def _with_rows(source: Source, data: Any, recipe: Recipe) -> Source:
    """The source with the file that its rows were written to."""
    from curate.engine.machine import machine_errors
    from curate.given.written import write_rows

    place: Sequence[str | int] = ("source", recipe.sources.index(source), DATA)
    if source.read not in READERS_OF_DATA:
        told = f'data is read as {" or ".join(READERS_OF_DATA)}, and "{source.name}" is read as "{source.read}"'
        raise recipe.recipe_error(told, *place)
    folder = recipe.base / WRITTEN_ROWS
    try:
        with machine_errors(folder):
            return replace(source, written=str(write_rows(data, folder, name=source.name)))
    except UsageError as error:
        raise recipe.recipe_error(str(error), *place) from None
