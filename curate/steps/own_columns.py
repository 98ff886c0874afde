"""The columns of a source's tables that are the user's own, and what each is called in a batch.

files ─▶ look (readers) ─▶ column, kind ─▶ name: its own, or with "own_" in front where curate has one of that name
                                             └─▶ plan.json ─▶ Source.own
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from curate.engine.plan import InputFile
from curate.errors import UsageError
from curate.readers.look import look_at_tables
from curate.readers.own_columns import EXTRA
from curate.readers.rows import KNOWN, column_names
from curate.recipe import Kind, OwnColumn, Recipe, Source, mistake
from curate.steps.bind import BUILT_IN, bind
from curate.steps.columns import empty_batch

PREFIX = "own_"
LATER = ("error", "broken", "part", "times", "cluster_size", "cut_bytes", "token_count", "similarity", EXTRA)
"""What stages behind the steps add."""
TAKEN_PREFIXES = ("before_", "pii_", "_")


def own_columns(source: Source, recipe: Recipe, files: Sequence[InputFile]) -> tuple[OwnColumn, ...]:
    """What the source's tables have besides curate's own columns: those that the recipe maps, and all others, unless
    `columns_only`.

    Raises:
        RecipeError: no table has the text column.
    """
    if source.read != "tables":
        return ()
    try:
        kinds = look_at_tables(files, source)
    except UsageError as error:
        raise mistake(f'source "{source.name}": {error}', source.place, recipe.file) from None
    declared = [OwnColumn(name, column, kinds.get(column, "json")) for name, column in _declared(source)]
    return (*declared, *(_undeclared(source, recipe, kinds, declared) if not source.columns_only else ()))


def _declared(source: Source) -> Iterator[tuple[str, str]]:
    return ((name, column) for name, column in source.columns.items() if name not in KNOWN)


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
    batch = empty_batch(replace(source, own=None))
    for step, bound in zip(source.steps, bind(source, recipe), strict=True):
        if step.use in BUILT_IN and bound.filter.measure is not None:
            batch = bound.filter.measure(batch)
    own = {step.use.rpartition(":")[2] for step in source.steps if step.use not in BUILT_IN}
    return {*batch.columns, *own, *LATER}
