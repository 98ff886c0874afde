"""Rows from Python as a Parquet file, in a folder that is named by the file's digest: the same rows are the same input.

data ─▶ tables (data.py) ─▶ a spool, while their columns are found out ─▶ row groups ─▶ FOLDER/<sha256>/NAME.parquet
                                                                                       modified "at" its digest

A run knows its inputs by their place, size and time of modification. Rows that are given again, today or after the
folder was cleared, have all three as before; others have another place, and a run that has begun refuses them as it
refuses a file that has changed. Memory holds a few tables at a time, whatever the number of rows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import UsageError
from curate.given.data import TABLE_ROWS, tables_of

GROUP_ROWS = TABLE_ROWS
GROUP_BYTES = 32 << 20
"""Of a row group, in memory; a single row may have more."""
SECONDS = 1 << 31


def write_rows(data: Any, folder: Path, *, name: str) -> Path:
    """The file that holds all rows of `data`.

    Raises:
        UsageError: `data` holds no rows, or its columns are of no common type.
        OSError: the disk is full, or the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".") as scratch:
        spool, made = Path(scratch, "spool"), Path(scratch, "rows")
        schema = _spool(tables_of(data), spool)
        _write_parquet(_spooled(spool, schema), schema, made)
        with made.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.utime(made, (int(digest[:8], 16) % SECONDS,) * 2)
        target = folder / digest / f"{name}.parquet"
        target.parent.mkdir(exist_ok=True)
        os.replace(made, target)  # one that is there has the same bytes, or has been tampered with
    return target


def _spool(tables: Iterator[pa.Table], spool: Path) -> pa.Schema:
    """Write tables, each with its own schema, one stream behind the other; return the schema that fits all."""
    schema, rows = pa.schema([]), 0
    with pa.OSFile(str(spool), "wb") as file:
        for table in tables:
            schema = _common(schema, table.schema, rows)
            rows += table.num_rows
            with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
                stream.write_table(table)
    return schema


def _common(schema: pa.Schema, other: pa.Schema, rows: int) -> pa.Schema:
    if schema.equals(other):
        return schema
    try:
        return pa.unify_schemas([schema, other], promote_options="permissive")
    except (pa.ArrowException, TypeError) as error:
        told = f"up to row {rows} its columns are of other types than from there on: {' '.join(str(error).split())}"
        raise UsageError(f"{told}; the values of a column are of one kind") from None


def _spooled(spool: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """The tables again, all with the one schema."""
    with pa.OSFile(str(spool)) as file:
        while file.tell() < file.size():
            table = pa.ipc.open_stream(file).read_all()
            yield pa.concat_tables([schema.empty_table(), table], promote_options="permissive")


def _write_parquet(tables: Iterator[pa.Table], schema: pa.Schema, path: Path) -> None:
    """In row groups whose cut depends on the rows alone, not on the tables that they came in."""
    try:
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
            for group in _groups(tables):
                writer.write_table(group, row_group_size=group.num_rows)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        told = " ".join(str(error).split())
        raise UsageError(f"its columns can't be written as Parquet: {told}") from None


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    held: pa.Table | None = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while held.num_rows >= GROUP_ROWS:
            yield from _halves(held.slice(0, GROUP_ROWS))
            held = held.slice(GROUP_ROWS)
    if held is not None and held.num_rows:
        yield from _halves(held)


def _halves(rows: pa.Table) -> Iterator[pa.Table]:
    """Rows of large documents in several groups, which several workers can read."""
    if rows.nbytes <= GROUP_BYTES or rows.num_rows == 1:
        yield rows
        return
    middle = rows.num_rows // 2
    yield from _halves(rows.slice(0, middle))
    yield from _halves(rows.slice(middle))
