"""What the mixture draws from each source, as a table.

SourceTokens ─▶ a line each
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.terminal.columns import add_column, size
from curate.report.tokens import SourceTokens


def tokens_table(rows: Sequence[SourceTokens]) -> Table:
    """One line per source; those of which nothing is drawn have no weight."""
    table = Table(title="Tokens", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "documents", "text", "train", "validation", "requested", "drawn", "epochs"):
        add_column(table, name, is_text=name == "source")
    for row in rows:
        texts = (f"{row.documents:,}", size(row.bytes), f"{row.train:,}", f"{row.validation:,}")
        table.add_row(row.source, *texts, *_drawn(row))
    return table


def _drawn(row: SourceTokens) -> tuple[str, str, str]:
    if row.share is None:
        return ("-", "-", "-")
    return (f"{row.share.requested:.3f}", f"{row.share.drawn:.3f}", f"{row.share.epochs:.2f}")
