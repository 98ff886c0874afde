"""From a recipe to its plan: inputs found, cut by their readers, and read as records.

Source.paths ─▶ inputs ─▶ splits          FileRange ─▶ reader ─▶ Record | Lost
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from curate import __version__
from curate.batch import Lost, Pulse, Record, no_pulse
from curate.engine.files import find_inputs, read_version
from curate.engine.plan import PLAN, FileRange, InputFile, Plan, Split, make_splits, read_plan, target_bytes
from curate.engine.store import file_digest
from curate.errors import CheckFailed, RunConflict, UsageError
from curate.passes.chapters import split_books
from curate.passes.deciding_files import deciding_files, digests_of
from curate.passes.own_columns import own_columns, with_own_columns
from curate.recipe import Recipe, Source, digest, mistake, to_toml
from curate.recipe_file import load

RECIPE = "recipe.toml"
Identity = tuple[int, int, int]

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
    inputs = {source.name: find_source(source, recipe) for source in recipe.sources}
    splits = cut_inputs(recipe, inputs)
    files = digests_of(deciding_files(recipe))
    recipe_file = hashlib.sha256(to_toml(recipe).encode()).hexdigest()
    columns = tuple((source.name, own_columns(source, recipe, inputs[source.name])) for source in recipe.sources)
    return Plan(digest(recipe), __version__, str(recipe.base), splits, files, recipe_file, columns)


def cut_inputs(recipe: Recipe, inputs: Mapping[str, tuple[InputFile, ...]]) -> tuple[Split, ...]:
    """The inputs of each source cut by its reader."""
    target = target_bytes(sum(file.size for files in inputs.values() for file in files))
    splits: list[Split] = []
    for source in recipe.sources:
        reader = _reader(source)
        splits += make_splits(source.name, inputs[source.name], partial(_cut, reader), target)
    return tuple(splits)


def read_split(split: Split, source: Source, max_record_bytes: int) -> Iterator[Record | Lost]:
    """All records of a split, in order.

    Raises:
        RunConflict: an input is not the one that was planned.
    """
    for piece in split.ranges:
        yield from read_piece(piece, source, max_record_bytes)


def read_piece(
    piece: FileRange, source: Source, max_record_bytes: int, *, pulse: Pulse = no_pulse
) -> Iterator[Record | Lost]:
    """All records of a file, or of a range of it, in order; the reader calls `pulse` while it works on a long one.

    Raises:
        RunConflict: the input is not the one that was planned.
    """
    check_unchanged(piece.file)
    found = _read(_reader(source), piece, source, max_record_bytes, pulse)
    yield from split_books(found, source) if source.split else found


def open_run(run: Path) -> tuple[Recipe, Plan]:
    """The resolved recipe and the plan of a run; a process reads them once, and again where the folder was made anew.

    Raises:
        UsageError: the folder is not a run's.
        CheckFailed: one of the two files is damaged.
    """
    if not (run / PLAN).is_file():
        raise UsageError(f"{run} is not a run's folder: it has no {PLAN}")
    return _open_run(run, _identity(run / PLAN), _identity(run / RECIPE))


@lru_cache(maxsize=2)
def _open_run(run: Path, plan_identity: Identity, recipe_identity: Identity) -> tuple[Recipe, Plan]:
    plan = read_plan(run)
    assert plan is not None, "the caller has seen it"
    if not (run / RECIPE).is_file() or file_digest(run / RECIPE) != plan.recipe_file:
        raise CheckFailed(f"{run / RECIPE} is damaged: it is not the one that the plan was made for")
    recipe = replace(load(run / RECIPE), base=Path(plan.base))
    return with_own_columns(recipe, dict(plan.columns)), plan


def _identity(path: Path) -> Identity:
    """What tells a file from another one that had the same path before."""
    facts = path.stat() if path.is_file() else None
    return (facts.st_ino, facts.st_mtime_ns, facts.st_size) if facts else (0, 0, 0)


def find_source(source: Source, recipe: Recipe) -> tuple[InputFile, ...]:
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


def check_unchanged(file: InputFile) -> None:
    size, version = read_version(file.uri)
    if (size, version) != (file.size, file.version):
        raise RunConflict(f"{file.uri} has changed since this run was planned; choose another --out")
