"""The epochs table of a mixture, alone or beside another: `curate mix`.

Mixing ─▶ a line a source, a line a stage, notes
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.mix import Mixing
from curate.report.terminal.columns import add_column
from curate.tokenize.mix import DrawnStage, Share


def mix_table(found: Mixing) -> Table:
    """What each source gives: of the mixture that was asked for, beside the run's own where there are two."""
    asked = found.then or found.mixture
    before = {share.name: share for share in found.mixture.shares} if found.then else {}
    table = Table(title="Mixture", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = ("source", "held", "requested", "drawn", "tokens", "epochs", *(("before", "epochs ") if before else ()))
    for name in names:
        add_column(table, name, is_text=name == "source")
    for share in (share for share in asked.shares if share.available or share.requested):  # no empty buckets
        table.add_row(*_cells(share), *_before(before.get(share.name)), style=_style(share, before.get(share.name)))
    return table


def _cells(share: Share) -> tuple[str, ...]:
    shares = (f"{share.requested:.4f}", f"{share.drawn:.4f}")
    return (share.name, f"{share.available:,}", *shares, f"{share.tokens:,}", f"{share.epochs:.2f}")


def _before(share: Share | None) -> tuple[str, ...]:
    return (f"{share.tokens:,}", f"{share.epochs:.2f}") if share else ()


def _style(share: Share, before: Share | None) -> str | None:
    return "yellow" if before is not None and before.tokens != share.tokens else None


def mix_lines(found: Mixing) -> Iterator[str]:
    """What stands below the table."""
    asked = found.then or found.mixture
    told = f" (before: {found.mixture.tokens:,})" if found.then else ""
    yield f"{asked.tokens:,} tokens{told}, no source more than {asked.max_epochs:g} times."
    yield from map(_stage_line, asked.stages)
    yield from found.notes


def _stage_line(stage: DrawnStage) -> str:
    total = sum(stage.tokens.values())
    parts = ", ".join(f"{name} {tokens / total:.2%}" for name, tokens in stage.tokens.items() if tokens)
    return f"Stage {stage.name}, {total:,} tokens: {parts}"
