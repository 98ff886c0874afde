"""What each rule takes of a sample, beside what its publication says it took: `curate check`.

Rate ─▶ a table per source
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.check import Rate
from curate.report.terminal.columns import add_column


def rates_tables(rates: Sequence[Rate]) -> Iterator[Table]:
    """One a source: a line a step, and under it those of its rules that took something or have a published figure."""
    for source in dict.fromkeys(rate.source for rate in rates):
        table = Table(title=source, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("step and rule", "dropped", "docs", "bytes", "published"):
            add_column(table, name, is_text=name in ("step and rule", "published"))
        table.columns[0].no_wrap = True
        table.columns[-1].min_width = len("characters")
        for rate in rates:
            if rate.source == source and (rate.rule is None or rate.dropped or rate.published):
                table.add_row(*_cells(rate), style=None if rate.rule else "bold")
        yield table


def _cells(rate: Rate) -> tuple[str, ...]:
    shares = (f"{rate.share_of_documents:.1%}", f"{rate.share_of_bytes:.1%}")
    published = f"{rate.published.share:.1%} {rate.published.unit}" if rate.published else ""
    name = f"  {rate.rule}" if rate.rule else rate.step
    return (name, f"{rate.dropped:,}/{rate.reached:,}", *shares, published)
