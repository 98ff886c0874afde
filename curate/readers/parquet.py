"""Rows of Parquet files: cut by row groups, read in batches of bounded size.

row groups [start, end) ─▶ batches ─▶ row ─▶ Record | Lost, id `source/file@row`
           a damaged one ─▶ one Lost for its rows that could not be read
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.batch import Lost, Record
from curate.engine.files import open_input
from curate.engine.plan import FileRange, InputFile
from curate.errors import UsageError
from curate.readers.rows import column_names, missing_column, row_record
from curate.recipe import Source

BATCH_BYTES = 16 << 20
BATCH_ROWS = 1024


def cut_parquet(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Runs of row groups of at least `target_bytes` (compressed, all columns); [(0, 1)] where the file is damaged."""
    try:
        with open_input(file.uri) as raw:
            footer = pq.read_metadata(raw)
    except (pa.ArrowException, OSError) as error:
        _raise_machine_fault(error)
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


def read_parquet(part: FileRange, *, source: Source, max_record_bytes: int) -> Iterator[Record | Lost]:
    """Rows of the row groups [start, end). Page checksums are verified where the file has them.

    Raises:
        UsageError: the file lacks the text column, or another one that the recipe maps, or its text is no text.
    """
    id = f"{source.name}/{part.file.name}"
    names = column_names(source.columns)
    with open_input(part.file.uri) as raw:
        try:
            table = pq.ParquetFile(raw, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            _raise_machine_fault(error)
            yield Lost(f"{id}@0", "quarantined", "corrupt", str(error))
            return
        _check_columns(table.schema_arrow, names, source.columns, file=part.file.name)
        for group in range(part.start, min(part.end, table.num_row_groups)):
            yield from _read_group(table, group, names, id=id, max_bytes=max_record_bytes)


def _check_columns(schema: pa.Schema, names: Mapping[str, str], mapped: Mapping[str, str], *, file: str) -> None:
    for name in ("text", *mapped):
        if names[name] not in schema.names:
            raise missing_column(name, names[name], schema.names, file=file)
    kind = schema.field(names["text"]).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not _is_text(kind):
        raise UsageError(f'{file}: the column "{names["text"]}" holds {kind}, and text is needed')


def _read_group(
    table: pq.ParquetFile, group: int, names: Mapping[str, str], *, id: str, max_bytes: int
) -> Iterator[Record | Lost]:
    footer = table.metadata
    row = sum(footer.row_group(before).num_rows for before in range(group))
    last = row + footer.row_group(group).num_rows - 1
    columns = sorted({column for column in names.values() if column in table.schema_arrow.names})
    batches = table.iter_batches(_batch_rows(footer.row_group(group)), row_groups=[group], columns=columns)
    while row <= last:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            _raise_machine_fault(error)
            yield Lost(f"{id}@{row}", "quarantined", "corrupt", f"rows {row} to {last}: {error}")
            return
        if batch is None:
            yield Lost(f"{id}@{row}", "quarantined", "truncated", f"rows {row} to {last} are missing")
            return
        for values in _rows(batch):
            yield row_record(values, names, id=f"{id}@{row}", max_bytes=max_bytes)
            row += 1


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _values(column: pa.Array) -> list[Any]:
    """Python values; text as bytes, so that one invalid row is found alone and does not take its batch with it."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        return list(column.cast(pa.large_binary()).to_pylist())
    return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:  # inside a list or struct
        return error.object


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _batch_rows(group: Any) -> int:
    row_bytes = group.total_byte_size // max(group.num_rows, 1) + 1
    return int(min(max(BATCH_BYTES // row_bytes, 1), BATCH_ROWS))


def _compressed_bytes(group: Any) -> int:
    return sum(group.column(column).total_compressed_size for column in range(group.num_columns))


def _raise_machine_fault(error: Exception) -> None:
    """An error number comes from the operating system; damage in the file has none."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
