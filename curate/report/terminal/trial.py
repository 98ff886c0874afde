"""What one step keeps and drops of a sample, side by side: `curate try`.

Tried ─▶ kept │ dropped: address, values against thresholds, start of the text
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from curate.report.trial import Example, Tried
from curate.terminal import cell

SHOWN_CHARACTERS = 240


def tried_table(tried: Tried) -> Table:
    """Kept on the left, dropped on the right."""
    title = f"{tried.source}, {tried.step}: {tried.reached:,} documents of the sample reached it"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_lines=True, expand=True)
    table.add_column(f"kept ({tried.kept:,})", ratio=1)
    table.add_column(f"dropped ({tried.dropped:,})", ratio=1)
    kept, dropped = ([example for example in tried.examples if example.outcome == name] for name in ("kept", "dropped"))
    for left, right in zip_longest(kept, dropped):
        table.add_row(_cell(left), _cell(right))
    return table


def _cell(example: Example | None) -> Text:
    if example is None:
        return Text()
    values = [_told(*value) for value in example.values]
    return cell(example.url or example.id, *values, example.text[:SHOWN_CHARACTERS])


def _told(rule: str, value: Any, threshold: Any) -> str:
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"  {rule}: {shown}" + ("" if threshold is None else f" against {threshold}")
