"""Where findings stand in a text: from bytes to characters, checked and in order, and what is put in their place.

spans in bytes ─▶ in_characters ─▶ in_order: disjoint ─▶ replaced: "Write to <EMAIL_ADDRESS>."
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def in_characters(data: bytes, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans of a text in UTF-8, in order, as places of its characters."""
    if data.isascii():
        yield from spans
        return
    at = characters = 0
    for start, end in spans:
        first = characters + len(data[at:start].decode())
        at, characters = end, first + len(data[start:end].decode())
        yield first, characters


def in_order(text: str | bytes, spans: Iterable[Span]) -> list[Span]:
    """By their starts, those that overlap as one.

    Raises:
        ValueError: a span is empty, or not within the text.
    """
    ordered: list[Span] = []
    for start, end in sorted(spans):
        if not 0 <= start < end <= len(text):
            raise ValueError(f"the span ({start}, {end}) is no part of a text of {len(text):,}")
        if ordered and start < ordered[-1][1]:
            ordered[-1] = (ordered[-1][0], max(ordered[-1][1], end))
        else:
            ordered.append((start, end))
    return ordered


def replaced(text: str, marked: Iterable[tuple[int, int, str]]) -> str:
    """The text with a mark in the place of each span; these are in order and disjoint."""
    parts, last = [], 0
    for start, end, mark in marked:
        parts += [text[last:start], mark]
        last = end
    return "".join([*parts, text[last:]])
