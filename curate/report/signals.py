"""`curate signals`: what is measured on every document, for a `where` or a threshold to decide on.

SIGNALS ─▶ values ─▶ table
"""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.show import add_column
from curate.text.signals import SIGNALS


def signal_values() -> list[dict[str, Any]]:
    """Name, dtype, unit, range (maximum None: no bound) and source of each signal, in the ledger's order."""
    return [
        {
            "name": signal.name,
            "dtype": signal.dtype.__name__,
            "unit": signal.unit,
            "minimum": signal.minimum,
            "maximum": signal.maximum,
            "source": signal.source,
        }
        for signal in SIGNALS
    ]


def signals_table() -> Table:
    """One line a signal."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("signal", "dtype", "unit", "range", "source"):
        add_column(table, name, is_text=True)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.columns[2].min_width = len("characters")
    for row in signal_values():
        limits = f"{row['minimum']}-{'' if row['maximum'] is None else row['maximum']}"
        table.add_row(row["name"], row["dtype"], row["unit"], limits, row["source"].partition(" (")[0])
    return table
