"""Tables that the script of the page sorts and searches, and figures for people.

heads, rows of cells ─▶ <div class="table"> search, <table> with a button in each head
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curate.report.html.markup import Content, Html, element

SEARCHED_ROWS = 8
"""A table with more rows has a field to search it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown, and as it is sorted."""

    shown: str
    value: float


@dataclass(frozen=True, slots=True)
class Meter:
    """A number with a bar as long as its share of the greatest one: [0, 1]."""

    shown: str
    value: float
    share: float


Cell = str | Html | Figure | Meter


def count(value: int) -> Figure:
    return Figure(f"{value:,}", value)


def size(value: int) -> Figure:
    return Figure(bytes_of(value), value)


def share(part: float, whole: float) -> Figure:
    return Figure(f"{part / whole:.1%}", part / whole) if whole else Figure("–", -1.0)


def bytes_of(value: float) -> str:
    """Bytes for people."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= least:
            return f"{value / least:,.3g} {unit}" if value < 1e3 * least else f"{value / least:,.0f} {unit}"
    return f"{value:,.0f} B"


def short(value: float) -> str:
    """A number of a few signs."""
    for unit, least in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= least:
            return f"{value / (1e3 if unit == 'k' else least):,.3g} {unit}"
    return f"{value:,.4g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, caption: str = "") -> Html:
    """Columns of numbers are those whose first cell is one."""
    rows = list(rows)
    if not rows:
        return element("p", "None.", {"class": "nothing"})
    numeric = [isinstance(cell, Figure) for cell in rows[0]]
    head = element(
        "tr",
        [
            element(
                "th", element("button", name, {"type": "button"}), {"scope": "col", "class": "n" if is_number else None}
            )
            for name, is_number in zip(heads, numeric, strict=True)
        ],
    )
    body = [element("tr", [_cell(cell) for cell in row]) for row in rows]
    titled = element("caption", caption) if caption else None
    whole = element("table", [titled, element("thead", head), element("tbody", body)])
    return element("div", [_search(len(rows)), element("div", whole, {"class": "scroll"})], {"class": "table"})


def _search(rows: int) -> Content:
    if rows <= SEARCHED_ROWS:
        return None
    words = {"type": "search", "placeholder": f"search {rows:,} rows", "aria-label": "search this table"}
    return element("input", None, words)


def _cell(cell: Cell) -> Html:
    if isinstance(cell, Figure):
        return element("td", cell.shown, {"class": "n", "data-v": repr(cell.value)})
    if isinstance(cell, Meter):
        width = f"width:{max(0.0, min(cell.share, 1.0)):.2%}"
        bar = element("i", None, {"style": width})
        return element("td", [element("span", cell.shown), bar], {"class": "meter", "data-v": repr(cell.value)})
    return element("td", cell)
