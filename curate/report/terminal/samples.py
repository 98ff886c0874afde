"""Samples and their documents for a terminal: a line for each row of the sequence, two for each document in it.

Samples ─▶ lines
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from curate.report.samples import SamplePart, Samples

MAX_TEXT = 100


def sample_lines(samples: Samples) -> Iterator[str]:
    sequence = samples.sequence
    order = "in the order of the materialized mixture" if sequence.is_mixed else f"drawn with the seed {sequence.seed}"
    rows = f"{samples.rows:,} rows of {sequence.row_length:,} tokens"
    yield f"{rows}, {sequence.batch_rows} a step, {order} (as {sequence.told_by} has it)"
    for position, parts in groupby(samples.parts, key=lambda part: part.position):
        yield ""
        yield f"position {position:,}, step {position // sequence.batch_rows:,}"
        for part in parts:
            yield from _part_lines(part)


def _part_lines(part: SamplePart) -> Iterator[str]:
    where = f"tokens {part.begin:,} to {part.end:,} of it, epoch {part.epoch + 1}"
    yield f"  {part.first:>6,} to {part.last:<6,} {part.id} ({where})"
    line = " ".join(part.text.split())
    yield f"  {'':>16} {line if len(line) <= MAX_TEXT else f'{line[:MAX_TEXT]}…'}"
