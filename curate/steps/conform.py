"""Rows of one source written with the columns of all, and read again as they were measured.

types of a column over the sources ─▶ all alike: that one │ numbers: the one that holds all │ else text, lists as JSON
rows of a source ─▶ conformed: every column of the run, null where the source has none ─▶ file ─▶ as_measured ─▶ rows
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl
from polars._typing import PolarsDataType

from curate.errors import UsageError


def common_type(one: PolarsDataType, other: PolarsDataType) -> PolarsDataType:
    """The type of a column that is of these two in two sources."""
    if one == other:
        return one
    if one.is_numeric() and other.is_numeric():
        frames = (pl.DataFrame(schema={"column": dtype}) for dtype in (one, other))
        return pl.concat(frames, how="vertical_relaxed").schema["column"]
    return pl.String()


def conformed(rows: pl.DataFrame, types: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """The rows with exactly these columns, in this order.

    Raises:
        UsageError: they have others, which would be lost without a word.
    """
    if unknown := sorted(set(rows.columns) - types.keys()):
        raise UsageError(f'the plan has no column "{unknown[0]}": what gives it, a reader or a step, must declare it')
    schema = rows.schema
    if all(schema.get(name) == dtype for name, dtype in types.items()):
        return rows[[*types]]  # as in most runs; a hundred expressions take ten milliseconds to plan
    return rows.select(_conformed(name, schema.get(name), dtype) for name, dtype in types.items())


def as_measured(rows: pl.DataFrame, types: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """Rows of a run's table as the source with these types had them, without the columns of other sources."""
    return rows.select(_measured(name, rows.schema[name], dtype) for name, dtype in types.items() if name in rows)


def _conformed(name: str, found: PolarsDataType | None, wanted: PolarsDataType) -> pl.Expr:
    if found is None:
        return pl.lit(None, wanted).alias(name)
    if found == wanted:
        return pl.col(name)
    return _as_json(name) if wanted == pl.String and found.is_nested() else pl.col(name).cast(wanted)


def _as_json(name: str) -> pl.Expr:
    """Only objects can be written as JSON, so the value is taken out of one again: {"name":[1,2]} ─▶ [1,2]."""
    before = len(json.dumps(name, ensure_ascii=False)) + len("{:")
    written = pl.struct(name).struct.json_encode().str.slice(before).str.head(-1)
    return pl.when(pl.col(name).is_not_null()).then(written).alias(name)


def _measured(name: str, found: PolarsDataType, wanted: PolarsDataType) -> pl.Expr:
    if found == wanted:
        return pl.col(name)
    is_json = found == pl.String and (wanted.is_nested() or wanted == pl.Boolean)  # no cast knows "true"
    return pl.col(name).str.json_decode(wanted) if is_json else pl.col(name).cast(wanted)
