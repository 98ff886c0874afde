"""What was found in a batch of texts so far: where it stands in them, and the texts as the next finder sees them.

texts ─▶ Findings ─▶ shown: masked ─▶ the next entity's spans ─▶ places in the text as it came ─┐
             └───────────────────────────────◀─────────────────────────────────────────────────┘

Each entity looks at texts in which those before it are masked, so that nothing is found twice; what takes a finding's
place in the end (`curate.scrub.modes`) has no say in what is found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.scrub.entity import Entity
from curate.scrub.spans import Span, replaced


class Hit(NamedTuple):
    """One finding in a text as it came, in characters."""

    start: int
    end: int
    entity: Entity


class Findings:
    """Of a column of texts, by their places in it."""

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts
        self.shown = texts
        """The texts, with a mark in the place of each finding."""
        self.hits: dict[int, list[Hit]] = {}
        """In order and disjoint, of the texts that have any."""
        self._counts: dict[str, Counter[int]] = {}

    def add(self, found: Mapping[int, Iterable[tuple[int, int, Entity]]]) -> None:
        """By the place of a text, what was found in it as it is `shown`."""
        added = {place: [Hit(*hit) for hit in hits] for place, hits in found.items()}
        self._put({place: self._as_came(place, hits) for place, hits in added.items() if hits})

    def add_beside(self, found: Mapping[int, Iterable[tuple[int, int, Entity]]]) -> None:
        """By the place of a text, what was found in it as it came, besides what others have found there already."""
        added = {place: [Hit(*hit) for hit in hits] for place, hits in found.items()}
        self._put({place: _beside(self.texts[place], hits, self.hits.get(place, ())) for place, hits in added.items()})

    def count(self, entity: Entity) -> pl.Series:
        """How often an entity was found in each text (UInt32)."""
        counts = pl.zeros(len(self.texts), dtype=pl.UInt32, eager=True)
        found = self._counts.get(entity.name)
        return counts.scatter([*found], pl.Series([*found.values()], dtype=pl.UInt32)) if found else counts

    def _as_came(self, place: int, hits: Sequence[Hit]) -> list[Hit]:
        before = self.hits.get(place)
        if not before:
            return list(hits)
        return [
            Hit(start, end, hit.entity) for (start, end), hit in zip(_original_spans(before, hits), hits, strict=True)
        ]

    def _put(self, added: Mapping[int, Sequence[Hit]]) -> None:
        changed = {place: hits for place, hits in added.items() if hits}
        if not changed:
            return
        for place, hits in changed.items():
            for hit in hits:
                self._counts.setdefault(hit.entity.name, Counter())[place] += 1
            self.hits[place] = _united(self.hits.get(place, ()), hits)
        marked = [replaced(self.texts[place], marks_of(self.hits[place])) for place in changed]
        self.shown = with_texts_at(self.shown, [*changed], marked)


def with_texts_at(texts: pl.Series, places: Sequence[int], others: Sequence[str]) -> pl.Series:
    """The column with other texts in some places; none is copied."""
    order = np.arange(len(texts))
    order[list(places)] = len(texts) + np.arange(len(others))
    return pl.concat([texts, pl.Series(texts.name, others, dtype=pl.String)], rechunk=False).gather(order)


def marks_of(hits: Iterable[Hit]) -> list[tuple[int, int, str]]:
    return [(start, end, entity.mark) for start, end, entity in hits]


def _original_spans(before: Sequence[Hit], found: Iterable[Hit]) -> Iterator[Span]:
    """From places in a text in which hits are masked to those in the text as it came; a mark is taken whole."""
    starts, ends, shift = [], [], 0  # of the marks, in the masked text
    for hit in before:
        starts.append(hit.start + shift)
        ends.append(starts[-1] + len(hit.entity.mark))
        shift = ends[-1] - hit.end
    for start, end, _ in found:
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1  # marks at or before both ends
        came = start if first < 0 else _behind(before[first], ends[first], start) or before[first].start
        gone = end if last < 0 else _behind(before[last], ends[last], end) or before[last].end
        yield came, gone


def _behind(hit: Hit, end: int, at: int) -> int | None:
    """The original place of one that lies behind a mark's end; None of one within it."""
    return hit.end + at - end if at >= end else None


def _united(before: Sequence[Hit], added: Sequence[Hit]) -> list[Hit]:
    """In order; what is new takes in what it overlaps."""
    ordered = [*((hit, True) for hit in added), *((hit, False) for hit in before)]
    kept: list[tuple[Hit, bool]] = []
    for hit, is_new in sorted(ordered, key=lambda one: (one[0].start, -one[0].end)):
        if kept and hit.start < kept[-1][0].end:
            last, was_new = kept[-1]
            entity = last.entity if was_new or not is_new else hit.entity
            kept[-1] = (Hit(last.start, max(last.end, hit.end), entity), was_new or is_new)
        else:
            kept.append((hit, is_new))
    return [hit for hit, _ in kept]


def _beside(text: str, hits: Sequence[Hit], taken: Sequence[Hit]) -> list[Hit]:
    """What is left of each finding beside those that stand there already, without the white space at its ends."""
    left = []
    for hit in hits:
        at, number = hit.start, bisect_right(taken, hit.start, key=lambda one: one.end)
        while at < hit.end:
            other = taken[number] if number < len(taken) and taken[number].start < hit.end else None
            piece = text[at : other.start if other else hit.end]
            if any(map(str.isalnum, piece)):
                start = at + len(piece) - len(piece.lstrip())
                left.append(Hit(start, start + len(piece.strip()), hit.entity))
            at, number = other.end if other else hit.end, number + 1
    return left
