"""Bytes per token for a terminal.

Fertilities ─▶ a line for each tokenizer with its letter, a table with a column for each
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.fertility import Fertilities
from curate.report.terminal.columns import add_column, size


def tokenizer_lines(found: Fertilities) -> Iterator[str]:
    """Paths are long and columns narrow, so tokenizers have letters there."""
    named = zip(_letters(found), found.tokenizers, found.vocab_sizes, strict=True)
    return (f"{letter}  {name}, {ids:,} ids" for letter, name, ids in named)


def fertility_table(found: Fertilities) -> Table:
    table = Table(title="Bytes per token", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "language", "documents", "text", *_letters(found)):
        add_column(table, name, is_text=name in ("source", "language"))
    for row in found.rows:
        values = (f"{value:.2f}" for value in row.bytes_per_token)
        table.add_row(row.source, row.language or "-", f"{row.documents:,}", size(row.bytes), *values)
    return table


def _letters(found: Fertilities) -> list[str]:
    return [ascii_uppercase[at % 26] * (1 + at // 26) for at in range(len(found.tokenizers))]
