"""A few documents of a source, read and extracted as a run would, and its steps tried on them; nothing is written.

splits, evenly chosen ─▶ first records of each ─▶ batch with signals ─▶ step: measure ─▶ Trial ─▶ decide ─▶ next step
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import polars as pl

from curate.batch import Lost
from curate.engine.plan import Plan, Split
from curate.passes.decide import ALIVE, apply_rules, measure_step
from curate.passes.extract import page_extractor
from curate.passes.filter import frame_rows, record_row, record_size
from curate.passes.inputs import read_split
from curate.passes.steps import BoundStep
from curate.recipe import Recipe, Source
from curate.text.signals import text_signals

MAX_SPLITS = 20
MAX_RECORD_BYTES = 4 << 20
"""A sample is a look, and one giant would be most of it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One step and the documents that reached it: measured, with the outcome that its rules give them (null: on)."""

    step: BoundStep
    documents: pl.DataFrame


def sample_source(recipe: Recipe, source: Source, plan: Plan, size: int) -> pl.DataFrame:
    """Up to `size` documents of a source with their text signals, the first of up to twenty of its splits."""
    splits = plan.of(source.name)
    chosen = splits[:: max(1, len(splits) // MAX_SPLITS)][:MAX_SPLITS]
    rows: list[dict[str, Any]] = []
    for number, split in enumerate(chosen):
        share = -(-(size - len(rows)) // (len(chosen) - number))
        rows += islice(_documents(recipe, source, split), share)
    batch = frame_rows(rows, source)
    return batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))


def try_steps(batch: pl.DataFrame, steps: tuple[BoundStep, ...]) -> Iterator[Trial]:
    """Each step on the documents that reach it, as in a run."""
    for step in steps:
        reaches = batch.select(ALIVE).to_series()
        batch = apply_rules(measure_step(batch, step), step.name, step.filter.rules)
        yield Trial(step, batch.filter(reaches))


def _documents(recipe: Recipe, source: Source, split: Split) -> Iterator[dict[str, Any]]:
    extract = page_extractor(source, recipe)
    for record in read_split(split, source, recipe.limits.max_record_bytes):
        if not isinstance(record, Lost) and record_size(record) <= MAX_RECORD_BYTES:
            row = record_row(record, extract, None)
            if "text" in row:
                yield row
