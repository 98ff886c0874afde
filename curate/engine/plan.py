"""The table of splits: what there is to read, cut once into pieces that never depend on who works on them.

paths ─▶ inputs (sorted, with size and version) ─▶ ranges (split by the reader) ─▶ splits
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from curate.errors import RunConflict
from curate.recipe import OwnColumn
from curate.run_files import RECIPE

SPLITS_WANTED = 64
MIN_SPLIT_BYTES = 4 << 20
MAX_SPLIT_BYTES = 128 << 20
MAX_SPLIT_FILES = 10_000


class IndexedPart(NamedTuple):
    """A part of a file that an index has told of: bytes [start, end), and where the wanted records in it begin."""

    start: int
    end: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, order=True)
class InputFile:
    """One input. `name` is its path below the fixed part of its own pattern: it stands in document ids."""

    name: str
    uri: str
    size: int
    version: str
    """Modification time in ns, or what a store or server gives: an input that changed since the plan is refused."""
    parts: tuple[IndexedPart, ...] = ()
    """What is wanted of it, until it is cut into splits; all of it where there are none."""

    @property
    def wanted(self) -> int:
        """Bytes that are read of it."""
        return sum(part.end - part.start for part in self.parts) if self.parts else self.size


@dataclass(frozen=True, slots=True)
class FileRange:
    """A piece of one input: records that start in [start, end).

    The unit is the reader's own: bytes for WARC and JSONL, row groups for Parquet; a reader that cannot split gives
    [0, 1) and reads all of the file.
    """

    file: InputFile
    start: int
    end: int
    places: tuple[int, ...] = ()
    """Where the records begin that are wanted, as an index says: then nothing around the range is looked at, and other
    records in it are passed over."""

    @property
    def is_whole(self) -> bool:
        """The reader could not split; ranges of bytes are longer, unless the file has no more than that one."""
        return (self.start, self.end) == (0, 1)


@dataclass(frozen=True, slots=True)
class Split:
    """The unit of work and of commit: one range of a large file, or many small files together."""

    key: str
    source: str
    number: int
    ranges: tuple[FileRange, ...]
    size: int
    """Bytes of input, about: for progress and for balance."""


class Splits(Protocol):
    """All splits of a plan in their order: those of a source lie together, numbered from 0."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Split]: ...

    def keys(self) -> Iterator[str]: ...

    def of(self, source: str) -> Sequence[Split]: ...

    def of_key(self, key: str) -> Split: ...


