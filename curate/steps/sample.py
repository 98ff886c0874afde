"""A few documents of a source, read and extracted as a run would, and its steps tried on them; nothing is written.

splits, evenly chosen ─▶ some records of each ─▶ batch with signals ─▶ step: measure ─▶ Trial ─▶ decide ─▶ next step
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import polars as pl

from curate.batch import Record
from curate.engine.plan import Plan, Split
from curate.recipe import Recipe, Source
from curate.steps.bind import BoundStep
from curate.steps.chapters import read_split
from curate.steps.decide import apply_rules, drop_emptied, measure_step
from curate.steps.ranks import with_sample_ranks
from curate.steps.reach import ALIVE
from curate.steps.rows import frame_rows, record_size
from curate.steps.versions import sieve_of, staying_rows
from curate.text.signals import text_signals

T = TypeVar("T")

MAX_SPLITS = 20
MAX_READ = 20
"""Records that are read for one that is taken: an archive begins with one project, a crawl with one site."""
MAX_RECORD_BYTES = 4 << 20
"""A sample is a look, and one giant would be most of it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One step and the documents that reached it: measured, with the outcome that its rules give them (null: on)."""

    step: BoundStep
    documents: pl.DataFrame


def sample_source(recipe: Recipe, source: Source, plan: Plan, size: int) -> pl.DataFrame:
    """Up to `size` documents of a source with their text signals, spread over up to twenty of its splits. Of a page
    with several texts it is the one that its steps would leave."""
    source = replace(source, own=dict(plan.columns).get(source.name))
    splits = plan.of(source.name)
    chosen = splits[:: max(1, len(splits) // MAX_SPLITS)][:MAX_SPLITS]
    rows: list[dict[str, Any]] = []
    for number, split in enumerate(chosen):
        share = -(-(size - len(rows)) // (len(chosen) - number))
        rows += _documents(recipe, source, split, share)
    batch = frame_rows(rows, source)
    return batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))


def try_steps(batch: pl.DataFrame, steps: tuple[BoundStep, ...]) -> Iterator[Trial]:
    """Each step on the documents that reach it, as in a run."""
    for step in steps:
        reaches = batch.select(ALIVE).to_series()
        batch = apply_steps(batch, (step,))
        yield Trial(step, batch.filter(reaches))


def apply_steps(batch: pl.DataFrame, steps: tuple[BoundStep, ...]) -> pl.DataFrame:
    """The batch with the outcomes that they give; nothing is measured on what they drop."""
    for step in steps:
        measured = with_sample_ranks(measure_step(batch, step), step)
        batch = drop_emptied(apply_rules(measured, step.name, step.filter.rules), step)
    return batch


def _documents(recipe: Recipe, source: Source, split: Split, size: int) -> Iterator[dict[str, Any]]:
    records = read_split(split, source, recipe)
    readable = (record for record in records if isinstance(record, Record) and record_size(record) <= MAX_RECORD_BYTES)
    for row in staying_rows(spread(islice(readable, size * MAX_READ), size), sieve_of(source, recipe)):
        if "text" in row:
            yield row


def spread(items: Iterable[T], size: int) -> list[T]:
    """Up to `size` items, evenly over all of them, however many they are; at most twice as many are held."""
    kept: list[T] = []
    stride = 1
    for number, item in enumerate(items):
        if number % stride == 0:
            kept.append(item)
        if len(kept) >= 2 * size:
            kept, stride = kept[::2], stride * 2
    return [kept[place * len(kept) // size] for place in range(size)] if len(kept) > size else kept
