"""Two funnels side by side, the languages that gain or lose, and examples: `curate retune`.

StepChange, LanguageChange, documents that change sides ─▶ table, lines
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.retune import LanguageChange, StepChange
from curate.report.terminal.columns import add_column, size


def difference_table(steps: Sequence[StepChange]) -> Table:
    """A line a step: what it drops in the run and then; the last lines are what the filters keep."""
    table = Table(title="What each step drops, in the run and then", title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "step", "documents", "then", "text", "then "):
        add_column(table, name, is_text=name in ("source", "step"))
    shown = ""
    for row in steps:
        counts = (f"{row.documents:,}", f"{row.documents_then:,}", size(row.bytes), size(row.bytes_then))
        is_same = row.documents == row.documents_then
        style = "bold" if row.step == "kept" else None if is_same else "yellow"
        table.add_row(row.source if row.source != shown else "", row.step, *counts, style=style)
        shown = row.source
    return table


def notes(steps: Sequence[StepChange], languages: Sequence[LanguageChange]) -> Iterator[str]:
    """What the table does not say: tokens to expect, and who gains or loses."""
    for row in steps:
        if row.tokens is not None and row.documents != row.documents_then:
            yield f"{row.source}: about {row.tokens:,} -> {row.tokens_then:,} tokens before deduplication"
        if row.step == "unknown":
            told = f"{row.documents_then:,} would reach a step that has not measured them: unknown"
            yield f"{row.source}: {told}; --measure reads them again and tells"
    for change in languages:
        language = change.language or "no language"
        yield f"{change.source}, {language}: {change.kept:,} -> {change.kept_then:,} documents kept"


def sample_lines(samples: pl.DataFrame) -> Iterator[str]:
    for row in samples.iter_rows(named=True):
        yield f"{row['id']}  {row['url'] or ''}".rstrip()
        yield f"  {_told(row, 'old')} -> {_told(row, 'new')}"


def _told(row: dict[str, Any], side: str) -> str:
    outcome, step, reason, value = (row[f"{side}_{name}"] for name in ("outcome", "step", "reason", "value"))
    if outcome == "kept":
        return "kept"
    if outcome == "unknown":
        return f"unknown ({step} has not measured it)"
    return f"{outcome} by {step}, {reason}" + (f": {value}" if value else "")
