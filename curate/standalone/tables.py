"""Rows of plain tables as frames, for commands that work on files and not on a recipe.

split of JSON Lines or Parquet ─▶ Rows: id, source, text, url, timestamp, and columns that were asked for
                                        the rows as they stand in the file, where they are to be written again
                                        what could not be read, and why
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.batch import Rejected
from curate.engine.files import open_input
from curate.engine.plan import FileRange, Split
from curate.errors import UsageError, nearest
from curate.readers import jsonl, parquet
from curate.readers.inflate import Unreadable
from curate.readers.inputs import check_unchanged, find_source, split_inputs
from curate.readers.rows import column_names, missing_column, row_record
from curate.recipe import Recipe, Source

SOURCE = "tables"
MAX_RECORD_BYTES = 1 << 31
TEXT_COLUMNS = ("id", "text", "url", "timestamp")

Whole: TypeAlias = "pa.Table | list[dict[str, Any]]"
"""Rows with all that their file says of them: Parquet's with their types, those of JSON Lines as JSON has them."""


class Unread(NamedTuple):
    """What could not be read: where it stands, why, and how many rows that are as far as anybody knows (at least one; 0
    for a file that is no table and was not named itself)."""

    place: str
    reason: str
    detail: str
    rows: int


@dataclass(frozen=True, slots=True)
class TableRows:
    """`frame` has `id, source, text, url, timestamp` and other columns that the source names; `whole` the same rows;
    `columns` are the names of all columns that any of them has."""

    frame: pl.DataFrame
    whole: Whole
    unread: tuple[Unread, ...]
    columns: frozenset[str] = frozenset()


def read_rows(split: Split, source: Source, *, whole: bool = False) -> Iterator[TableRows]:
    """The rows of each file of a split; `whole` reads all columns, and a row that has a column that cannot be read is
    not there. Damage costs the rows that it hit.

    Raises:
        UsageError: a Parquet file has texts, but lacks another column that was named.
    """
    for piece in split.ranges:
        check_unchanged(piece.file)
        if parquet.is_parquet(piece.file.name):
            yield _read_parquet(piece, source, whole)
        elif jsonl.is_lines(piece.file.name):
            yield _read_lines(piece, source, whole)
        else:
            yield TableRows(no_rows(source), [], (_no_table(piece, source),))


def joined(parts: Sequence[TableRows], source: Source) -> pl.DataFrame:
    """The frames of a whole split."""
    return pl.concat([part.frame for part in parts], how="vertical_relaxed") if parts else no_rows(source)


def chosen(whole: Whole, places: Sequence[int]) -> Whole:
    """Some of the rows, by their places in rising order."""
    if isinstance(whole, list):
        return [whole[place] for place in places]
    try:
        return whole.take(pa.array(places, pa.int64()))
    except pa.ArrowNotImplementedError:  # views can be sliced, and not be taken
        ends = [at for at in range(1, len(places)) if places[at] != places[at - 1] + 1]
        runs = pairwise([0, *ends, len(places)]) if places else ()
        return pa.concat_tables([whole.slice(0, 0), *(whole.slice(places[low], high - low) for low, high in runs)])


def find_splits(source: Source, recipe: Recipe) -> tuple[Split, ...]:
    """The files of a source, cut; none of them is opened for more than that.

    Raises:
        RecipeError: a path matches nothing.
    """
    return split_inputs(recipe, {source.name: find_source(source, recipe)})


def inputs_of(splits: Iterable[Split]) -> list[str]:
    return sorted({piece.file.uri for split in splits for piece in split.ranges})


def no_rows(source: Source) -> pl.DataFrame:
    text = dict.fromkeys(("id", "source", "text", "url", "timestamp"), pl.String)
    return pl.DataFrame(schema=text | dict.fromkeys(_own_columns(source), pl.Null))


def require_rows(rows: int, unread: Sequence[Unread]) -> None:
    """Raises UsageError where there was something to read, and none of it could be."""
    if unread and not rows:
        first = unread[0]
        more = f" (and {len(unread) - 1:,} more)" if len(unread) > 1 else ""
        raise UsageError(f"nothing could be read: {first.place}: {first.reason}: {first.detail}{more}")


def require_columns(source: Source, found: Iterable[frozenset[str]], needed: Iterable[str] = ()) -> None:
    """Raises UsageError where a column that was named, or that is `needed`, stands in no row of any file; `found` are
    `TableRows.columns`."""
    names = frozenset[str]().union(*found)
    for name, column in ({name: name for name in needed} | dict(source.columns)).items():
        if names and column not in names:
            raise UsageError(f'no row has a column "{column}" to take "{name}" from{nearest(column, names)}')


