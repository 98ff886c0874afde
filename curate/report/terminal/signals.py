"""What is measured on every document, as a table: `curate signals`.

MeasuredSignal ─▶ a line each
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.signals import MeasuredSignal
from curate.report.terminal.columns import add_column


def signals_table(signals: Sequence[MeasuredSignal]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("signal", "dtype", "unit", "range", "source"):
        add_column(table, name, is_text=True)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.columns[2].min_width = len("characters")
    for signal in signals:
        limits = f"{signal.minimum}-{'' if signal.maximum is None else signal.maximum}"
        table.add_row(signal.name, signal.dtype, signal.unit, limits, signal.source.partition(" (")[0])
    return table
