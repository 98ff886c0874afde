"""A source's inputs found, split, and read as records, each by its reader.

Source.paths ─▶ inputs ─▶ splits          FileRange ─▶ reader ─▶ Record | Rejected
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from curate.batch import Record, Rejected
from curate.engine.files import find_inputs, read_version, with_own_names
from curate.engine.plan import (
    FileRange,
    InputFile,
    PlannedSplits,
    Split,
    changed_since_planned,
    even_ranges,
    make_splits,
    target_bytes,
)
from curate.engine.web_file import is_on_server
from curate.errors import UsageError
from curate.readers.common_crawl.find import find_crawls, is_of_crawl
from curate.readers.custom import resolve_reader
from curate.readers.reader import READERS, Ranges, Reader, traits_of
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import FROM_PYTHON, Recipe, Source, recipe_error


def reader_of(source: Source, recipe: Recipe) -> Reader:
    """The reader that a source names: one that ships, or the user's own.

    Raises:
        UsageError: there is none of this name, or it cannot be used so.
    """
    if source.read not in READERS:
        return resolve_reader(source.read, source.reader_parameters, base=recipe.base)
    for parameter in source.reader_parameters:
        raise UsageError(f'the reader "{source.read}" has no parameter "{parameter}"')
    return READERS[source.read]


def find_source(source: Source, recipe: Recipe) -> tuple[InputFile, ...]:
    """
    Raises:
        RecipeError: a path matches nothing, or stands for rows that are not at hand.
    """
    try:
        if source.written:
            return find_inputs((source.written,), base=recipe.base)
        if source.crawls and source.read in READERS and not traits_of(source.read).are_warc:
            raise UsageError(f'"{source.crawls[0]}" is read with read = "warc", not "{source.read}"')
        others = [path for path in source.paths if path not in source.crawls]
        found = find_inputs(_on_disk(others), base=recipe.base) if others else ()
        return with_own_names((*found, *find_crawls(source))) if source.crawls else found
    except UsageError as error:
        raise recipe_error(f'source "{source.name}": {error}', source.place, recipe.file) from None


def _on_disk(paths: Sequence[str]) -> Sequence[str]:
    for path in paths:
        if path.startswith(FROM_PYTHON):
            told = "rows that were given from Python, which no recipe holds"
            raise UsageError(f'"{path}" stands for {told}: call curate.run with them as the "data" of the source')
    return paths


def split_inputs(recipe: Recipe, inputs: Mapping[str, tuple[InputFile, ...]]) -> PlannedSplits:
    """The inputs of each source, split by its reader."""
    target = target_bytes(sum(file.wanted for files in inputs.values() for file in files))
    splits: list[Split] = []
    for source in recipe.sources:
        reader = reader_of(source, recipe)
        splits += make_splits(source.name, inputs[source.name], partial(_split_file, reader), target)
    return PlannedSplits(splits)


def _split_file(reader: Reader, file: InputFile, target: int) -> Ranges:
    if is_of_crawl(file):  # of what form it is is known, and a crawl has many
        return even_ranges(file.size, target)
    return reader.split_file(file, target_bytes=target)


def read_range(
    reader: Reader,
    piece: FileRange,
    source: Source,
    max_record_bytes: int,
    *,
    watch: Watch = UNWATCHED,
) -> Iterator[Record | Rejected]:
    """All records of a file, or of a range of it, in order; the reader pulses while it works on a long one.

    Raises:
        RunConflict: the input is not the one that was planned.
    """
    check_unchanged(piece.file)
    yield from reader.read(piece, source=source, max_record_bytes=max_record_bytes, watch=watch)


def check_unchanged(file: InputFile) -> None:
    """A file on a server is not asked for twice: each of its answers tells what it is of (engine/web_file.py)."""
    if is_on_server(file.uri):
        return
    size, version = read_version(file.uri)
    if (size, version) != (file.size, file.version):
        raise changed_since_planned(file.uri)
