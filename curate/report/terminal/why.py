"""One document's story for a terminal: what a person reads first, then each rule with its value.

Story ─▶ lines, table of checks
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.terminal.columns import add_column, size
from curate.report.why import PageVersion, Story

if TYPE_CHECKING:  # few ask for blocks, and extraction takes a sixth of a second to load
    from curate.extract.extraction import JudgedBlock

MAX_TEXT = 160
"""Characters of a block that are shown."""
MAX_CUTS = 5
"""Cuts, and items, that are listed one by one."""


def story_lines(story: Story) -> Iterator[str]:
    """What a person reads before and after the table of checks."""
    yield story.id
    yield f"  read by   {story.reader}"
    if story.url:
        yield f"  from      {story.url}"
    if story.bytes is not None:
        yield f"  text      {size(story.bytes)}" + (f" ({story.losses})" if story.losses else "")
    yield from _extractors(story)
    yield f"  outcome   {_outcome(story)}"
    if story.duplicate_of:
        how = _likeness(story)
        where = ", in an index of earlier documents" if story.is_earlier else ""
        yield f"  repeats   {story.duplicate_of} ({how}{where})"
    if story.copies:
        yield f"  stands for {story.copies:,} copies that were dropped"
    for cut in story.cuts[:MAX_CUTS]:
        where = f", which {cut.held_by} keeps" if cut.held_by else ""
        yield f"  cut       {size(cut.bytes)} in {cut.parts:,} part{'s' * (cut.parts > 1)} ({cut.method}){where}"
    if len(story.cuts) > MAX_CUTS:
        yield f"            and more, kept by {len(story.cuts) - MAX_CUTS:,} other documents"
    if story.findings:
        yield f"  scrubbed  {', '.join(f'{count:,} × {entity}' for entity, count in story.findings.items())}"
    for item in story.items[:MAX_CUTS]:
        yield f"  holds     {item}"
    if story.tokens:
        yield from (f"  tokens    {count:,} in {part}" for part, count in story.tokens.items())
    elif story.outcome == "kept":
        yield "  tokens    none: the mixture needs only a part of this source, and the draw left this document out"


def _extractors(story: Story) -> Iterator[str]:
    """Whose text it is, and why not another's."""
    if story.extractor:
        yield f"  extractor {story.extractor}"
    for version in story.versions:
        if version.extractor != story.extractor:
            text = f"{size(version.bytes)}, " if version.bytes else ""
            yield f"  other     {version.extractor}: {text}{_fate(version)}"


def _likeness(story: Story) -> str:
    if story.similarity is not None:
        return ", ".join([f"similarity {story.similarity:.2f}", *_lost(story)])
    return story.likeness or "through another copy"


def _lost(story: Story) -> Iterator[str]:
    """What of the document does not stand in the one that it repeats."""
    if story.containment is not None:
        yield f"{story.containment:.0%} of it contained"
    if story.novel_words:
        yield f"{story.novel_words:,} words of its own"


def _outcome(story: Story) -> str:
    return "kept" if story.outcome == "kept" else _fate(story)


def _fate(taken: Story | PageVersion) -> str:
    why = f"{taken.outcome} by {taken.step}, {taken.reason}"
    return f"{why}: {taken.value}" if taken.value else why


def checks_table(story: Story) -> Table:
    """Each rule in order, under its step; the one that decided is bold."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("step and rule", "value", "threshold", "result"):
        add_column(table, name, is_text=name in ("step and rule", "result"))
    table.columns[0].no_wrap = True
    for step, checks in groupby(story.checks, key=lambda check: check.step):
        table.add_row(step)
        for check in checks:
            style = "bold" if check.result in ("dropped", "quarantined") else None
            table.add_row(
                f"  {check.rule}", _printed(check.value), _printed(check.threshold), check.result, style=style
            )
    return table


def blocks_table(blocks: Sequence[JudgedBlock]) -> Table:
    """Each block of a page with its score; those that are content have a mark."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("score", "content", "element", "text"):
        add_column(table, name, is_text=name != "score")
    for block in blocks:
        text = " ".join(block.text.split())
        shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
        table.add_row(f"{block.score:.2f}", "kept" if block.is_kept else "", block.element, shown)
    return table


def _printed(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return " ".join(map(_printed, value.values()))
    if isinstance(value, tuple | list):
        return ", ".join(map(_printed, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
