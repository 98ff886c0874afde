"""What a ledger cannot tell: documents read again from a run's inputs, and given to other steps than the run's.

unknown ids ─▶ their splits ─▶ read, extract, text signals ─▶ every step: measure, decide ─▶ the decision of a new run
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import polars as pl

from curate.engine.plan import Split
from curate.engine.sizes import sizes
from curate.recipe import Recipe
from curate.run_folder import RunFolder
from curate.steps.chapters import read_split
from curate.steps.deciding_files import check_as_planned, files_of_sources
from curate.steps.ranks import is_unranked
from curate.steps.retune import Retuned
from curate.steps.retune_versions import DECISION
from curate.steps.versions import decide_records, sieve_of

MAX_BATCH_DOCUMENTS = 500
FOUND = (*DECISION, "bytes")


def measure_unknown(run: RunFolder, retuned: Retuned) -> Retuned:
    """`retuned` with the true decision of each document that was "unknown"; nothing is written. Whose rank is asked for
    stays so: it is one among all that a new run would bring to the step.

    Raises:
        RunConflict: an input, a list or own code is not the one of the run.
    """
    plan = run.plan
    check_as_planned(plan, files_of_sources(retuned.recipe))
    unknown = retuned.rows.filter(new_outcome="unknown")
    found = [
        batch.select("id", *(pl.col(name).alias(f"found_{name}") for name in FOUND))
        for (key,), rows in unknown.group_by("split", maintain_order=True)
        for batch in _decided_anew(retuned.recipe, plan.split(str(key)), set(rows["id"]))
    ]
    if not found:
        return retuned
    rows = retuned.rows.join(pl.concat(found), on="id", how="left", maintain_order="left")
    is_found = pl.col("found_outcome").is_not_null()
    told = [pl.when(is_found).then(f"found_{name}").otherwise(f"new_{name}").alias(f"new_{name}") for name in FOUND]
    return replace(retuned, rows=rows.with_columns(told).drop("^found_.*$"))


def _decided_anew(recipe: Recipe, split: Split, ids: set[str]) -> Iterator[pl.DataFrame]:
    """Batches of the documents with these ids, with their outcomes."""
    sieve = sieve_of(recipe.source(split.source), recipe)
    records = (each for each in read_split(split, sieve.source, recipe) if each.id in ids)
    while some := list(islice(records, MAX_BATCH_DOCUMENTS)):
        batch = decide_records(some, sieve)
        batch = batch.filter(~is_unranked(batch, sieve.steps))
        yield batch.with_columns(bytes=sizes(batch.columns, sieve.step_names).left)
