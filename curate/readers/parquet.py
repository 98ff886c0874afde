"""Rows of Parquet files: cut by row groups, read in batches of bounded size.

row groups [start, end) ─▶ batches ─▶ row ─▶ Record | Rejected, id `source/file@row`
           a damaged one ─▶ one Rejected for its rows that could not be read
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.batch import Pulse, Record, Rejected
from curate.engine.files import open_file
from curate.engine.plan import FileRange, InputFile
from curate.readers.inflate import Unreadable
from curate.readers.rows import column_names, row_record, without_text
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

BATCH_BYTES = 16 << 20
BATCH_ROWS = 1024
DAMAGE = (pa.ArrowException, OSError, UnicodeError)
"""What the library raises on a damaged file; a column's name may be no UTF-8."""


def is_parquet(name: str) -> bool:
    return name.lower().endswith((".parquet", ".pq"))


def split_parquet(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Runs of row groups of at least `target_bytes` (compressed, all columns); [(0, 1)] where the file is damaged."""
    footer = _footer(file)
    if footer is None:
        return [(0, 1)]
    cuts, start, held = [], 0, 0
    for group in range(footer.num_row_groups):
        held += _compressed_bytes(footer.row_group(group))
        if held >= target_bytes:
            cuts.append((start, group + 1))
            start, held = group + 1, 0
    if start < footer.num_row_groups or not cuts:
        cuts.append((start, max(footer.num_row_groups, start + 1)))
    return cuts


def bytes_of_groups(part: FileRange) -> tuple[int, int]:
    """From where the first row group begins to where the one behind the last does; the first range has all that stands
    before it, and the last all that stands behind: the footer."""
    footer = _footer(part.file)
    if footer is None:  # one range tells of the damage, and has it all
        return (0, part.file.size) if part.start == 0 else (0, 0)
    return _begin(footer, part.start, part.file), _begin(footer, part.end, part.file)


def _begin(footer: pq.FileMetaData, group: int, file: InputFile) -> int:
    """Groups may stand in any order, and a footer may say anything: where one begins is never before another's begin
    that has a lower number, so that ranges lie side by side whatever it says."""
    if group and group >= footer.num_row_groups:  # a file may have none, and be one range
        return file.size
    begins = (_first_page(footer.row_group(number)) for number in range(1, group + 1))
    return min(max(begins, default=0), file.size)


def _first_page(group: pq.RowGroupMetaData) -> int:
    columns = [group.column(number) for number in range(group.num_columns)]
    pages = [page for column in columns for page in (column.dictionary_page_offset, column.data_page_offset)]
    return min((page for page in pages if page is not None and page > 0), default=0)


def _footer(file: InputFile) -> pq.FileMetaData | None:
    """None where the file is damaged."""
    try:
        with open_file(file) as raw:
            return pq.read_metadata(raw)
    except DAMAGE as error:
        raise_machine_fault(error)
        return None


def read_parquet(
    part: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """Rows of the row groups [start, end). Page checksums are verified where the file has them.

    Rejected: for the whole file, told once: quarantined "corrupt" or "no_text_column".
    """
    id = f"{source.name}/{part.file.name}"
    names = column_names(source.columns)
    with watch.open(part.file) as raw:
        try:
            table = pq.ParquetFile(raw, page_checksum_verification=True)
        except DAMAGE as error:
            raise_machine_fault(error)
            yield Rejected(f"{id}@0", "quarantined", "corrupt", str(error))
            return
        if problem := text_problem(table.schema_arrow, names["text"]):
            if part.start == 0:
                yield without_text(names["text"], problem, id=f"{id}@0")
            return
        columns = _wanted(table.schema_arrow.names, names, source)
        for row, values in _rows_of_groups(table, part, columns, watch.pulse):
            if isinstance(values, Unreadable):
                yield Rejected(f"{id}@{row}", "quarantined", values.reason, values.detail)
            else:
                yield row_record(values, names, source, id=f"{id}@{row}", max_bytes=max_record_bytes)


def parquet_rows(part: FileRange, *, watch: Watch) -> Iterator[tuple[int, dict[str, Any] | Unreadable]]:
    """All columns of the rows of the row groups [start, end), each with its number; text as bytes. What cannot be read
    is told once."""
    with watch.open(part.file) as raw:
        try:
            table = pq.ParquetFile(raw, page_checksum_verification=True)
        except DAMAGE as error:
            raise_machine_fault(error)
            yield 0, Unreadable("corrupt", str(error))
            return
        yield from _rows_of_groups(table, part, table.schema_arrow.names, watch.pulse)


def text_problem(schema: pa.Schema, column: str) -> str | None:
    """What stands where the text should be; a column of nulls is one whose rows have no text."""
    if column not in schema.names:
        return f"the columns are {', '.join(schema.names)}"
    kind = storage(schema.field(schema.get_field_index(column)).type)
    return None if is_text(kind) or pa.types.is_null(kind) else f"it holds {kind}"


def storage(kind: pa.DataType) -> pa.DataType:
    """The type of the values themselves: in a dictionary, or under a name of their own. JSON is no text."""
    if pa.types.is_dictionary(kind):
        return storage(kind.value_type)
    return storage(kind.storage_type) if isinstance(kind, pa.ExtensionType) else kind


def _rows_of_groups(
    table: pq.ParquetFile, part: FileRange, columns: list[str], pulse: Pulse
) -> Iterator[tuple[int, dict[str, Any] | Unreadable]]:
    for group in range(part.start, min(part.end, table.num_row_groups)):
        yield from _read_group(table, group, columns, pulse)


def _read_group(
    table: pq.ParquetFile, group: int, columns: list[str], pulse: Pulse
) -> Iterator[tuple[int, dict[str, Any] | Unreadable]]:
    footer = table.metadata
    row = sum(footer.row_group(before).num_rows for before in range(group))
    last = row + footer.row_group(group).num_rows - 1
    batches = table.iter_batches(_batch_rows(footer.row_group(group)), row_groups=[group], columns=columns)
    while row <= last:
        try:
            rows = _next_rows(batches)
        except DAMAGE as error:
            raise_machine_fault(error)
            yield row, Unreadable("corrupt", f"rows {row} to {last}: {error}")
            return
        pulse()
        if not rows:
            yield row, Unreadable("truncated", f"rows {row} to {last} are missing")
            return
        for values in rows:
            yield row, values
            row += 1


def _wanted(existing: list[str], names: Mapping[str, str], source: Source) -> list[str]:
    if source.own is not None and not source.columns_only:
        return existing
    used = {*names.values(), *(column.column for column in source.own or ())}
    return sorted(column for column in used if column in existing)


def _next_rows(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    batch = next(batches, None)
    return [] if batch is None else list(_rows(batch))


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _values(column: pa.Array) -> list[Any]:
    """Python values; text as bytes, so that one invalid row is found alone and does not take its batch with it."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_text(column.type):
        return list(column.cast(pa.large_binary()).to_pylist())
    return python_values(column)


def python_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """As Python has them; in text what it has not."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, LookupError):
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, LookupError):  # no UTF-8, or a time that Python cannot hold
        return _piece_by_piece(scalar)


def _piece_by_piece(scalar: pa.Scalar) -> Any:
    """A value with something in it that has no counterpart in Python; everything else of it stays as it is."""
    if isinstance(scalar, pa.StructScalar):
        return {name: _value(scalar[place]) for place, name in enumerate(scalar)}
    if isinstance(scalar, pa.MapScalar):
        return [list(_piece_by_piece(entry).values()) for entry in scalar.values]
    if isinstance(scalar, pa.ListScalar):
        return [_value(item) for item in scalar.values]
    if isinstance(scalar, pa.BinaryScalar):
        return scalar.as_buffer().to_pybytes()
    return _value(scalar.value) if isinstance(scalar.value, pa.Scalar) else _time(scalar)


def _time(scalar: pa.Scalar) -> str:
    """Nanoseconds, years over 9999 and zones that nobody knows: in ISO 8601 (UTC), or else the bare number with its
    unit."""
    kind, zone = scalar.type, ""
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz else ""
        scalar = scalar.cast(pa.timestamp(kind.unit))
    written = str(scalar.cast(pa.string()).as_py())
    if pa.types.is_duration(kind) or "out of range" in written:
        return f"{scalar.value} {'days' if pa.types.is_date32(kind) else getattr(kind, 'unit', 'ms')}"
    return written.replace(" ", "T") + zone


def is_text(kind: pa.DataType) -> bool:
    types = pa.types
    strings = (types.is_string, types.is_large_string, types.is_string_view)
    binaries = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return any(test(kind) for test in (*strings, *binaries))


def _batch_rows(group: Any) -> int:
    row_bytes = group.total_byte_size // max(group.num_rows, 1) + 1
    return int(min(max(BATCH_BYTES // row_bytes, 1), BATCH_ROWS))


def _compressed_bytes(group: Any) -> int:
    return sum(group.column(column).total_compressed_size for column in range(group.num_columns))


def raise_machine_fault(error: Exception) -> None:
    """An error number comes from the operating system; damage in the file has none."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