class PlannedSplits(tuple[Split, ...]):
    """Splits that have just been cut."""

    __slots__ = ()

    def keys(self) -> Iterator[str]:
        return (split.key for split in self)

    def of(self, source: str) -> Sequence[Split]:
        return tuple(split for split in self if split.source == source)

    def of_key(self, key: str) -> Split:
        return next(split for split in self if split.key == key)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is fixed before work starts."""

    recipe: str
    """The digest of the recipe."""
    version: str
    """Of curate: another one may compute something else, so it does not go on with this run."""
    base: str
    """The folder that relative paths of the recipe start from."""
    splits: Splits
    files: tuple[tuple[str, str], ...] = ()
    """Names and SHA-256 of all that decides bytes besides recipe and inputs: own modules, models, lists, …"""
    recipe_file: str = ""
    """The SHA-256 of the run's recipe.toml, whose `[train]` may be another one tomorrow: it decides no bytes."""

    columns: tuple[tuple[str, tuple[OwnColumn, ...]], ...] = ()
    """By source, the columns of its tables that are the user's own."""
    ledger: tuple[tuple[str, str], ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    """The columns of the run's two tables and their types in words: the same in the files of all splits."""
    parts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """`files` by the part of the recipe that asks for them, "source web", "step web 2", "tokenizer" and so on: so that
    a later run knows what a change of one of them concerns."""
    libraries: tuple[tuple[str, str], ...] = ()
    """Names and versions of those that decide bytes, too."""

    def split(self, key: str) -> Split:
        return self.splits.of_key(key)

    def of(self, source: str) -> Sequence[Split]:
        return self.splits.of(source)

    def inputs(self) -> Mapping[str, tuple[InputFile, ...]]:
        """Each source's inputs, each once, sorted by name."""
        found: dict[str, dict[str, list[FileRange]]] = {}
        for split in self.splits:
            files = found.setdefault(split.source, {})
            for piece in split.ranges:
                files.setdefault(piece.file.name, []).append(piece)
        return {source: tuple(sorted(map(_whole, files.values()))) for source, files in found.items()}


def _whole(pieces: Sequence[FileRange]) -> InputFile:
    """The file that pieces are of."""
    parts = (IndexedPart(piece.start, piece.end, piece.places) for piece in pieces if piece.places)
    return replace(pieces[0].file, parts=tuple(parts))


def changed_since_planned(uri: str) -> RunConflict:
    """What is said of an input that is not the one that was planned."""
    return RunConflict(f"{uri} has changed since this run was planned; choose another --out")


SplitFile = Callable[[InputFile, int], Sequence[tuple[int, int]]]


def key_of(source: str, number: int) -> str:
    """What a split is called, by its source and its number there."""
    return f"{source}-{number:05}"


def target_bytes(total: int) -> int:
    """How large a split should be: enough splits to keep many cores busy, few enough to keep the run's folder small."""
    return min(max(total // SPLITS_WANTED, MIN_SPLIT_BYTES), MAX_SPLIT_BYTES)


def even_ranges(size: int, target_bytes: int) -> list[tuple[int, int]]:
    """Ranges of about a size that cover a file which can be cut anywhere."""
    parts = max(math.ceil(size / target_bytes), 1)
    return list(itertools.pairwise(size * part // parts for part in range(parts + 1)))


def make_splits(source: str, inputs: Sequence[InputFile], split_file: SplitFile, target: int) -> PlannedSplits:
    """Split large files into ranges, and gather small ones; in the order of names, so always the same."""
    groups: list[list[FileRange]] = [[]]
    sizes = [0]
    for file in inputs:
        for piece, size in _pieces(file, split_file, target):
            # A group takes what still fits; one range over the target is a group of its own.
            if groups[-1] and (sizes[-1] + size > target or len(groups[-1]) >= MAX_SPLIT_FILES):
                groups.append([])
                sizes.append(0)
            groups[-1].append(piece)
            sizes[-1] += size
    return PlannedSplits(
        Split(key_of(source, number), source, number, tuple(ranges), size)
        for number, (ranges, size) in enumerate(zip(groups, sizes, strict=True))
    )


def _pieces(file: InputFile, split_file: SplitFile, target: int) -> Iterator[tuple[FileRange, int]]:
    """The ranges of a file, and their bytes."""
    bare = replace(file, parts=())
    for part in file.parts:
        yield FileRange(bare, part.start, part.end, part.places), part.end - part.start
    if not file.parts:
        pieces = split_file(file, target)
        for start, end in pieces:
            yield FileRange(bare, start, end), file.size // len(pieces)  # about: the unit of ranges is the reader's


def check_plan(old: Plan, new: Plan, run: Path | str) -> None:
    """A folder goes on only with the recipe, version, files and inputs that it began with.

    Raises:
        RunConflict: one of them is another now; says which.
    """
    if old.recipe != new.recipe:
        raise RunConflict(f"{run} was begun with another recipe (see {run}/{RECIPE}); choose another --out")
    if old.version != new.version:
        raise RunConflict(f"{run} was begun with curate {old.version}, this is {new.version}; choose another --out")
    if old.files != new.files:
        changed = sorted({name for name, _ in set(old.files) ^ set(new.files)})
        raise RunConflict(f"{run} was begun with another {', another '.join(changed)}; choose another --out")
    # One by one and never as a whole: those of a large plan stay on disk.
    if len(old.splits) != len(new.splits) or any(map(operator.ne, old.splits, new.splits)):
        raise RunConflict(f"{run} was begun with other inputs: {_difference(old, new)}; choose another --out")


def _difference(old: Plan, new: Plan) -> str:
    before = {(source, file.name): file for source, files in old.inputs().items() for file in files}
    after = {(source, file.name): file for source, files in new.inputs().items() for file in files}
    gone, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    changed = sorted(key for key in before.keys() & after.keys() if before[key] != after[key])
    parts = [("gone", gone), ("new", added), ("changed", changed)]
    return (
        ", ".join(f"{len(keys)} {word} ({keys[0][0]}/{keys[0][1]})" for word, keys in parts if keys) or "cut otherwise"
    )
