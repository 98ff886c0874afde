"""All documents of a source that its steps keep, read and extracted as a run would; nothing is written.

splits ─▶ records, some hundred at a time ─▶ batch with signals ─▶ steps ─▶ what they keep, with its final text
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import polars as pl

from curate.batch import Record
from curate.engine.plan import Plan
from curate.errors import UsageError
from curate.recipe import Recipe, Source
from curate.steps.bind import bind
from curate.steps.chapters import read_split
from curate.steps.ranks import has_ranks
from curate.steps.reach import ALIVE
from curate.steps.rows import frame_rows
from curate.steps.sample import apply_steps
from curate.steps.versions import sieve_of, staying_rows
from curate.text.signals import text_signals

RECORDS = 500


def kept_documents(recipe: Recipe, source: Source, plan: Plan) -> Iterator[pl.DataFrame]:
    """Batches of the documents that stay, in the order of the inputs. Nobody watches over single documents: one that
    hangs an extractor hangs this, where a run would quarantine it.

    Raises:
        UsageError: a step keeps a share of all documents, which are never all here.
    """
    if has_ranks(source):
        raise UsageError(
            f"source {source.name}: a step keeps its top share, which a run alone can tell: name a run of it"
        )
    source = replace(source, own=dict(plan.columns).get(source.name))
    sieve, steps = sieve_of(source, recipe), bind(source, recipe)
    for split in plan.of(source.name):
        records = (record for record in read_split(split, source, recipe) if isinstance(record, Record))
        while taken := list(islice(records, RECORDS)):
            rows = [row for row in staying_rows(taken, sieve) if "text" in row]
            batch = frame_rows(rows, source)
            batch = batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))
            yield apply_steps(batch, steps).filter(ALIVE)
