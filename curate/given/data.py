"""Rows that Python holds, as Arrow tables of bounded size, whatever library they are of.

polars │ pandas │ an Arrow stream │ datasets │ dicts, one by one │ a function that returns one of these ─▶ Table, …
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from curate.errors import UsageError
from curate.typed import describe

TABLE_ROWS = 1024
TABLE_BYTES = 16 << 20
"""Of the strings of dicts that are held at once."""
KNOWN = (
    "a DataFrame of polars or pandas, a LazyFrame, a pyarrow.Table, a datasets.Dataset, an iterable of dicts, "
    "or a function that returns one of them"
)

Row = Mapping[str, Any]


def tables_of(data: Any) -> Iterator[pa.Table]:
    """Tables of up to `TABLE_ROWS` rows; one after the other may have other columns and types.

    Raises:
        UsageError: the data is nothing that holds rows, or has values that no table can hold.
    """
    row = 0
    try:
        for table in _tables(data):
            for start in range(0, max(table.num_rows, 1), TABLE_ROWS):
                yield _unified(table.slice(start, TABLE_ROWS))
            row += table.num_rows
    except pa.ArrowException as error:
        raise _no_table(row, error) from None


def _tables(data: Any) -> Iterator[pa.Table]:
    if isinstance(data, pl.LazyFrame):
        return map(_table_of_polars, _with_columns(data))
    if isinstance(data, pl.DataFrame):
        return map(_table_of_polars, data.iter_slices(TABLE_ROWS) if len(data) else [data])
    if _is_of(data, "pandas", "DataFrame"):
        return _tables_of_pandas(data)
    if _is_of(data, "datasets", "Dataset"):
        return _tables_of_dataset(data)
    if hasattr(data, "__arrow_c_stream__"):
        return _tables_of_stream(data)
    if isinstance(data, Mapping):
        names = ", ".join(f'"{name}"' for name in [*data][:10])
        raise UsageError(f"a dict is one row, or a table for each of {names}: give one table, or a list of rows")
    if callable(data):
        return _tables(data())
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return _tables_of_rows(iter(data))
    raise UsageError(f"rows are {KNOWN}; found {describe(data)}")


def _is_of(data: Any, library: str, name: str) -> bool:
    """Whether it is an instance of a class of a library, which need not be there."""
    kinds = type(data).__mro__
    return any(kind.__name__ == name and kind.__module__.partition(".")[0] == library for kind in kinds)


def _with_columns(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The columns are told of first, as of no rows there is no batch."""
    yield pl.DataFrame(schema=frame.collect_schema())
    yield from frame.collect_batches(chunk_size=TABLE_ROWS)


def _table_of_polars(frame: pl.DataFrame) -> pa.Table:
    for name, kind in frame.schema.items():
        if kind == pl.Object:  # Arrow would have the addresses of the objects
            raise UsageError(f'the column "{name}" holds objects of Python, which no table can hold')
    return frame.to_arrow()


def _tables_of_pandas(frame: Any) -> Iterator[pa.Table]:
    """Without the index, which is no column."""
    for start in range(0, max(len(frame), 1), TABLE_ROWS):
        try:
            yield pa.Table.from_pandas(frame.iloc[start : start + TABLE_ROWS], preserve_index=False)
        except (pa.ArrowException, OverflowError, ValueError) as error:  # two columns of one name are a ValueError
            raise _no_table(start, error) from None


def _tables_of_dataset(data: Any) -> Iterator[pa.Table]:
    yield data.features.arrow_schema.empty_table()
    yield from data.with_format("arrow").iter(batch_size=TABLE_ROWS)


def _tables_of_stream(data: Any) -> Iterator[pa.Table]:
    reader = pa.RecordBatchReader.from_stream(data)
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _tables_of_rows(rows: Iterator[Any]) -> Iterator[pa.Table]:
    """Dicts, which may come without end to memory: they are held a table at a time."""
    held: list[Row] = []
    size = start = 0
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise UsageError(f'row {number} is no dict with "text" and other columns, but {describe(row)}')
        held.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        if len(held) >= TABLE_ROWS or size >= TABLE_BYTES:
            yield _table(held, start)
            held, size, start = [], 0, number + 1
    if held:
        yield _table(held, start)
    elif not start:
        raise UsageError(
            "it gives no rows. An iterator gives them only once: give a list or a function that returns a new one, or "
            "call curate.load with the recipe once, and everything else with what that returns"
        )


def _table(rows: list[Row], start: int) -> pa.Table:
    """All columns of the rows in the order in which they come."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if odd := [name for name in names if not isinstance(name, str)]:
        raise UsageError(f"a column's name is a string, found {describe(odd[0])}")
    return pa.table({name: _column(name, [row.get(name) for row in rows], start) for name in names})


def _column(name: str, values: list[Any], start: int) -> pa.Array:
    try:
        try:
            return pa.array(values)
        except UnicodeError:  # one text that is none shall cost itself alone, as the reader of tables has it
            return pa.array([_as_bytes(value) for value in values])
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise _no_table(start, f'column "{name}": {error}') from None


def _as_bytes(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _unified(table: pa.Table) -> pa.Table:
    """With the types that all libraries have in common, and without their notes: the same rows are the same bytes."""
    twice = [name for name, count in Counter(table.schema.names).items() if count > 1]
    if twice:
        raise UsageError(f'two columns are called "{twice[0]}"')
    schema = pa.schema([pa.field(field.name, common_type(field.type)) for field in table.schema])
    return table.replace_schema_metadata(None).cast(schema)


def common_type(kind: pa.DataType) -> pa.DataType:
    """One type for what libraries hold in several ways: text, bytes, lists, values behind numbers of a dictionary."""
    types = pa.types
    if types.is_dictionary(kind):
        return common_type(kind.value_type)
    if types.is_string(kind) or types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary(kind) or types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.large_list(common_type(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, common_type(field.type)) for field in kind])
    return kind


def _no_table(start: int, error: Exception | str) -> UsageError:
    parts = error.args if isinstance(error, Exception) else (error,)
    told = " ".join("; ".join(map(str, parts)).split())
    return UsageError(f"from row {start} on no table can be made of it: {told}; the values of a column are of one kind")
