"""Rows of plain tables as frames, for commands that work on files and not on a recipe.

split of JSON Lines or Parquet ─▶ id, source, text, url, timestamp, and columns that were asked for
frames ─▶ one Parquet file
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.batch import Record
from curate.engine.plan import FileRange, Split
from curate.errors import UsageError
from curate.passes.inputs import read_split
from curate.readers.rows import column_names, missing_column
from curate.recipe import Source

SOURCE = "tables"
MAX_RECORD_BYTES = 1 << 31


def read_rows(split: Split, source: Source) -> tuple[pl.DataFrame, int]:
    """`id, source, text, url, timestamp` and other columns that the source names, and how many rows are not there.

    Raises:
        UsageError: a Parquet file is damaged, or lacks a column.
    """
    if all(piece.file.name.lower().endswith((".parquet", ".pq")) for piece in split.ranges):
        return pl.concat([_read_parquet(piece, source) for piece in split.ranges]), 0
    found = list(read_split(split, source, MAX_RECORD_BYTES))
    records = [record for record in found if isinstance(record, Record)]
    rows = [
        {"id": record.columns.get("original_id") or record.id.removeprefix(SOURCE + "/"), "text": record.payload}
        | {"url": record.url, "timestamp": record.timestamp}
        | {name: record.columns.get(name) for name in _own_columns(source)}
        for record in records
    ]
    text_columns = dict.fromkeys(("id", "text", "url", "timestamp"), pl.String)
    frame = pl.DataFrame(rows, schema_overrides=text_columns, infer_schema_length=None) if rows else no_rows(source)
    return frame.with_columns(pl.lit(SOURCE).alias("source")), len(found) - len(records)


def _read_parquet(piece: FileRange, source: Source) -> pl.DataFrame:
    try:
        return _read_row_groups(piece, source)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the machine's fault, not the file's
            raise
        told = " ".join(str(error).split())  # one line, where the library has several
        raise UsageError(f"{piece.file.name} cannot be read as Parquet: {told}") from error


def _read_row_groups(piece: FileRange, source: Source) -> pl.DataFrame:
    names = column_names(source.columns)
    with pq.ParquetFile(piece.file.uri) as file:
        existing = file.schema_arrow.names
        for name in ("text", *source.columns):
            if names[name] not in existing:
                raise missing_column(name, names[name], existing, file=piece.file.name)
        wanted = {name: names[name] for name in ("id", "text", "url", "timestamp", *_own_columns(source))}
        groups = range(piece.start, min(piece.end, file.num_row_groups))
        before = sum(file.metadata.row_group(group).num_rows for group in range(piece.start))
        present = [column for column in dict.fromkeys(wanted.values()) if column in existing]
        table = pl.DataFrame(pl.from_arrow(file.read_row_groups(list(groups), columns=present)))
    row = pl.int_range(before, before + pl.len()).cast(pl.String)
    made = pl.concat_str(pl.lit(piece.file.name + "@"), row)
    columns = [
        (pl.col(column) if column in existing else pl.lit(None, pl.String)).alias(name)
        for name, column in wanted.items()
    ]
    text = [pl.col(name).cast(pl.String) for name in ("id", "text", "url", "timestamp")]
    frame = table.select(columns).with_columns(text).with_columns(pl.coalesce("id", made).alias("id"))
    return frame.with_columns(pl.lit(SOURCE).alias("source"))


def _own_columns(source: Source) -> list[str]:
    return [name for name in source.columns if name not in ("id", "text", "url", "timestamp")]


def no_rows(source: Source) -> pl.DataFrame:
    text = dict.fromkeys(("id", "text", "url", "timestamp"), pl.String)
    return pl.DataFrame(schema=text | dict.fromkeys(_own_columns(source), pl.Float64))


def write_tables(path: Path, frames: Iterator[pl.DataFrame], empty: pl.DataFrame) -> None:
    """One Parquet file of frames that come one after the other, whole or not at all."""
    part = path.with_name(path.name + ".part")
    writer: pq.ParquetWriter | None = None
    for frame in frames:
        table = frame.to_arrow()
        writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
    if writer is None:
        empty.write_parquet(part)
    else:
        writer.close()
    os.replace(part, path)
