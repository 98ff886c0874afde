"""A look at the beginnings of a source's tables, once before a run: is their text there, which columns have they
besides, and of which kind?

    Parquet ─▶ schema        JSON Lines ─▶ rows of the first megabyte        ─▶ column ─▶ kind, over all files looked at
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from curate.engine.files import open_input
from curate.engine.plan import FileRange, InputFile
from curate.errors import UsageError
from curate.readers.jsonl import is_lines, read_rows
from curate.readers.own_columns import MAX_COLUMNS, common_kind, kind_of
from curate.readers.parquet import is_parquet, raise_machine_fault, storage, text_problem
from curate.readers.reader import traits_of
from curate.readers.rows import column_names, missing_column
from curate.recipe import Kind, Source

MAX_FILES = 32
HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """One file: its columns and their kinds (none where all values seen are null), and what is wrong with its text."""

    file: str
    kinds: Mapping[str, set[Kind]] = field(default_factory=dict)
    problem: str | None = None


def look_at_tables(files: Sequence[InputFile], source: Source) -> dict[str, Kind]:
    """Column -> kind, in the order in which they are met.

    Raises:
        UsageError: no file that can be read has the text column, or none has another one that the recipe maps.
    """
    names = column_names(source.columns)
    looks = [look for file in files[:MAX_FILES] if (look := _look(file, names["text"]))]
    if looks and all(look.problem for look in looks):
        later = (_look(file, names["text"]) for file in files[MAX_FILES:])
        if not any(look is not None and look.problem is None for look in later):
            raise _no_text(looks[0], names["text"])
    kinds = _kinds(looks)
    if looks and all(is_parquet(file.name) for file in files):
        _check_mapped(source, kinds, looks[0].file)
    return _common(kinds)


def look_at_columns(files: Sequence[InputFile], source: Source) -> dict[str, Kind]:
    """The same for tables whose documents are made of the columns that their reader consumes, under their own names or
    mapped: of all others."""
    consumed = traits_of(source.read).consumes
    consumed |= {column for name, column in source.columns.items() if name in consumed}
    kinds = _kinds([look for file in files[:MAX_FILES] if (look := _look(file, "text"))])
    return _common({column: found for column, found in kinds.items() if column not in consumed})


def _kinds(looks: Sequence[Look]) -> dict[str, set[Kind]]:
    kinds: dict[str, set[Kind]] = {}
    for look in looks:
        for column, found in look.kinds.items():
            kinds.setdefault(column, set()).update(found)
    return kinds


def _common(kinds: Mapping[str, set[Kind]]) -> dict[str, Kind]:
    return {column: common_kind(found) for column, found in [*kinds.items()][:MAX_COLUMNS] if found}


def _look(file: InputFile, text: str) -> Look | None:
    """None for a file that is no table, holds no row, or is damaged: reading tells more about it."""
    if is_parquet(file.name):
        return _look_at_parquet(file, text)
    return _look_at_lines(file, text) if is_lines(file.name) else None


def _look_at_parquet(file: InputFile, text: str) -> Look | None:
    try:
        with open_input(file.uri) as raw:
            schema = pq.read_schema(raw)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise_machine_fault(error)
        return None
    kinds = {field.name: _kinds_of_type(storage(field.type)) for field in schema}
    return Look(file.name, kinds, text_problem(schema, text))


def _look_at_lines(file: InputFile, text: str) -> Look | None:
    kinds: dict[str, set[Kind]] = {}
    part = FileRange(file, 0, max(file.size, 1))
    for _, row in read_rows(part, max_bytes=HEAD_BYTES, head=HEAD_BYTES):
        if isinstance(row, dict):
            for column, value in row.items():
                if not _is_whole(column):
                    continue  # reading puts its values into "extra"
                kinds.setdefault(column, set()).update(() if value is None else (kind_of(value),))
    if not kinds:
        return None
    return Look(file.name, kinds, None if text in kinds else "it is not there")


def _is_whole(name: str) -> bool:
    """JSON can spell halves of characters, and no table can have them in a column's name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kinds_of_type(kind: pa.DataType) -> set[Kind]:
    types = pa.types
    if types.is_null(kind):
        return set()
    if types.is_boolean(kind):
        return {"truth"}
    if types.is_integer(kind):
        return {"integer"}
    if types.is_floating(kind):
        return {"number"}
    return {"json"} if types.is_nested(kind) else {"text"}


def _no_text(look: Look, column: str) -> UsageError:
    if column not in look.kinds:
        return missing_column("text", column, look.kinds, file=look.file)
    return UsageError(f'{look.file}: the column "{column}" is no text: {look.problem}')


def _check_mapped(source: Source, kinds: Mapping[str, set[Kind]], file: str) -> None:
    for name, column in source.columns.items():
        if column not in kinds:
            raise missing_column(name, column, kinds, file=file)
