"""How many documents have which value of a column, among those that a query finds whatever it says of that column.

Query ─▶ without its choice of "step" ─▶ rows ─▶ steps with their numbers of documents, the most frequent first
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from curate.browse.query import CHOICES, Query
from curate.browse.table import LedgerTable

MAX_VALUES = 300
"""Of a column, the most frequent."""

Counted = tuple[str, int]
"""A value ("": none) and a number of documents."""


def counts_of(table: LedgerTable, query: Query, find: Callable[[Query], pl.Series]) -> dict[str, list[Counted]]:
    """By column; `find` gives the rows of a query."""
    unsorted, found = replace(query, sort=None, descending=False), {}
    for name in (name for name in CHOICES if table.has(name)):
        others = tuple(choice for choice in unsorted.choices if choice[0] != name)
        found[name] = _counted(table, name, find(replace(unsorted, choices=others)))
    return found


def _counted(table: LedgerTable, name: str, rows: pl.Series) -> list[Counted]:
    column = table.columns([name]).to_series()
    some = column if len(rows) == table.height else column[rows]
    counts = some.alias("value").to_frame().group_by("value").len().with_columns(pl.col("value").cast(pl.String))
    most = counts.sort(["len", "value"], descending=[True, False], nulls_last=True).head(MAX_VALUES)
    return [(value or "", count) for value, count in most.iter_rows()]
