"""What a user's reader yields, checked and made into records: a wrong one costs itself, and says what would be right.

"text" | {"text": …} | {"html": …} ─▶ place in the file ─▶ row of a table ─▶ Record | Rejected
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange
from curate.own_code.raised import describe_raised
from curate.readers.own_columns import kind_of
from curate.readers.rows import column_names, row_record
from curate.recipe import Kind, Source

HTML, AT = "html", "at"

Row = Mapping[str, Any]


@dataclass(slots=True)
class OwnRows:
    """The rows of one range, in the order in which they come."""

    range: FileRange
    source: Source
    max_bytes: int
    is_split: bool
    """Each row says where it begins: nobody knows how many stand in the ranges before."""
    names: Mapping[str, str] = field(init=False)
    file: str = field(init=False)
    last: int = field(init=False)

    def __post_init__(self) -> None:
        self.names = column_names(self.source.columns)
        self.file = f"{self.source.name}/{self.range.file.name}"
        self.last = self.range.start - 1

    def record(self, row: Any, number: int) -> Record | Rejected:
        """Rejected: quarantined "exception" where the row is none, or can't be written; else as `row_record` has it."""
        id = f"{self.rest()}#{number}" if self.is_split else f"{self.file}@{number}"
        try:
            full = as_row(row, self.names)
            if self.is_split:
                id = f"{self.file}@{self._place(full)}"
                full = {column: value for column, value in full.items() if column != AT}
            return self._as_record(full, id)
        except MemoryError:
            raise
        except Exception as error:  # of an object that cannot be told as a string, say
            return Rejected(id, "quarantined", "exception", describe_raised(error, __file__))

    def rest(self) -> str:
        """The id of what cannot be read, as the engine names what it gives up."""
        return f"{self.file}@{self.range.start}-{self.range.end}"

    def _place(self, row: Row) -> int:
        place = row.get(AT)
        if type(place) is not int or not max(self.last + 1, self.range.start) <= place < self.range.end:
            told = f"of the range {self.range.start}-{self.range.end}, behind {self.last}"
            raise ValueError(f'"at" is {place!r}: a reader with split_file says where a row begins, {told}')
        self.last = place
        return place

    def _as_record(self, row: Row, id: str) -> Record | Rejected:
        if not is_page(row, self.names):
            return row_record(row, self.names, self.source, id=id, max_bytes=self.max_bytes)
        page = row[HTML]
        if len(page) > self.max_bytes:
            return Rejected(id, "quarantined", "too_big", f"the page has over {self.max_bytes} bytes")
        others = {column: value for column, value in row.items() if column != HTML}
        record = row_record(others | {self.names["text"]: ""}, self.names, self.source, id=id, max_bytes=self.max_bytes)
        return replace(record, payload=page, media="text/html") if isinstance(record, Record) else record


def as_row(row: Any, names: Mapping[str, str]) -> Row:
    """Raises TypeError for what is no row."""
    if isinstance(row, str):
        return {names["text"]: row}
    if not isinstance(row, Mapping):
        raise TypeError(f'the reader yielded {type(row).__name__}; it must yield a dict with "text", or a string')
    for name in row:
        if not isinstance(name, str):
            raise TypeError(f"the reader yielded a dict with the key {name!r}; keys are names of columns")
    return row


def is_page(row: Row, names: Mapping[str, str]) -> bool:
    """Whether the row has HTML and no text."""
    return row.get(names["text"]) is None and isinstance(row.get(HTML), str | bytes)


def own_kinds(row: Row, names: Mapping[str, str], *, is_split: bool) -> dict[str, set[Kind]]:
    """The columns of a row that a table would have, and the kind of each value; null has none."""
    unneeded = {HTML} if is_page(row, names) else set()
    unneeded |= {AT} if is_split else set()
    return {column: _kinds(value) for column, value in row.items() if column not in unneeded and _is_whole(column)}


def _kinds(value: Any) -> set[Kind]:
    """As of a table's value; what JSON has no kind for, times and paths say, is told as text."""
    if value is None:
        return set()
    return {kind_of(value)} if isinstance(value, bool | int | float | str | list | dict) else {"text"}


def _is_whole(name: str) -> bool:
    return name.encode(errors="replace").decode() == name
