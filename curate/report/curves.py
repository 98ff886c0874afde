"""The curves of a training over the tokens that it has learned, as values and as a picture.

OUT/log.csv ─▶ read_curves ─▶ Curves ─▶ draw_picture ─▶ OUT/curves.png, where matplotlib is installed
                                     └▶ report/terminal/curves.py
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE, PICTURE = "log.csv", "curves.png"
TITLES = {"loss": "training loss, nats", "bits_per_byte": "validation, bits per byte", "accuracy": "pairs told apart"}
"""By the kinds of columns in log.csv."""
ALL = "all"
MAX_SHARE = 1 / 40
"""Of a curve's points, the most that are a running mean: losses are those of few batches."""


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """`tokens` and `values` of its points, in the order of the steps."""

    name: str
    tokens: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that are drawn together."""

    title: str
    curves: tuple[TrainingCurve, ...]


def read_curves(out: Path) -> tuple[Panel, ...]:
    """Of a training's folder: its losses, of all sources together and of each, and what each was judged by."""
    if not (out / TABLE).is_file():
        return ()
    with open(out / TABLE, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows, columns = [*table], table.fieldnames or ()
    panels = (
        Panel(title, _curves(rows, [column for column in columns if column.partition("/")[0] == kind]))
        for kind, title in TITLES.items()
    )
    return tuple(panel for panel in panels if panel.curves)


def _curves(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> tuple[TrainingCurve, ...]:
    curves = [_curve(rows, column, is_smooth=column.startswith("loss")) for column in columns]
    drawn = [curve for curve in curves if len(curve.values) > 1]
    if len(drawn) == 2 and drawn[0].name == ALL:  # there is one source, and what all have is its own
        return (drawn[1],)
    return tuple(drawn)


def _curve(rows: Sequence[dict[str, str]], column: str, *, is_smooth: bool) -> TrainingCurve:
    points = [(float(row["tokens"]), float(row[column])) for row in rows if row[column]]
    values = [value for _, value in points]
    if is_smooth:
        values = running_mean(values, int(len(values) * MAX_SHARE))
    return TrainingCurve(column.partition("/")[2] or ALL, tuple(tokens for tokens, _ in points), tuple(values))


def running_mean(values: Sequence[float], reach: int) -> list[float]:
    """Of each value and up to `reach` on either side, as many here as there."""
    parts = []
    for place in range(len(values)):
        here = min(reach, place, len(values) - 1 - place)
        parts.append(values[place - here : place + here + 1])
    return [sum(part) / len(part) for part in parts]


def limits(panel: Panel) -> tuple[float, float]:
    """The least value, and the most but for the first twentieth of the tokens, in which every loss falls from where
    nothing is known."""
    end = max(curve.tokens[-1] for curve in panel.curves)
    points = [point for curve in panel.curves for point in zip(curve.tokens, curve.values, strict=True)]
    later = [value for tokens, value in points if tokens >= end / 20] or [value for _, value in points]
    low, high = min(value for _, value in points), max(later)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def draw_picture(panels: Sequence[Panel], path: Path) -> Path | None:
    """Write the picture as PNG; None where there is nothing to draw, or no matplotlib (the extra `plot`)."""
    if not panels:
        return None
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, panel)
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=150)
    part.replace(path)
    return path


def _draw(axes: Any, panel: Panel) -> None:
    colors = [f"C{number}" for number in range(10)]
    sources = [curve for curve in panel.curves if curve.name != ALL]
    for curve in panel.curves:
        is_all = curve.name == ALL
        color = "#1f2328" if is_all else colors[sources.index(curve) % 10]
        few = "o" if len(curve.values) <= 40 else None
        label = f"{curve.name}  {curve.values[-1]:.3f}"
        axes.plot(
            curve.tokens, curve.values, color=color, linewidth=1.8 if is_all else 1.2, marker=few, ms=3, label=label
        )
    low, high = limits(panel)
    axes.set_ylim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    axes.set_xlim(0, max(curve.tokens[-1] for curve in panel.curves))
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.set_xlabel("tokens", fontsize=9)
    axes.xaxis.set_major_formatter(lambda tokens, _: shortened(tokens))
    axes.grid(color="#d0d7de", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)


def shortened(tokens: float) -> str:
    """1234567 as 1.2 M."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if tokens >= size:
            return f"{tokens / size:.3g} {letter}"
    return f"{tokens:.0f}"
