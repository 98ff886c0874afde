"""From a recipe to its plan: inputs found, cut by their readers, and read as records.

Source.paths ─▶ inputs ─▶ splits          FileRange ─▶ reader ─▶ Record | Lost
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from curate import __version__
from curate.batch import Lost, Pulse, Record, no_pulse
from curate.engine.files import find_inputs, read_version
from curate.engine.plan import FileRange, InputFile, Plan, Split, make_splits, read_plan, target_bytes
from curate.errors import RunConflict, UsageError
from curate.passes.chapters import split_books
from curate.recipe import Recipe, Source, digest, mistake
from curate.recipe_file import load

READERS: Mapping[str, str] = {
    "warc": "curate.readers.warc",
    "books": "curate.readers.books",
    "code": "curate.readers.code",
    "tables": "curate.readers.tables",
}


def make_plan(recipe: Recipe) -> Plan:
    """Find and cut all inputs of a resolved recipe.

    Raises:
        RecipeError: a source's path matches nothing.
    """
    inputs = {source.name: _find(source, recipe) for source in recipe.sources}
    target = target_bytes(sum(file.size for files in inputs.values() for file in files))
    splits: list[Split] = []
    for source in recipe.sources:
        reader = _reader(source)
        splits += make_splits(source.name, inputs[source.name], partial(_cut, reader), target)
    return Plan(digest(recipe), __version__, str(recipe.base), tuple(splits))


def read_split(
    split: Split, source: Source, max_record_bytes: int, *, pulse: Pulse = no_pulse
) -> Iterator[Record | Lost]:
    """All records of a split, in order; readers call `pulse` while they work on a long one.

    Raises:
        RunConflict: an input is not the one that was planned.
    """
    reader = _reader(source)
    for piece in split.ranges:
        _check_unchanged(piece.file)
        found = _read(reader, piece, source, max_record_bytes, pulse)
        yield from split_books(found, source) if source.split else found


@lru_cache(maxsize=2)
def open_run(run: Path) -> tuple[Recipe, Plan]:
    """The resolved recipe and the plan of a run, read once per process."""
    plan = read_plan(run)
    if plan is None:
        raise UsageError(f"{run} is not a run's folder: it has no plan.json")
    recipe = load(run / "recipe.toml")
    return Recipe(**{name: getattr(recipe, name) for name in recipe.__slots__} | {"base": Path(plan.base)}), plan


def _find(source: Source, recipe: Recipe) -> tuple[InputFile, ...]:
    try:
        return find_inputs(source.paths, base=recipe.base)
    except UsageError as error:
        raise mistake(f'source "{source.name}": {error}', source.place, recipe.file) from None


def _reader(source: Source) -> ModuleType:
    return importlib.import_module(READERS[source.read])


def _cut(reader: ModuleType, file: InputFile, target: int) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = reader.cut(file, target_bytes=target)
    return pieces


def _read(reader: ModuleType, piece: FileRange, source: Source, max_record_bytes: int, pulse: Pulse) -> Any:
    if source.read == "warc":
        return reader.read(piece, source=source.name, max_record_bytes=max_record_bytes, pulse=pulse)
    return reader.read(piece, source=source, max_record_bytes=max_record_bytes, pulse=pulse)


def _check_unchanged(file: InputFile) -> None:
    size, version = read_version(file.uri)
    if (size, version) != (file.size, file.version):
        raise RunConflict(f"{file.uri} has changed since this run was planned; choose another --out")
