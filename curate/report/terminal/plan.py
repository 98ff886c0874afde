"""A plan for a terminal: `curate plan`.

Planned ─▶ a line each source, what the estimates rest on, what there is to say of the mixture
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.forecast.estimate import Estimate
from curate.report.plan import Planned, PlannedSource
from curate.report.terminal.columns import add_column, size
from curate.tokenize.mix import Share

SURE = 0.01
"""A smaller share is not worth a note."""


def plan_table(planned: Planned) -> Table:
    table = Table(title=f"Plan of {planned.name}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "files", "splits", "input", "~text", "~tokens", "±", "share", "~epochs"):
        add_column(table, name, is_text=name == "source")
    shares = {share.name: share for share in planned.mixture.shares}
    for source in planned.sources:
        table.add_row(*_cells(source, shares[source.name]))
    return table


def _cells(source: PlannedSource, share: Share) -> tuple[str, ...]:
    found = source.estimated
    counts = (f"{source.files:,}", f"{source.splits:,}", size(source.bytes))
    text = (size(found.bytes), f"{found.tokens:,}", _error(found))
    return (source.name, *counts, *text, f"{share.drawn:.3f}", f"{share.epochs:.2f}")


def _error(found: Estimate) -> str:
    return f"{found.error / found.tokens:.0%}" if found.tokens else ""


def plan_lines(planned: Planned) -> Iterator[str]:
    """What stands below the table."""
    yield from map(_basis, planned.sources)
    yield "~ is an estimate, ± its standard error; the run counts."
    yield from (f"Dedup: {line}" for line in (*planned.dedup, planned.dedup_memory) if line)
    yield from planned.mixture.notes


def _basis(source: PlannedSource) -> str:
    """What the estimates of a source rest on."""
    found = source.estimated
    name = f"{source.name} ({source.read})"
    tried = f"{name}: {found.drawn:,} documents were tried"
    if not found.drawn:
        return f"{name}: no document can be read"
    if found.drawn_share >= 1:
        return f"{tried}, all that can be read"
    copies = f"; about {found.copy_share:.0%} of the text are copies" if found.copy_share > SURE else ""
    return f"{tried}, {found.drawn_share:.1%} of it{copies}"
