"""A sequence in stages: each with weights of its own, and all of them one count of rows in every source.

position ─▶ stage ─▶ source and number in it (`draw.assign_sources`) ─▶ number of the row over all stages, and back
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

from curate.tokenize.draw import U64, WEIGHT_BITS, Int64s, assign_sources, count_rows, derive
from curate.tokenize.rounding import round_to
from curate.tokenize.undraw import unassign_sources

MIN_BLOCK = 16


class StageTokens(Protocol):
    """How many tokens a stage draws of each source."""

    @property
    def tokens(self) -> Mapping[str, int]: ...


class RowStage(NamedTuple):
    """A stage in rows of the plan: `rows` of them from `first` on."""

    first: int
    rows: int
    weights: Int64s
    """By source, parts of 2**WEIGHT_BITS; 0 where the stage draws nothing of it."""
    block: int
    key: U64
    before: Int64s
    """By source, the rows that the stages before have drawn."""
    counts: Int64s
    """By source, the rows that this one draws."""


def row_stages(
    stages: Sequence[StageTokens], sources: Sequence[str], rows: int, row_length: int, key: U64
) -> Iterator[RowStage]:
    """The stages as parts of a plan of so many rows. One that is shorter than a row may have none, and is left out."""
    ends = np.cumsum([sum(stage.tokens.values()) for stage in stages], dtype=np.int64) // row_length
    ends[-1] = rows
    before, first = np.zeros(len(sources), dtype=np.int64), 0
    for number, (stage, end) in enumerate(zip(stages, ends.tolist(), strict=True)):
        if end <= first:
            continue
        weights = _whole_weights([stage.tokens.get(name, 0) for name in sources])
        counts = count_rows(weights, np.array([end - first]))[0]
        # The next power of two: in a block, the source of the smallest weight has four rows at least.
        block = 1 << max((4 << WEIGHT_BITS) // int(weights[weights > 0].min()), MIN_BLOCK).bit_length()
        own = derive(key, np.array([number]))[0] if number else key
        yield RowStage(first, end - first, weights, block, own, before, counts)
        before, first = before + counts, end


def _whole_weights(tokens: Sequence[int]) -> Int64s:
    """Weights as parts of 2**WEIGHT_BITS, at least one part for each source that is drawn, summing to it exactly."""
    ideal = {str(number): Fraction(count << WEIGHT_BITS, sum(tokens)) for number, count in enumerate(tokens)}
    parts = np.array(list(round_to(ideal, 1 << WEIGHT_BITS).values()), dtype=np.int64)
    parts = np.where(np.array(tokens) > 0, np.maximum(parts, 1), 0)  # a source that gives little still has a row
    parts[parts.argmax()] += (1 << WEIGHT_BITS) - parts.sum()  # where it matters least
    return parts


def assign_staged(positions: Int64s, stages: Sequence[RowStage]) -> tuple[Int64s, Int64s]:
    """Of each position: its source, and how many rows of that source come before it, in all stages and turns."""
    rows, whole = stages[-1].first + stages[-1].rows, stages[-1].before + stages[-1].counts
    turn, place = np.divmod(positions, rows)
    which = np.searchsorted([stage.first for stage in stages], place, side="right") - 1
    source, drawn = np.empty_like(positions), np.empty_like(positions)
    for number in np.unique(which).tolist():
        stage, here = stages[number], which == number
        within = turn[here] * stage.rows + place[here] - stage.first
        found, count = assign_sources(within, rows=stage.rows, block=stage.block, weights=stage.weights, key=stage.key)
        source[here] = found
        # `count` has the turns before of this stage alone; a turn draws the rows of all of them.
        drawn[here] = count + turn[here] * (whole - stage.counts)[found] + stage.before[found]
    return source, drawn


def unassign_staged(source: int, drawn: Int64s, stages: Sequence[RowStage]) -> Int64s:
    """The positions, in the first turn, of rows of a source by their numbers over all stages."""
    found = [np.zeros(0, dtype=np.int64)]
    for stage in stages:
        number = drawn - stage.before[source]
        number = number[(number >= 0) & (number < stage.counts[source])]
        if len(number):
            place = unassign_sources(
                source, number, rows=stage.rows, block=stage.block, weights=stage.weights, key=stage.key
            )
            found.append(stage.first + place)
    return np.concatenate(found)