def _no_table(piece: FileRange, source: Source) -> Unread:
    named = {os.path.abspath(os.path.expanduser(path)) for path in source.paths}
    expected = "expected .parquet or .jsonl (.gz, .bz2, .xz, .zst)"
    return Unread(piece.file.name, "file_type", expected, int(os.path.abspath(piece.file.uri) in named))


def _own_columns(source: Source) -> list[str]:
    return [name for name in source.columns if name not in TEXT_COLUMNS]


def _read_lines(piece: FileRange, source: Source, whole: bool) -> TableRows:
    names, file = column_names(source.columns), piece.file.name
    rows, kept, unread = [], [], []
    columns: set[str] = set()
    for place, row in jsonl.read_rows(piece, max_bytes=MAX_RECORD_BYTES):
        found = row if isinstance(row, Unreadable) else _line(row, names, source, f"{file}@{place}", whole)
        if isinstance(found, dict):
            rows.append(found)
            if whole and isinstance(row, dict):
                kept.append(row)
        else:
            unread.append(Unread(f"{file}@{place}", found.reason, found.detail, 1))
        columns.update(row if isinstance(row, dict) else ())
    if rows and names["text"] not in columns:
        lacking = str(missing_column("text", names["text"], rows[0]["_columns"], file=file))
        return TableRows(no_rows(source), [], (*unread, Unread(file, "no_text_column", lacking, len(rows))))
    return TableRows(_frame(rows, source), kept, tuple(unread), frozenset(columns))


def _line(
    row: dict[str, Any], names: Mapping[str, str], source: Source, place: str, whole: bool
) -> dict[str, Any] | Rejected:
    """What the frame needs of a row. Null is a text that is not there, and no damage."""
    full = row if row.get(names["text"]) is not None else row | {names["text"]: ""}
    record = row_record(full, names, source, id=place, max_bytes=MAX_RECORD_BYTES)
    if isinstance(record, Rejected):
        return record
    if whole:
        try:
            _check_unicode(row)
        except UnicodeError as error:
            return Rejected(place, "quarantined", "encoding", str(error))
    known = {"id": record.columns.get("original_id") or place, "text": row.get(names["text"])}
    own = {name: record.columns.get(name) for name in _own_columns(source)}
    return known | {"url": record.url, "timestamp": record.timestamp, "_columns": list(row)} | own


def _check_unicode(value: Any) -> None:
    """Raises UnicodeError where half a character stands somewhere in a row."""
    if isinstance(value, str) and not value.isascii():
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_unicode(key)
            _check_unicode(item)
    elif isinstance(value, list):
        for item in value:
            _check_unicode(item)


