"""What all tables on a terminal have in common: their columns, and bytes for people."""

from __future__ import annotations

from rich.table import Table


def add_column(table: Table, name: str, *, is_text: bool) -> None:
    """Texts are folded where the terminal is narrow; numbers never, as half a number is a wrong one."""
    if is_text:
        table.add_column(name, overflow="fold", min_width=8)
    else:
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))


def size(count: int) -> str:
    """Bytes for people."""
    if count < 10_000:
        return f"{count:,} B"
    return f"{count / 1e3:,.0f} kB" if count < 10_000_000 else f"{count / 1e6:,.0f} MB"
