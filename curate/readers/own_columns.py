"""Columns of a table that are the user's own: of which kind each is, and its values as that kind.

    text     strings; times and dates as ISO 8601; decimal numbers as they are written; other bytes in Base64
    integer  64 bits       number  double precision       truth  true and false
    json     lists, objects, and columns that hold several kinds: every value as JSON

A value that is not of its column's kind goes with its name into the column `extra`, a JSON object: nothing is lost, and
no column's type depends on what stands in a later row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from curate.finite import finite
from curate.recipe import Kind, OwnColumn

EXTRA = "extra"
MAX_COLUMNS = 256
"""Of a source that have names of their own; what further ones hold goes into `extra`."""
_NOT_OF_KIND = object()


def kind_of(value: Any) -> Kind:
    """Of a value that is not null, as JSON has it."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def common_kind(kinds: Iterable[Kind]) -> Kind:
    """Of a column whose values are of these kinds."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    return "number" if found == {"integer", "number"} else "json"


def own_values(row: Mapping[str, Any], own: Iterable[OwnColumn], others: Iterable[str]) -> dict[str, Any]:
    """The row's values by the columns' names in a batch; `others` are columns of the row that nobody looked at."""
    values: dict[str, Any] = {}
    extra = {column: row[column] for column in others if row[column] is not None}
    for column in own:
        value = row.get(column.column)
        fitting = None if value is None else _as_kind(value, column.kind)
        if fitting is _NOT_OF_KIND:
            extra[column.column] = value
        elif fitting is not None:
            values[column.name] = fitting
    return values | ({EXTRA: _json(extra)} if extra else {})


def _as_kind(value: Any, kind: Kind) -> Any:
    if kind == "json":
        return _json(value)
    if kind == "text":
        return _text(value)
    if kind == "truth":
        return value if isinstance(value, bool) else _NOT_OF_KIND
    return _NOT_OF_KIND if isinstance(value, bool) else _number(value, kind)


def _number(value: Any, kind: Kind) -> Any:
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        if kind == "integer":
            return value
        return float(value) if int(float(value)) == value else _NOT_OF_KIND
    return value if isinstance(value, float) and kind == "number" else _NOT_OF_KIND


def _text(value: Any) -> Any:
    """Numbers and lists are no text; what Parquet knows besides (times, decimals) is written as people write it."""
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, bool | int | float | list | dict | tuple):
        return _NOT_OF_KIND
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _json(value: Any) -> str:
    try:
        return _whole(json.dumps(value, ensure_ascii=False, sort_keys=True, default=_text, allow_nan=False))
    except ValueError:  # NaN or Infinity, which rows seldom have
        return _whole(json.dumps(finite(value), ensure_ascii=False, sort_keys=True, default=_text))


def _whole(text: str) -> str:
    """Without halves of characters, which JSON can spell and no table can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