def _frame(rows: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    if not rows:
        return no_rows(source)
    text = dict.fromkeys(TEXT_COLUMNS, pl.String)
    columns = [*TEXT_COLUMNS, *_own_columns(source)]
    values = [{name: row[name] for name in columns} for row in rows]
    frame = pl.DataFrame(values, schema_overrides=text, infer_schema_length=None, strict=False)
    return frame.select("id", pl.lit(SOURCE).alias("source"), *columns[1:])


def _read_parquet(piece: FileRange, source: Source, whole: bool) -> TableRows:
    file = piece.file.name
    with open_input(piece.file.uri) as raw:
        try:
            opened = pq.ParquetFile(raw, page_checksum_verification=True)
        except parquet.DAMAGE as error:
            parquet.raise_machine_fault(error)
            told = f"{file} cannot be read as Parquet: {_one_line(error)}"
            return TableRows(no_rows(source), [], (Unread(file, "corrupt", told, 1),))
        wanted, existing = _wanted(source), opened.schema_arrow.names
        problem, reason = _problem(opened.schema_arrow, wanted, source, file), "no_text_column"
        if twice := [name for name in existing if existing.count(name) > 1 and (whole or name in wanted.values())]:
            problem, reason = f'the column "{twice[0]}" stands twice', "columns"
        if problem:
            count = opened.metadata.num_rows if piece.start == 0 else 0
            return TableRows(no_rows(source), [], (Unread(file, reason, problem, count),) if count else ())
        columns = existing if whole else [name for name in dict.fromkeys(wanted.values()) if name in existing]
        groups = range(piece.start, min(piece.end, opened.num_row_groups))
        parts = [part for group in groups for part in _rows_of_group(opened, group, columns, wanted, file, whole)]
        return _joined(parts, source, opened.schema_arrow if whole else None)


def _wanted(source: Source) -> dict[str, str]:
    names = column_names(source.columns)
    return {name: names[name] for name in (*TEXT_COLUMNS, *_own_columns(source))}


def _problem(schema: pa.Schema, wanted: Mapping[str, str], source: Source, file: str) -> str | None:
    """Why a file has no texts.

    Raises:
        UsageError: it has some, but lacks another column that was named.
    """
    column = wanted["text"]
    if column not in schema.names:
        return str(missing_column("text", column, schema.names, file=file))
    if problem := parquet.text_problem(schema, column):
        return f'the column "{column}" is no text: {problem}'
    for name in source.columns:
        if wanted[name] not in schema.names:
            raise missing_column(name, wanted[name], schema.names, file=file)
    return None


def _rows_of_group(
    opened: pq.ParquetFile, group: int, columns: list[str], wanted: Mapping[str, str], file: str, whole: bool
) -> Iterator[TableRows]:
    row = sum(opened.metadata.row_group(before).num_rows for before in range(group))
    for table, unread in _read_group(opened, group, columns, file, row):
        yield _rows_of(table, wanted, file, row, unread, whole)
        row += table.num_rows


def _read_group(
    opened: pq.ParquetFile, group: int, columns: list[str], file: str, row: int
) -> Iterator[tuple[pa.Table, tuple[Unread, ...]]]:
    """A row group at once; where that fails, piece by piece up to the damage."""
    count = opened.metadata.row_group(group).num_rows
    try:
        table = opened.read_row_group(group, columns=columns)
        if table.num_rows == count:
            yield table, ()
            return
    except parquet.DAMAGE as error:
        parquet.raise_machine_fault(error)
    first, last, found = row, row + count - 1, "the rows are missing"
    batches = opened.iter_batches(parquet.BATCH_ROWS, row_groups=[group], columns=columns)
    try:
        for batch in batches:
            yield pa.Table.from_batches([batch]), ()
            first += batch.num_rows
    except parquet.DAMAGE as error:
        parquet.raise_machine_fault(error)
        found = _one_line(error)
    if first <= last:
        empty = pa.Table.from_batches([], opened.schema_arrow).select(columns)
        yield empty, (Unread(f"{file}@{first}", "corrupt", f"rows {first} to {last}: {found}", last - first + 1),)


def _rows_of(
    table: pa.Table, wanted: Mapping[str, str], file: str, row: int, unread: tuple[Unread, ...], whole: bool
) -> TableRows:
    plain = {name: _plain(table.column(name), decode=name == wanted["text"]) for name in table.column_names}
    broken = {place for column in plain.values() for place in _invalid(column)}
    places = [place for place in range(table.num_rows) if place not in broken] if broken else None
    told = tuple(Unread(f"{file}@{row + place}", "encoding", "text that is no UTF-8", 1) for place in sorted(broken))
    if places is not None:
        table, plain = chosen(table, places), {name: column.take(places) for name, column in plain.items()}
    frame = _framed({name: plain[column] for name, column in wanted.items() if column in plain}, wanted, table.num_rows)
    numbers = pl.Series("row", range(table.num_rows) if places is None else places, dtype=pl.Int64) + row
    frame = frame.with_columns(pl.coalesce("id", pl.lit(file + "@") + numbers.cast(pl.String)).alias("id"))
    return TableRows(frame, table if whole else [], (*unread, *told), frozenset(plain))


def _framed(columns: Mapping[str, pa.ChunkedArray], wanted: Mapping[str, str], rows: int) -> pl.DataFrame:
    nothing = pl.Series([None] * rows, dtype=pl.String)
    series = {name: pl.Series(pl.from_arrow(columns[name])) if name in columns else nothing for name in wanted}
    frame = pl.DataFrame({name: values.alias(name) for name, values in series.items()})
    text = [pl.col(name).cast(pl.String) for name in TEXT_COLUMNS]
    return frame.with_columns(text).select("id", pl.lit(SOURCE).alias("source"), *list(wanted)[1:])


def _plain(column: pa.ChunkedArray, *, decode: bool) -> pa.ChunkedArray:
    """Text of any kind (views, dictionaries, large, under a name of its own) as one kind; other columns as they are.
    Bytes are text where it is `decode`d."""
    kind = parquet.storage(column.type)
    if isinstance(column.type, pa.ExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if decode and parquet.is_text(kind):
        return column.cast(pa.large_binary()).cast(pa.large_string(), safe=False)
    return column


def _invalid(column: pa.ChunkedArray) -> Iterable[int]:
    """Rows of a column of text that are no UTF-8."""
    if not pa.types.is_large_string(column.type):
        return ()
    binary = column.cast(pa.large_binary())
    try:
        binary.cast(pa.large_string())
        return ()
    except pa.ArrowInvalid:
        return (place for place, value in enumerate(binary.to_pylist()) if value is not None and not _is_utf8(value))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(parts: list[TableRows], source: Source, schema: pa.Schema | None) -> TableRows:
    whole: Whole = []
    if schema is not None:
        whole = pa.concat_tables([part.whole for part in parts]) if parts else schema.empty_table()
    unread = tuple(unread for part in parts for unread in part.unread)
    return TableRows(joined(parts, source), whole, unread, frozenset[str]().union(*(part.columns for part in parts)))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
