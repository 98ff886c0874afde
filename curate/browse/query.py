"""What is asked of the documents, and the rows that it finds, in order.

"outcome=dropped&step=c4&min=word_count:50&sort=-word_count&search=manual" ─▶ Query ─▶ numbers of rows
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate.browse.table import HOST_COLUMN, LedgerTable, order_of
from curate.errors import UsageError, nearest
from curate.report.funnel import NO_DOCUMENTS

CHOICES = ("source", "outcome", "step", "reason", "language", HOST_COLUMN, "page_type")
"""Columns of which a value is chosen; "" is none at all."""
SEARCHED = ("url", "id", "original_id")
BOUNDS = ("min", "max")

Parameters = Mapping[str, Sequence[str]]
"""What stands behind the question mark of a URL, as `urllib.parse.parse_qs` gives it."""


@dataclass(frozen=True, slots=True)
class Query:
    """`choices` are (column, value), `bounds` ("min" or "max", signal, number); `sort` is a column, or None: the order
    in which the records were read. All words have to stand in a document's URL or id, whatever their case."""

    words: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    bounds: tuple[tuple[str, str, float], ...] = ()
    sort: str | None = None
    descending: bool = False
    apart: bool = False
    """Also records that are no documents, as requests and pictures."""


def parse_query(parameters: Parameters, table: LedgerTable) -> Query:
    """
    Raises:
        UsageError: a column is not there, or a bound is no number.
    """
    choices = [(name, parameters[name][-1]) for name in CHOICES if name in parameters]
    bounds = [_bound(side, text, table) for side in BOUNDS for text in parameters.get(side, ())]
    sort = parameters.get("sort", [""])[-1]
    name = sort.removeprefix("-")
    if name:
        table.columns([name])
    words = parameters.get("search", [""])[-1].split()
    apart = parameters.get("apart", [""])[-1] == "1"
    return Query(tuple(words), tuple(choices), tuple(bounds), name or None, sort.startswith("-"), apart)


def _bound(side: str, text: str, table: LedgerTable) -> tuple[str, str, float]:
    name, _, number = text.rpartition(":")
    if name not in table.signals:
        raise UsageError(f'there is no signal "{name}"{nearest(name, table.signals)}')
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise UsageError(f'a bound of {name} is a number, found "{number}"')
    return side, name, value


def found_rows(table: LedgerTable, query: Query, among: pl.Series | None = None) -> pl.Series:
    """The numbers of the rows (UInt32) that a query finds, `among` those or all; in the order that it asks for, rows
    without a value last."""
    conditions = [*_documents(query), *_choices(query), *_bounds(query), *_searches(query, table)]
    names = {name for condition in conditions for name in condition.meta.root_names()}
    rows = pl.int_range(table.height, dtype=pl.UInt32, eager=True) if among is None else among
    if conditions:
        asked = table.columns(names) if among is None else table.rows(among, names)
        rows = rows.filter(asked.select(pl.all_horizontal(conditions).fill_null(False)).to_series())
    if query.sort is None or rows.is_empty():
        return rows
    if len(rows) > table.height // 20:  # the order of all rows is known, or worth to be
        is_found = pl.repeat(False, table.height, eager=True).scatter(rows, True)
        order = table.order(query.sort, query.descending)
        return order.filter(is_found[order])
    return rows[order_of(table.columns([query.sort]).to_series()[rows], query.descending)]


def _documents(query: Query) -> Iterator[pl.Expr]:
    if not query.apart:
        is_none = (pl.col("step") == "read") & pl.col("reason").cast(pl.String).is_in(NO_DOCUMENTS)
        yield is_none.not_().fill_null(True)


def _choices(query: Query) -> Iterator[pl.Expr]:
    for name, value in query.choices:
        column = pl.col(name)
        yield column == value if value else column.is_null()


def _bounds(query: Query) -> Iterator[pl.Expr]:
    for side, name, value in query.bounds:
        number = pl.col(name).cast(pl.Float64)
        yield number >= value if side == "min" else number <= value


def _searches(query: Query, table: LedgerTable) -> Iterator[pl.Expr]:
    names = [name for name in SEARCHED if table.has(name)]
    for word in query.words:
        pattern = f"(?i){re.escape(word)}"
        yield pl.any_horizontal(pl.col(name).str.contains(pattern).fill_null(False) for name in names)
