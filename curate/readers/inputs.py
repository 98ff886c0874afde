"""The table of readers; a source's inputs found, cut, and read as records, each by its own.

Source.paths ─▶ inputs ─▶ splits          FileRange ─▶ reader ─▶ Record | Lost
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from curate.batch import Lost, Pulse, Record, no_pulse
from curate.engine.files import find_inputs, read_version
from curate.engine.plan import FileRange, InputFile, PlannedSplits, Split, make_splits, target_bytes
from curate.errors import RunConflict, UsageError
from curate.recipe import Recipe, Source, mistake

READERS: Mapping[str, str] = {
    "warc": "curate.readers.warc",
    "books": "curate.readers.books",
    "code": "curate.readers.code",
    "tables": "curate.readers.tables",
}


def cut_inputs(recipe: Recipe, inputs: Mapping[str, tuple[InputFile, ...]]) -> PlannedSplits:
    """The inputs of each source cut by its reader."""
    target = target_bytes(sum(file.size for files in inputs.values() for file in files))
    splits: list[Split] = []
    for source in recipe.sources:
        reader = _reader(source)
        splits += make_splits(source.name, inputs[source.name], partial(_cut, reader), target)
    return PlannedSplits(splits)


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


def read_range(
    piece: FileRange, source: Source, max_record_bytes: int, *, pulse: Pulse = no_pulse
) -> Iterator[Record | Lost]:
    """All records of a file, or of a range of it, in order; the reader calls `pulse` while it works on a long one.

    Raises:
        RunConflict: the input is not the one that was planned.
    """
    check_unchanged(piece.file)
    yield from _read(_reader(source), piece, source, max_record_bytes, pulse)


def _read(reader: ModuleType, piece: FileRange, source: Source, max_record_bytes: int, pulse: Pulse) -> Any:
    if source.read == "warc":
        return reader.read(piece, source=source.name, max_record_bytes=max_record_bytes, pulse=pulse)
    return reader.read(piece, source=source, max_record_bytes=max_record_bytes, pulse=pulse)


def check_unchanged(file: InputFile) -> None:
    size, version = read_version(file.uri)
    if (size, version) != (file.size, file.version):
        raise RunConflict(f"{file.uri} has changed since this run was planned; choose another --out")
