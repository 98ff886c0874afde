"""Entities that patterns find, all those of a batch together: one scan, and each entity's own look at its candidates.

texts ─▶ scan_texts: rows (shape, size, start, end) ─▶ Pattern.check of each entity that has the shape ─▶ spans
      ─▶ those that overlap as one, under the name of the entity asked for first ─▶ {text: [(start, end, name), …]}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curate.errors import DocumentError
from curate.scrub.entity import Check, Entity, Pattern
from curate.scrub.scan.shapes import CODE, DIGITS
from curate.scrub.spans import in_characters

if TYPE_CHECKING:
    from curate.text.buffers import TextBuffers

Found = list[tuple[int, int, str]]
Rows = list[tuple[int, int, int, int]]
Looks = Mapping[tuple[int, int], Sequence[tuple[int, Check]]]
"""From a shape, with its size where it has one, to who asks for it: the place of an entity, and its check."""

SIZED = (DIGITS, CODE)
"""Shapes whose entities are asked about some sizes alone."""


def find_by_patterns(texts: pl.Series, entities: Sequence[Entity]) -> dict[int, Found]:
    """By number of a text, where findings start and end in characters, and what they are, in order and disjoint.

    Every entity's `find` is a `Pattern`. Texts without findings are missing. Two findings that overlap are one, under
    the name of the entity that comes first.

    Raises:
        DocumentError: a check failed; it says in which text.
    """
    if texts.is_empty():
        return {}  # as where a recipe is only looked at: neither Arrow nor a kernel is loaded for that
    from curate.scrub.scan.texts import scan_texts
    from curate.text.buffers import text_buffers

    looks = _looks(entities)
    buffers = text_buffers(texts)
    rows = scan_texts(buffers, frozenset(shape for shape, _ in looks))
    names = [entity.name for entity in entities]
    found = (
        (number, _find_in_one(number, data, candidates, looks, names))
        for number, data, candidates in _by_text(buffers, rows)
    )
    return {number: spans for number, spans in found if spans}


def _find_in_one(number: int, data: bytes, candidates: Rows, looks: Looks, names: Sequence[str]) -> Found:
    try:
        spans = _merge(_look(data, candidates, looks))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise DocumentError(f"text {number} of {len(data):,} bytes cannot be scrubbed: {why}") from error
    places = in_characters(data, ((start, end) for start, end, _ in spans))
    return [(start, end, names[place]) for (start, end), (*_, place) in zip(places, spans, strict=True)]


def _looks(entities: Sequence[Entity]) -> Looks:
    looks: dict[tuple[int, int], list[tuple[int, Check]]] = defaultdict(list)
    for place, entity in enumerate(entities):
        assert isinstance(entity.find, Pattern), entity.name
        for shape in entity.find.shapes:
            for size in entity.find.sizes if shape in SIZED else (0,):
                looks[shape, size].append((place, entity.find.check))
    return looks


def _by_text(buffers: TextBuffers, rows: np.ndarray) -> Iterator[tuple[int, bytes, Rows]]:
    """The texts that have candidates, each with its own; their places count from the text's beginning."""
    texts = np.searchsorted(buffers.offsets, rows[:, 2], side="right") - 1
    numbers, firsts = np.unique(texts, return_index=True)
    for number, (first, last) in zip(numbers.tolist(), pairwise([*firsts, len(rows)]), strict=True):
        start, end = buffers.offsets[number], buffers.offsets[number + 1]
        candidates = rows[first:last] - (0, 0, start, start)
        yield number, buffers.data[start:end].tobytes(), candidates.tolist()


def _look(data: bytes, candidates: Rows, looks: Looks) -> Iterator[tuple[int, int, int]]:
    for shape, size, start, end in candidates:
        for place, check in looks.get((shape, size if shape in SIZED else 0), ()):
            for first, last in check(data, start, end):
                yield first, last, place


def _merge(found: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    merged: list[tuple[int, int, int]] = []
    for start, end, place in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, best = merged[-1]
            merged[-1] = (first, max(last, end), min(best, place))
        else:
            merged.append((start, end, place))
    return merged
