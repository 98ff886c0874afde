"""The funnel of a run as a table: what came in, what each step dropped, what came out.

manifest.json ─▶ FunnelRow per source and step ─▶ rich tables
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.recipe_file import load
from curate.run_folder import Run


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One line of the funnel: documents and extracted bytes that a step took out, and what was left after it."""

    source: str
    step: str
    reason: str
    outcome: str
    documents: int
    bytes: int
    left: int


def funnel(run: Run) -> list[FunnelRow]:
    """All rows, sources in the recipe's order, steps in the order in which they decide.

    Raises:
        UsageError: the run is not complete.
    """
    counts = run.manifest["counts"]
    recipe = load(run.folder / "recipe.toml")
    return [
        row
        for source in recipe.sources
        for row in _rows(source.name, [step.use for step in source.steps], counts[source.name])
    ]


def _rows(source: str, steps: list[str], counts: Mapping[str, Any]) -> Iterator[FunnelRow]:
    order = ["read", "extract", *steps, "dedup", "decontaminate", "scrub"]
    left = counts["read"]
    yield FunnelRow(source, "read", "", "read", counts["read"], counts["read_bytes"], left)
    keys = sorted(counts["steps"], key=lambda key: _position(key, order))
    for key in keys:
        outcome, step, reason = key.split("/", 2)
        documents, size = counts["steps"][key]
        left -= documents
        yield FunnelRow(source, step, reason, outcome, documents, size, left)
    yield FunnelRow(source, "kept", "", "kept", counts["kept"], counts["kept_bytes"], left)


def _position(key: str, order: list[str]) -> tuple[int, str, str]:
    _, step, reason = key.split("/", 2)
    name, _, number = step.partition("#")
    places = [place for place, known in enumerate(order) if known == name]
    return (places[int(number or 1) - 1] if places else len(order), step, reason)


def by_step(rows: list[FunnelRow]) -> list[FunnelRow]:
    """One row a step: the reasons of each added up."""
    merged: list[FunnelRow] = []
    for row in rows:
        last = merged[-1] if merged else None
        if last and (last.source, last.step, last.outcome) == (row.source, row.step, row.outcome):
            documents, size = last.documents + row.documents, last.bytes + row.bytes
            merged[-1] = replace(row, reason="", documents=documents, bytes=size)
        else:
            merged.append(replace(row, reason=""))
    return merged


def funnel_table(rows: list[FunnelRow]) -> Table:
    """The funnel for a terminal: a row for each of `rows`, with the reasons where they have one."""
    table = Table(title="What came in, what each step took out, what is left", title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "step", "documents", "share", "text", "left"):
        add_column(table, name, is_text=name in ("source", "step"))
    shown, read = "", 1
    for row in rows:
        is_first = row.source != shown
        if is_first:
            read = max(row.documents, 1)
        is_total = row.outcome in ("read", "kept")
        style = "bold" if is_total else "yellow" if row.outcome == "quarantined" else None
        cells = (f"{'' if is_total else '-'}{row.documents:,}", f"{row.documents / read:.1%}", size(row.bytes))
        table.add_row(row.source if is_first else "", _label(row), *cells, f"{row.left:,}", style=style)
        if row.outcome == "kept":
            table.add_section()
        shown = row.source
    return table


def _label(row: FunnelRow) -> str:
    if row.outcome in ("read", "kept"):
        return row.outcome
    quarantined = " (quarantined)" if row.outcome == "quarantined" else ""
    return f"{row.step}{': ' if row.reason else ''}{row.reason}{quarantined}"


def tokens_table(run: Run) -> Table:
    """What the mixture draws from each source."""
    table = Table(title="Tokens", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "documents", "text", "train", "held out", "weight", "drawn", "epochs"):
        add_column(table, name, is_text=name == "source")
    counts, mixture = run.manifest["counts"], {share["name"]: share for share in run.mixture["mixture"]["shares"]}
    for source, count in counts.items():
        part = mixture.get(source)
        tokens = count["tokens"]
        drawn = ("-", "-", "-") if part is None else _drawn(part)
        texts = (f"{count['kept']:,}", size(count["kept_bytes"]), f"{tokens.get('train', 0):,}")
        table.add_row(source, *texts, f"{tokens.get('validation', 0):,}", *drawn)
    return table


def add_column(table: Table, name: str, *, is_text: bool) -> None:
    """Texts are folded where the terminal is narrow; numbers never, as half a number is a wrong one."""
    if is_text:
        table.add_column(name, overflow="fold", min_width=8)
    else:
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))


def _drawn(part: Mapping[str, Any]) -> tuple[str, str, str]:
    return (f"{part['asked']:.3f}", f"{part['weight']:.3f}", f"{part['epochs']:.2f}")


def size(count: int) -> str:
    """Bytes for people."""
    if count < 10_000:
        return f"{count:,} B"
    return f"{count / 1e3:,.0f} kB" if count < 10_000_000 else f"{count / 1e6:,.0f} MB"
