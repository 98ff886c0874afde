"""The columns of a source's tables that are the user's own, and what each is called in a batch.

files ─▶ look (readers) ─▶ column, kind ─▶ name: its own, or with "own_" in front where curate has one of that name
                                             └─▶ plan.json ─▶ Source.own
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from curate.engine.plan import InputFile
from curate.errors import UsageError
from curate.readers.inputs import reader_of
from curate.readers.own_columns import EXTRA, common_kind
from curate.readers.reader import traits_of
from curate.readers.rows import KNOWN, column_names
from curate.recipe import Kind, OwnColumn, Recipe, Source, recipe_error
from curate.steps.bind import BUILT_IN
from curate.steps.schema import ADDED, measured

PREFIX = "own_"
TAKEN_PREFIXES = ("before_", "pii_", "_")


def own_columns(source: Source, recipe: Recipe, files: Sequence[InputFile]) -> tuple[OwnColumn, ...]:
    """What the source's tables have besides curate's own columns: those that the recipe maps, and all others, unless
    `columns_only`.

    Raises:
        RecipeError: no table has the text column.
    """
    if not traits_of(source.read).has_own_columns:
        return ()
    try:
        kinds = reader_of(source, recipe).look(files, source)
    except UsageError as error:
        raise recipe_error(f'source "{source.name}": {error}', source.place, recipe.file) from None
    declared = [OwnColumn(name, column, kinds.get(column, "json")) for name, column in _declared(source)]
    return (*declared, *(_undeclared(source, recipe, kinds, declared) if not source.columns_only else ()))


def _declared(source: Source) -> Iterator[tuple[str, str]]:
    taken = {*KNOWN, *traits_of(source.read).consumes}
    return ((name, column) for name, column in source.columns.items() if name not in taken)


def _undeclared(
    source: Source, recipe: Recipe, kinds: Mapping[str, Kind], declared: Iterable[OwnColumn]
) -> Iterator[OwnColumn]:
    taken = {*_taken(source, recipe), *(column.name for column in declared)}
    used = set(column_names(source.columns).values())
    wanted = [column for column in kinds if column not in used]
    for column in wanted:
        name = column
        while name in taken or not name or name.startswith(TAKEN_PREFIXES):
            name = PREFIX + name
        taken.add(name)
        yield OwnColumn(name, column, kinds[column])


def _taken(source: Source, recipe: Recipe) -> set[str]:
    """All columns that a batch has or gets."""
    own = {step.use.rpartition(":")[2] for step in source.steps if step.use not in BUILT_IN}
    return {*measured(replace(source, own=None), recipe).columns, *own, *ADDED, EXTRA}


def with_common_numbers(found: Mapping[str, tuple[OwnColumn, ...]]) -> dict[str, tuple[OwnColumn, ...]]:
    """By source, as found; a column of integers in one and of numbers in another is one of numbers in both, so that
    what cannot be one goes into `extra`, as within a source."""
    kinds: dict[str, set[Kind]] = {}
    for column in itertools.chain(*found.values()):
        kinds.setdefault(column.name, set()).add(column.kind)
    return {
        source: tuple(replace(column, kind=_among(kinds[column.name], column.kind)) for column in columns)
        for source, columns in found.items()
    }


def _among(kinds: set[Kind], kind: Kind) -> Kind:
    return common_kind(kinds) if kinds == {"integer", "number"} else kind
