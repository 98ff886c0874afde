"""After `filter`, where a step keeps a share of the documents: all are ranked together, then each split decides.

work/filter/*.ledger: scores ─▶ rank ─▶ work/rank/<split>.parquet, the columns of ranks, a row for each of the ledger's
work/filter/<split>.{ledger,documents,signatures} + ranks ─▶ choose ─▶ work/choose/<split>.*, which later stages read
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from curate.engine.job import Job, Made
from curate.engine.ledger import check_account, count_outcomes
from curate.engine.outputs import Outputs
from curate.engine.records import intact
from curate.engine.store import Store
from curate.run_files import CHOSEN, Filtered, chosen, filtered, ranks
from curate.steps.bind import bind, step_names
from curate.steps.ranks import columns_of_ranks, count_ranked, decide_by_rank, has_ranks, rank_source


def rank_run(job: Job) -> Made:
    """The one task of the stage `rank`. In memory are the scores of one source at a time."""
    outputs, counts = job.outputs(), dict[str, Any]()
    for source in job.recipe.sources:
        if has_ranks(source):
            counts[source.name] = _rank(job, source.name, outputs)
    return Made(outputs, counts)


def choose_split(job: Job) -> Made:
    """The task of the stage `choose`: nothing, of a source that ranks nothing."""
    recipe, store, clock, outputs = job.recipe, job.store, job.clock, job.outputs()
    source = recipe.source(job.split.source)
    if not has_ranks(source):
        return Made(outputs, {})
    with clock("load"):
        steps = bind(source, recipe)
    with clock("read"):
        ledger, documents, signatures = (pl.read_parquet(_open(store, job.key, kind)) for kind in CHOSEN)
        found = pl.read_parquet(intact(store, "rank", "all", ranks(job.key)))
    with clock("choose"):
        was_kept = pl.col("outcome") == "kept"
        decided = decide_by_rank(ledger.with_columns(found.get_columns()), steps)
        left = decided.filter(ledger.select(was_kept).to_series())  # the rows of `documents`, in their order
        stays = left.select(was_kept).to_series()
        documents = documents.with_columns(left.select(found.columns).get_columns()).filter(stays)
    with clock("write"):
        for kind, table in zip(CHOSEN, (decided, documents, signatures.filter(stays)), strict=True):
            outputs.table(chosen(job.key, kind), table)
        counts = count_outcomes(decided, step_names(source))
        check_account(counts, job.key)
        return Made(outputs, {"source": source.name, **counts})


def _rank(job: Job, name: str, outputs: Outputs) -> dict[str, Any]:
    """Write the ranks of a source's splits; what its steps keep of them, by the steps' names."""
    keys, steps = [split.key for split in job.plan.of(name)], bind(job.recipe.source(name), job.recipe)
    with job.clock("read"):
        wanted = sorted(columns_of_ranks(steps))
        parts = [pl.read_parquet(_open(job.store, key, "ledger"), columns=wanted) for key in keys]
    with job.clock("rank"):
        ledger = pl.concat(parts)
        found = rank_source(ledger, steps)
    with job.clock("write"):
        start = 0
        for key, part in zip(keys, parts, strict=True):
            outputs.table(ranks(key), found[start : start + part.height])
            start += part.height
        return {
            step.name: count_ranked(ledger.hstack(found), step) for step in steps if step.filter.ranking is not None
        }


def _open(store: Store, key: str, kind: Filtered) -> Path:
    """As `filter` has left it."""
    return intact(store, "filter", key, filtered(key, kind))
