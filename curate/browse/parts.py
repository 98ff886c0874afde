"""A text in parts: what stays to the end, and what was taken out of it on the way, where it stood.

one part ─▶ changes, each a run of operations on what still stands ─▶ TextPart each, removed ones among those that stay

The parts that stand, one after the other, are the text as it is after the last change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

Kind = Literal["stays", "added", "removed", "cut", "personal", "masked"]
"""What a step wrote is "added" and what it took away "removed"; "cut" is what another document holds; "personal" what
the run masks; "masked" what it leaves and nobody is shown here."""
STANDING = ("stays", "added")
MAX_LINES = 2_000
"""Of a text whose lines are compared with all others, which takes their number squared where many are equal."""
MAX_WORDS = 4_000
"""Of lines that differ, on either side; of more it is not said which words differ."""
WORD = re.compile(r"\s+|\w+|[^\w\s]")


class TextPart(NamedTuple):
    text: str
    kind: Kind = "stays"
    by: str | None = None
    """The step, the method of deduplication and the document that keeps the words, or the entity."""


class Operation(NamedTuple):
    """`size` characters of what stands are of this kind from now on; `text` is shown in their place. One of no size
    adds its text."""

    size: int
    kind: Kind
    by: str | None = None
    text: str | None = None


class PartSpan(NamedTuple):
    """Characters [start, end) of what stands."""

    start: int
    end: int
    kind: Kind
    by: str | None = None
    text: str | None = None


def standing(parts: Sequence[TextPart]) -> str:
    return "".join(part.text for part in parts if part.kind in STANDING)


def with_spans(parts: Sequence[TextPart], spans: Sequence[PartSpan]) -> list[TextPart]:
    """Parts with some spans of what stands, in order and disjoint, taken out of it."""
    operations, at = [], 0
    for span in spans:
        operations += [Operation(span.start - at, "stays"), Operation(span.end - span.start, *span[2:])]
        at = span.end
    return applied(parts, [each for each in operations if each.size])


def with_step(parts: Sequence[TextPart], new: str, step: str) -> list[TextPart]:
    """Parts of which a step has made a new text: line by line, and where a line differs, word by word."""
    return applied(parts, list(_differences(standing(parts), new, step)))


def stripped(parts: Sequence[TextPart]) -> list[TextPart]:
    """Without white space at the ends of what stands."""
    text = standing(parts)
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    ends = [PartSpan(0, first, "removed", None, ""), PartSpan(last, len(text), "removed", None, "")]
    return with_spans(parts, ends if first < last else ends[:1]) if first or last < len(text) else list(parts)


def byte_spans(text: str, cuts: Sequence[tuple[int, int, str]]) -> list[PartSpan]:
    """Cuts (start, end, by), in bytes of the UTF-8 text, in order and disjoint, as spans in characters."""
    data, spans, at, characters = text.encode(), [], 0, 0
    for start, end, by in cuts:
        first = characters + len(data[at:start].decode(errors="replace"))
        characters, at = first + len(data[start:end].decode(errors="replace")), end
        spans.append(PartSpan(first, characters, "cut", by))
    return spans


def applied(parts: Sequence[TextPart], operations: Sequence[Operation]) -> list[TextPart]:
    """Operations, in order, on what stands; what is behind the last of them stays."""
    found, left = [], list(reversed(operations))
    for part in parts:
        if part.kind not in STANDING:
            found.append(part)
            continue
        at = 0
        while at < len(part.text):
            found += _additions(left)
            operation = left.pop() if left else Operation(len(part.text) - at, "stays")
            size = min(operation.size, len(part.text) - at)
            found.append(_piece(part, part.text[at : at + size], operation))
            at += size
            if size < operation.size:  # it goes on in the next part; what is shown in its place is shown once
                rest = "" if operation.text is not None else None
                left.append(operation._replace(size=operation.size - size, text=rest))
    found += _additions(left)
    return [part for part in found if part.text]


def _additions(left: list[Operation]) -> Iterator[TextPart]:
    while left and left[-1].size == 0:
        operation = left.pop()
        if operation.text:
            yield TextPart(operation.text, operation.kind, operation.by)


def _piece(part: TextPart, text: str, operation: Operation) -> TextPart:
    if operation.kind == "stays":
        return TextPart(text, part.kind, part.by)
    return TextPart(text if operation.text is None else operation.text, operation.kind, operation.by)


def _differences(old: str, new: str, step: str) -> Iterator[Operation]:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) > MAX_LINES and (operations := _left_out(before, after, step)) is not None:
        yield from operations
        return
    matcher = SequenceMatcher(None, before, after, autojunk=len(before) > MAX_LINES)
    for kind, low, high, start, end in matcher.get_opcodes():
        lines, others = "".join(before[low:high]), "".join(after[start:end])
        if kind == "equal":
            yield Operation(len(lines), "stays")
        else:
            yield from _words(lines, others, step)


def _left_out(before: Sequence[str], after: Sequence[str], step: str) -> list[Operation] | None:
    """Lines of which some were left out and nothing else was done; else None. Of equal lines the first stay."""
    operations, place = [], 0
    for line in before:
        stays = place < len(after) and line == after[place]
        place += stays
        operations.append(Operation(len(line), "stays") if stays else Operation(len(line), "removed", step))
    return operations if place == len(after) else None


def _words(old: str, new: str, step: str) -> Iterator[Operation]:
    before, after = WORD.findall(old), WORD.findall(new)
    if len(before) > MAX_WORDS or len(after) > MAX_WORDS:
        yield from _replaced(old, new, step)
        return
    for kind, low, high, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        words, others = "".join(before[low:high]), "".join(after[start:end])
        if kind == "equal":
            yield Operation(len(words), "stays")
        else:
            yield from _replaced(words, others, step)


def _replaced(old: str, new: str, step: str) -> Iterator[Operation]:
    if old:
        yield Operation(len(old), "removed", step)
    if new:
        yield Operation(0, "added", step, new)
