"""Decides by an SQL expression over the columns of a batch: `where = "digit_ratio < 0.2 AND word_count > 30"`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl
from polars._typing import PolarsDataType
from polars.exceptions import PolarsError

from curate.batch import Filter, Rule
from curate.errors import UsageError, nearest

QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
OF_THE_PAGE = frozenset({"id", "source", "url", "timestamp", "mime"})
"""Columns that are the same whichever text is made of a page."""
NOT_BY_ROW = re.compile(r"\b(?:OVER\s*\(|SELECT\b)", re.IGNORECASE)


def where(expression: str) -> Filter:
    """Keep the documents for which the SQL expression is true, as SQL's WHERE does: false and null both drop.

    So a signal that was not measured keeps nothing, unlike in all other filters; `x IS NULL OR x < 3` says otherwise.
    Functions, `LIKE`, `IN`, `BETWEEN` and `CASE` are polars' SQL. Aggregates and window functions are refused: each
    document is decided by itself. The ledger shows the value of the first column that the expression names.

    Raises:
        UsageError: the syntax is wrong, no column is named, or more than one document would be looked at.
    """
    parsed = parse(expression)
    signal = parsed.meta.root_names()[0]
    hope = pl.lit(0.0) if OF_THE_PAGE.issuperset(parsed.meta.root_names()) else None
    return Filter((Rule("where", signal, parsed.fill_null(False), threshold=expression),), hope=hope)


def columns_of(expression: str) -> set[str]:
    """The columns that an expression needs.

    Raises:
        UsageError: as `where`.
    """
    return set(parse(expression).meta.root_names())


def check_where(expression: str, schema: Mapping[str, PolarsDataType]) -> None:
    """See that an expression can be used on batches of this schema: its columns exist, it gives true or false.

    Raises:
        UsageError: it cannot; with the likeliest name that was meant, or the type that was found.
    """
    for name in sorted(columns_of(expression)):
        if name not in schema:
            raise UsageError(f'where = "{expression}": there is no column "{name}"{nearest(name, schema)}')
    try:
        found = pl.DataFrame(schema=schema).select(parse(expression)).to_series()
    except PolarsError as error:
        raise UsageError(f'where = "{expression}": {_first_line(error)}') from error
    if found.dtype != pl.Boolean:
        raise UsageError(f'where = "{expression}" gives {found.dtype}; it must be true or false')


def parse(expression: str) -> pl.Expr:
    """The expression as polars', checked as far as it can be without data.

    Raises:
        UsageError: as `where`.
    """
    try:
        parsed = pl.sql_expr(expression).meta.undo_aliases()
    except PolarsError as error:
        raise UsageError(f'where = "{expression}": {_first_line(error)}') from error
    if not parsed.meta.root_names():
        raise UsageError(f'where = "{expression}" names no column, so it decides the same for every document')
    if NOT_BY_ROW.search(QUOTED.sub("", expression)) or _is_aggregate(parsed):
        raise UsageError(f'where = "{expression}" looks at several documents at once; each must be decided by itself')
    return parsed


def _is_aggregate(parsed: pl.Expr) -> bool:
    """An aggregate makes one row of none. Types do not matter for that; where they do, it is no matter for here."""
    empty = pl.DataFrame(schema=dict.fromkeys(parsed.meta.root_names(), pl.Null))
    try:
        return empty.select(parsed).height > 0
    except PolarsError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
