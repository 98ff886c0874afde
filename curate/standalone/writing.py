"""Rows of plain tables written again: all their columns, united where files differ, in the format that the suffix says.

rows of a file ─▶ schema_of ─▶ united ─▶ rows, piece by piece ─▶ .parquet │ .jsonl (.gz, .zst), whole or not at all
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curate.engine.ledger import write_table
from curate.engine.whole import target_of
from curate.finite import finite
from curate.readers import parquet
from curate.standalone.tables import Whole

ZSTD_LEVEL = 3


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place beside the file, which becomes it at the end; where anything fails nothing is left of it."""
    path = target_of(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    with _whole(path) as part:
        if path.name.lower().endswith(".parquet"):
            write_table(frame, part)
        else:
            _write_lines(part, path.name, frame.iter_rows(named=True))


def write_rows(path: Path, pieces: Iterable[Whole], schema: pa.Schema) -> None:
    """Rows with the columns of `schema` (Parquet), or as each of them is (JSON Lines)."""
    with _whole(path) as part:
        if path.name.lower().endswith(".parquet"):
            with pq.ParquetWriter(part, schema, compression="zstd", compression_level=ZSTD_LEVEL) as writer:
                for piece in pieces:
                    writer.write_table(as_table(piece, schema))
        else:
            _write_lines(part, path.name, (row for piece in pieces for row in _as_dicts(piece)))


def _write_lines(part: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    with ExitStack() as stack:
        file = _compressed(stack, stack.enter_context(part.open("wb")), name.lower())
        for row in rows:
            file.write(json.dumps(_json(row), ensure_ascii=False, default=str).encode() + b"\n")


def _compressed(stack: ExitStack, file: IO[bytes], name: str) -> Any:
    if name.endswith(".gz"):
        return stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
    if name.endswith(".zst"):
        return stack.enter_context(zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(file, closefd=False))
    return file


def _as_dicts(whole: Whole) -> list[dict[str, Any]]:
    if isinstance(whole, list):
        return whole
    columns = [parquet.python_values(column) for column in whole.columns]
    return [dict(zip(whole.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def _json(value: Any) -> Any:
    """A value of Parquet as JSON can say it: dates in ISO's form, bytes in base 64, no number as null."""
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return finite(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def schema_of(whole: Whole) -> pa.Schema:
    """Of JSON Lines the types that its values have; where they have several, JSON as text."""
    if not isinstance(whole, list):
        return whole.schema.remove_metadata()
    names = dict.fromkeys(name for row in whole for name in row)
    return pa.schema([(name, _inferred([row.get(name) for row in whole])) for name in names])


def united(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """All columns of all, in the order in which they come; of types that fit the wider one, of others text."""
    kinds: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            kinds[field.name] = _wider(kinds[field.name], field.type) if field.name in kinds else field.type
    return pa.schema(list(kinds.items()))


def as_table(whole: Whole, schema: pa.Schema) -> pa.Table:
    count = len(whole)
    if isinstance(whole, list):
        columns = [_made([row.get(field.name) for row in whole], field.type) for field in schema]
    else:
        here = whole.column_names
        columns = [
            _cast(whole.column(field.name), field.type) if field.name in here else pa.nulls(count, field.type)
            for field in schema
        ]
    return pa.Table.from_arrays(columns, schema=schema)


def _inferred(values: list[Any]) -> pa.DataType:
    try:
        return pa.array(values).type
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return pa.large_string()


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    one, other = (kind.value_type if pa.types.is_dictionary(kind) else kind for kind in (one, other))
    try:
        both = [pa.schema([("x", kind)]) for kind in (one, other)]
        return pa.unify_schemas(both, promote_options="permissive").field("x").type
    except (pa.ArrowException, TypeError):
        return pa.large_string()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> Any:
    if column.type == kind:
        return column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return column.cast(kind)
    except (pa.ArrowException, TypeError):
        return _made(parquet.python_values(column), kind)


def _made(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of several types become text: JSON, but for those that are text already."""
    if pa.types.is_large_string(kind):
        values = [value if value is None or isinstance(value, str) else _said(value) for value in values]
    return pa.array(values, type=kind)


def _said(value: Any) -> str:
    return json.dumps(_json(value), ensure_ascii=False, default=str)


def with_texts(whole: Whole, column: str, texts: Sequence[str | None]) -> Whole:
    """The rows with other texts, in the type that the column has."""
    if isinstance(whole, list):
        return [row | {column: text} if column in row else row for row, text in zip(whole, texts, strict=True)]
    place = whole.schema.get_field_index(column)
    field = whole.schema.field(place)
    values = pa.array(texts, type=pa.large_string())
    plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    made = values.cast(plain)
    made = made.dictionary_encode().cast(field.type) if pa.types.is_dictionary(field.type) else made
    return whole.set_column(place, field, made)
