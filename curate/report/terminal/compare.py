"""Two runs beside each other: `curate compare`.

Comparison ─▶ tables of moves, sources, languages and signals; lines of examples
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.compare import Comparison, LanguageShift, Move, SignalShift, SourceShift
from curate.report.papers.blocks import shown
from curate.report.papers.comparison import told
from curate.report.terminal.columns import add_column, size

MAX_MOVES = 30
MAX_LANGUAGES, MAX_SIGNALS = 12, 12
MIN_SHIFT = 0.01


def compare_tables(found: Comparison) -> Iterator[Table]:
    """What has no row is not shown."""
    if found.moves:
        yield _moves_table(found)
    if found.sources:
        yield _shares_table("source", found.sources)
    if any(row.language for row in found.languages):
        yield _shares_table("language", found.languages[:MAX_LANGUAGES])
    if moved := [row for row in found.signals if row.shift is not None and abs(row.shift) >= MIN_SHIFT]:
        yield _signals_table(moved[:MAX_SIGNALS])


def example_lines(moves: Sequence[Move]) -> Iterator[str]:
    """The examples of the moves that the table shows, each with the values that decided."""
    for move in moves[:MAX_MOVES]:
        if not move.examples:
            continue
        yield f"{' -> '.join(told(move))}:"
        for each in move.examples:
            values = " -> ".join(value or "-" for value in (each.value, each.value_then))
            name = f"{each.id or each.id_then}  {each.url or ''}".rstrip()
            yield f"  {name}" + (f"  ({values})" if values != "- -> -" else "")


def rest_line(found: Comparison) -> str | None:
    """What the table of moves leaves out."""
    rest = found.moves[MAX_MOVES:]
    more = sum(move.documents for move in rest)
    return f"{len(rest):,} more kinds of moves, {more:,} documents: --json has all" if rest else None


def _moves_table(found: Comparison) -> Table:
    table = _table("Documents that changed sides")
    for name, is_text in ((found.name, True), ("then", True), ("documents", False), ("text", False)):
        add_column(table, name, is_text=is_text)
    for move in found.moves[:MAX_MOVES]:
        table.add_row(*told(move), f"{move.documents:,}", size(move.bytes))
    return table


def _shares_table(name: str, rows: Sequence[SourceShift] | Sequence[LanguageShift]) -> Table:
    table = _table(f"Tokens that are kept, by {name}")
    for column in (name, "documents", "then", "tokens", "then ", "share", "then  "):
        add_column(table, column, is_text=column == name)
    for row in rows:
        label = row.source if isinstance(row, SourceShift) else row.language or "not told"
        counts = (row.documents, row.documents_then, row.tokens, row.tokens_then)
        is_same = row.share == row.share_then
        shares = (f"{row.share:.2%}", f"{row.share_then:.2%}")
        table.add_row(label, *(f"{count:,}" for count in counts), *shares, style=None if is_same else "yellow")
    return table


def _signals_table(rows: Sequence[SignalShift]) -> Table:
    table = _table("Medians over what is kept; the shift is in interquartile ranges")
    for column in ("source", "signal", "median", "then", "shift"):
        add_column(table, column, is_text=column in ("source", "signal"))
    for row in rows:
        table.add_row(row.source, row.signal, shown(row.median), shown(row.median_then), f"{row.shift:+.2f}")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
