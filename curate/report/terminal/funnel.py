"""The funnel of a run as a table.

FunnelRow per source and step ─▶ a line each: what came in, what was taken out, what is left
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.funnel import FunnelRow, documents_read
from curate.report.terminal.columns import add_column, size


def funnel_table(rows: Sequence[FunnelRow]) -> Table:
    """The funnel for a terminal: a row for each of `rows`, with the reasons where they have one."""
    title = "What came in, what each step took out, what is left"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "step", "docs", "share", "text", "left", "text left"):
        add_column(table, name, is_text=name in ("source", "step"))
    for _, group in groupby(rows, key=lambda row: row.source):
        of_source = list(group)
        read = documents_read(of_source)
        for number, row in enumerate(of_source):
            name = row.source if number == 0 else ""
            style = {"read": "bold", "kept": "bold", "quarantined": "yellow"}.get(row.outcome)
            left = (f"{row.left:,}", size(row.left_bytes))
            table.add_row(name, label(row), *_taken(row, read), *left, style=style)
        table.add_section()
    return table


def _taken(row: FunnelRow, read: int) -> tuple[str, str, str]:
    """Documents, their share of what was read, and text; what leaves has a minus."""
    if row.outcome in ("read", "apart"):
        return (f"{'-' * (row.outcome == 'apart')}{row.documents:,}", "", size(row.bytes) if row.bytes else "")
    if row.outcome == "kept":
        return (f"{row.documents:,}", f"{row.documents / max(read, 1):.1%}", size(row.bytes))
    text = f"-{size(row.bytes)}" if row.bytes >= 0 else f"+{size(-row.bytes)}"
    if row.outcome == "cut":
        return ("", "", text)
    return (f"-{row.documents:,}", f"{row.documents / max(read, 1):.1%}", text if row.bytes else "")


def label(row: FunnelRow) -> str:
    step = "reading" if row.step == "read" else row.step
    reason = f": {row.reason}" if row.reason else ""
    if row.outcome == "apart":
        return f"no document{reason}"
    if row.outcome == "cut":
        return f"{step} (cut in {row.documents:,})" if step else f"cut in {row.documents:,}"
    if row.outcome == "quarantined":
        return f"{step}{reason} (quarantined)" if step else "quarantined"
    return f"{step}{reason}" if row.outcome == "dropped" and step else row.outcome
