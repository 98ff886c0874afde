"""A comparison as a picture: each arm's difference to the baseline with its interval, a line a source.

Ablation ─▶ one row of dots and bars for each group ─▶ PNG
"""

from __future__ import annotations

from pathlib import Path

from curate.ablation.answer import Ablation
from curate.ablation.verdict import ALL, ArmVerdict

COLORS = {"better": "#1a7f37", "worse": "#cf222e", "not separable": "#6e7781"}
INCHES_PER_ROW = 0.28


def draw_plot(found: Ablation, path: Path) -> Path | None:
    """Write the picture; None where matplotlib is not installed (the extra `plot`)."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    rows = [*found.again, *found.verdicts]
    rows = sorted(rows, key=lambda row: (row.group != ALL, row.group))
    figure = Figure(figsize=(8, 1.4 + INCHES_PER_ROW * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        axes.plot([row.low, row.high], [place, place], color=COLORS[row.verdict], linewidth=2)
        axes.plot([row.difference], [place], "o", color=COLORS[row.verdict], markersize=5)
    axes.axvline(0, color="#1f2328", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"bits per byte, difference to {found.arms[0].name} (left of 0 is better), 95 % intervals")
    axes.set_title(f"{found.tier}: {found.seeds} seeds, {found.documents:,} held-out documents", fontsize=10)
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=150)
    part.replace(path)
    return path


def _label(row: ArmVerdict) -> str:
    return f"{row.arm} · {row.group}"
