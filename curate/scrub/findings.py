"""What was found in a batch of texts so far: where it stands in them, and the texts as the next finder sees them.

texts ─▶ Findings ─▶ shown: masked ─▶ the next entity's spans ─▶ places in the text as it came ─┐
             └───────────────────────────────◀─────────────────────────────────────────────────┘

Each entity looks at texts in which those before it are masked, so that nothing is found twice; what takes a finding's
place in the end (`curate.scrub.modes`) has no say in what is found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

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
        """By the place of a text, what was found in it as it came; what others have found there already stays theirs."""
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
        return [Hit(*_original_span(before, (start, end)), entity) for start, end, entity in hits]

    def _put(self, added: Mapping[int, Sequence[Hit]]) -> None:
        changed = {place: hits for place, hits in added.items() if hits}
        if not changed:
            return
        for place, hits in changed.items():
            for hit in hits:
                self._counts.setdefault(hit.entity.name, Counter())[place] += 1
            self.hits[place] = _united(self.hits.get(place, ()), hits)
        marked = [replaced(self.texts[place], marks_of(self.hits[place])) for place in changed]
        self.shown = self.shown.clone().scatter([*changed], pl.Series(marked, dtype=pl.String))


def marks_of(hits: Iterable[Hit]) -> list[tuple[int, int, str]]:
    return [(start, end, entity.mark) for start, end, entity in hits]


def _original_span(hits: Sequence[Hit], span: Span) -> Span:
    """From places in a text in which `hits` are masked to those in the text as it came; a mark is taken whole."""
    starts, ends, shift = [], [], 0  # of the marks, in the masked text
    for hit in hits:
        starts.append(hit.start + shift)
        ends.append(starts[-1] + len(hit.entity.mark))
        shift = ends[-1] - hit.end

    def came(at: int, *, is_end: bool) -> int:
        number = bisect_right(starts, at - is_end) - 1  # the last mark that begins at or before it
        if number < 0:
            return at
        if at < ends[number] + is_end:
            return hits[number].end if is_end else hits[number].start
        return at - ends[number] + hits[number].end

    return came(span[0], is_end=False), came(span[1], is_end=True)


def _united(before: Sequence[Hit], added: Sequence[Hit]) -> list[Hit]:
    """In order; what is new takes in what it overlaps."""
    kept: list[Hit] = []
    for hit in sorted((*before, *added), key=lambda one: (one.start, -one.end)):
        if kept and hit.start < kept[-1].end:
            newer = kept[-1] if kept[-1] in added else hit
            kept[-1] = Hit(kept[-1].start, max(kept[-1].end, hit.end), newer.entity)
        else:
            kept.append(hit)
    return kept


def _beside(text: str, hits: Sequence[Hit], taken: Sequence[Hit]) -> list[Hit]:
    """What is left of each finding beside those that stand there already, without the white space at its ends."""
    left = []
    for hit in hits:
        at = hit.start
        for other in (*(one for one in taken if one.start < hit.end and one.end > hit.start), None):
            end = hit.end if other is None else other.start
            piece = text[at:end] if end > at else ""
            if any(map(str.isalnum, piece)):
                start = at + len(piece) - len(piece.lstrip())
                left.append(Hit(start, start + len(piece.strip()), hit.entity))
            at = max(at, other.end) if other else at
    return left
