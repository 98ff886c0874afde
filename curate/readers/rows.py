"""A row of a table as a record: which columns are its text, its url …, and what is wrong with it.

{"content": …, "link": …} + columns = {text = "content", url = "link"} ─▶ Record | Rejected
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from curate.batch import Record, Rejected
from curate.errors import UsageError, nearest
from curate.readers.own_columns import own_values
from curate.recipe import Source

KNOWN = ("text", "url", "timestamp", "id", "language", "license")


def column_names(columns: Mapping[str, str]) -> dict[str, str]:
    """Column of curate -> column of the table: known ones by their own names unless mapped, and others asked for."""
    return {name: name for name in KNOWN} | dict(columns)


def missing_column(name: str, column: str, existing: Iterable[str], *, file: str) -> UsageError:
    """The error for a table without a column that is needed: it says which columns there are."""
    return UsageError(
        f'{file} has no column "{column}" to take "{name}" from{nearest(column, existing)}; '
        f'name the right one in the recipe: columns = {{ {name} = "…" }}'
    )


def without_text(name: str, found: str, *, id: str) -> Rejected:
    """A file whose text cannot be found: one odd file among many is set aside, and the rest of the source is read."""
    return Rejected(id, "quarantined", "no_text_column", f'"{name}" is not there as text: {found}')


def row_record(
    row: Mapping[str, Any], names: Mapping[str, str], source: Source, *, id: str, max_bytes: int
) -> Record | Rejected:
    """`row` has the table's names; bytes in it are text in UTF-8 that was not decoded yet.

    The table's `id` is kept as the column `original_id`. Rejected: dropped "no_text"; quarantined "encoding" (invalid
    UTF-8 or a lone surrogate anywhere in the row's used columns) or "too_big".
    """
    text = row.get(names["text"])
    if not isinstance(text, str | bytes):  # a list or a number written out would be the table's source, not its text
        return Rejected(
            id, "dropped", "no_text", f'"{names["text"]}" holds {"null" if text is None else type(text).__name__}'
        )
    try:
        values = {name: _plain(row.get(column)) for name, column in names.items()}
    except UnicodeError as error:
        return Rejected(id, "quarantined", "encoding", str(error))
    text = str(values.pop("text"))
    if len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:  # a character has at most four bytes
        return Rejected(id, "quarantined", "too_big", f"the text has over {max_bytes} bytes")
    known = {name: _as_text(values.pop(name)) for name in KNOWN if name in values}
    url, timestamp, original_id = known.pop("url"), known.pop("timestamp"), known.pop("id")
    columns = {"original_id": original_id, **known, **_own(row, names, source, values)}
    present = {name: value for name, value in columns.items() if value is not None}
    return Record(id, text, url=url, timestamp=timestamp, columns=present)


def _own(row: Mapping[str, Any], names: Mapping[str, str], source: Source, values: dict[str, Any]) -> dict[str, Any]:
    """Columns that are the user's own: of the kinds that the plan knows, or, where there is no plan, as they come."""
    if source.own is None:
        return values
    looked_at = {*names.values(), *(column.column for column in source.own)}
    others = () if source.columns_only else [column for column in row if column not in looked_at]
    return own_values(row, source.own, others)


def _plain(value: Any) -> Any:
    """A value as a column can hold it: nested ones as JSON. Raises UnicodeError for text that is not valid Unicode."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    if isinstance(value, str) and not value.isascii():
        value.encode("utf-8")
    return value


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
