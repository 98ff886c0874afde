"""A comparison of two runs as a paper: what `curate compare --html` writes.

Comparison ─▶ blocks: counts, moves with examples, sources, languages, signals
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.report.compare import Comparison, Move, MovedDocument
from curate.report.papers.blocks import Block, Grid, Heading, Paragraph

MAX_SIGNALS = 60


def comparison_blocks(found: Comparison) -> Iterator[Block]:
    """All of it, but no more than `MAX_SIGNALS` signals, the largest shifts first."""
    yield Heading(f"{found.name} and {found.name_then}", 1)
    yield Paragraph(summary(found))
    yield Heading("Documents that changed sides")
    yield from _moves(found)
    yield Heading("Tokens by source")
    rows = tuple((row.source, *_counts(row.documents, row.documents_then, row.tokens, row.tokens_then),
                  f"{row.share:.2%}", f"{row.share_then:.2%}") for row in found.sources)  # fmt: skip
    yield Grid(("source", "documents", "then", "tokens", "then", "share", "then"), rows)
    yield Heading("Languages")
    rows = tuple((row.language or "not told", *_counts(row.documents, row.documents_then, row.tokens, row.tokens_then),
                  f"{row.share:.2%}", f"{row.share_then:.2%}") for row in found.languages)  # fmt: skip
    yield Grid(("language", "documents", "then", "tokens", "then", "share", "then"), rows)
    yield Heading("Medians of signals over what is kept")
    told = "The shift is in interquartile ranges of the first run."
    yield Paragraph(told)
    signals = [row for row in found.signals if row.shift != 0][:MAX_SIGNALS]
    medians = tuple((row.source, row.signal, row.median, row.median_then, row.shift) for row in signals)
    yield Grid(("source", "signal", "median", "then", "shift"), medians)


def summary(found: Comparison) -> str:
    """The numbers in a sentence or two."""
    key, moved = found.matched_by.replace("url", "URL"), sum(move.documents for move in found.moves)
    return (
        f"{found.name} read {found.documents:,} documents, {found.name_then} {found.documents_then:,}; "
        f"{found.in_both:,} are in both, matched by {key}, and {found.unchanged:,} of "
        f"them are at the same side for the same reason. {moved:,} are not."
    )


def told(move: Move) -> tuple[str, str]:
    """Both sides in words: "dropped by gopher_quality, min_words"."""
    return (_side(move.side, move.step, move.reason), _side(move.side_then, move.step_then, move.reason_then))


def example_cells(example: MovedDocument) -> tuple[str | None, ...]:
    """Id in the first run, or in the second where the first has not read it; URL; both deciding values."""
    return (example.id or example.id_then, example.url, example.value, example.value_then)


def _moves(found: Comparison) -> Iterator[Block]:
    if not found.moves:
        yield Paragraph("None.")
        return
    rows = tuple((*told(move), move.documents, move.bytes) for move in found.moves)
    yield Grid((found.name, found.name_then, "documents", "bytes of text"), rows)
    yield Heading("Examples", 3)
    shown = tuple((" → ".join(told(move)), *example_cells(each)) for move in found.moves for each in move.examples)
    yield Grid(("move", "id", "URL", "value", "value then"), shown)


def _side(side: str, step: str | None, reason: str | None) -> str:
    if side in ("kept", "cut", "absent") or step is None:
        return side
    return f"{side} by {step}" + (f", {reason}" if reason else "")


def _counts(documents: int, documents_then: int, tokens: int, tokens_then: int) -> tuple[int, int, int, int]:
    return (documents, documents_then, tokens, tokens_then)
