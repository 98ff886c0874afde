"""Curves for a terminal: lines of dots, eight to a character, each panel with its legend.

Panel ─▶ a value for each column of dots ─▶ dots, of the curve drawn last ─▶ lines of styled pieces
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from curate.report.curves import ALL, Panel, TrainingCurve, limits, shortened

STYLES = ("cyan", "green", "magenta", "yellow", "blue", "red")
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille character's dots, by column and row from above (Unicode 16, block 2800)."""
HEIGHT = 10
MIN_WIDTH, MAX_WIDTH = 40, 100
MARGIN = 7
"""Characters before a line, for the numbers of its axis."""

Piece = tuple[str, str]
"""A text and rich's name of its style; "" for none."""
Cells = dict[tuple[int, int], tuple[int, str]]
"""By row and column: dots, and the style of the curve drawn last there."""


def curves_lines(panels: Sequence[Panel], *, width: int) -> Iterator[list[Piece]]:
    """The lines of all panels, at most `width` characters wide, which are MIN_WIDTH at least."""
    columns = min(max(width, MIN_WIDTH), MAX_WIDTH) - MARGIN
    for panel in panels:
        yield from _panel(panel, columns)
        yield []


def _panel(panel: Panel, columns: int) -> Iterator[list[Piece]]:
    low, high = limits(panel)
    end = max(curve.tokens[-1] for curve in panel.curves)
    styles = _styles(panel)
    cells: Cells = {}
    for curve in (*panel.curves[1:], panel.curves[0]):  # that of all sources over the others
        _draw(cells, _heights(curve, end, low, high, columns), styles[curve.name])
    yield [(panel.title, "bold")]
    numbers = {
        0: high,
        (HEIGHT - 1) // 2: high - (high - low) * (2 * ((HEIGHT - 1) // 2) + 1) / (2 * HEIGHT),
        HEIGHT - 1: low,
    }
    for row in range(HEIGHT):
        number = f"{numbers[row]:.2f}" if row in numbers else ""
        yield [(f"{number:>{MARGIN - 2}} ┤" if number else f"{'':{MARGIN - 1}}│", "dim"), *_row(cells, row, columns)]
    last = f"{shortened(end)} tokens"
    yield [(f"{'':{MARGIN - 1}}└{'─' * columns}", "dim")]
    yield [(f"{'':{MARGIN}}0{last:>{columns - 1}}", "dim")]
    for curve in sorted(panel.curves, key=lambda each: -each.values[-1]):
        yield [(f"{'':{MARGIN}}⣀ ", styles[curve.name]), (f"{curve.name} {curve.values[-1]:.3f}", "")]


def _styles(panel: Panel) -> dict[str, str]:
    sources = [curve.name for curve in panel.curves if curve.name != ALL]
    return {ALL: "bold"} | {name: STYLES[number % len(STYLES)] for number, name in enumerate(sources)}


def _heights(curve: TrainingCurve, end: float, low: float, high: float, columns: int) -> list[int | None]:
    """The row of dots, from above, of each column of dots; None before the first point, and over the highest."""
    rows, heights = 4 * HEIGHT, []
    for column in range(2 * columns):
        value = _value(curve, end * (column + 0.5) / (2 * columns))
        is_seen = value is not None and value <= high
        heights.append(
            min(rows - 1, int((high - value) / (high - low) * rows)) if is_seen and value is not None else None
        )
    return heights


def _value(curve: TrainingCurve, tokens: float) -> float | None:
    """On the line between the two points beside."""
    after = bisect_left(curve.tokens, tokens)
    if after == 0 or after == len(curve.tokens):
        return None if after == 0 else curve.values[-1]
    (x, next_x), (y, next_y) = curve.tokens[after - 1 : after + 1], curve.values[after - 1 : after + 1]
    return y + (next_y - y) * (tokens - x) / (next_x - x)


def _draw(cells: Cells, heights: Sequence[int | None], style: str) -> None:
    before: int | None = None
    for column, height in enumerate(heights):
        if height is not None:
            start = height if before is None else before
            step = 1 if height >= start else -1
            for dot in range(start + step if abs(height - start) > 1 else height, height + step, step):
                place = (dot // 4, column // 2)
                cells[place] = (cells.get(place, (0, ""))[0] | DOTS[column % 2][dot % 4], style)
        before = height


def _row(cells: Cells, row: int, columns: int) -> Iterator[Piece]:
    for column in range(columns):
        dots, style = cells.get((row, column), (0, ""))
        yield (chr(0x2800 + dots) if dots else " ", style)
