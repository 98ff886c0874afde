"""After `dedup`: documents that hold evaluation items, found split by split, then judged together.

documents left ─▶ n-grams that items have ─▶ work/decontaminate/<split>.parquet
                    └─▶ those that break it ─▶ work/decontaminate/<split>.broken.parquet
all of them ─▶ n-grams of many documents are none ─▶ what is left of each ─▶ work/contamination.parquet (texts)
                                                  └▶ dedup/contamination.parquet: which document, which item
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.decontaminate.evaluations import evaluation_files, open_evaluation
from curate.decontaminate.judge import LEFT, REPORT, Judged, count_sets, find_matches, judge, without_common
from curate.engine.job import Job, Made
from curate.engine.plan import Plan
from curate.engine.records import intact
from curate.engine.store import Store
from curate.pipeline.filtered import open_filtered
from curate.pipeline.survivors import what_is_left
from curate.recipe import Decontaminate, Recipe
from curate.run_files import BROKEN_TEXTS, CHANGED_TEXTS, CONTAMINATION, broken
from curate.run_files import matches as matches_of
from curate.steps.deciding_files import check_as_planned

DOCUMENTS_AT_ONCE = 2_000
BYTES_AT_ONCE = 16 << 20


def decontaminate_split(job: Job) -> Made | None:
    """What the documents of one split share with evaluation items."""
    recipe, walk, clock = job.recipe, job.walk, job.clock
    how = _asked(recipe)
    with clock("load"):
        check_as_planned(job.plan, evaluation_files(how, recipe.base))
        evaluation = open_evaluation(how, recipe.base)
    with clock("read"):
        documents = _documents(job.store, recipe, job.key)
    with clock("decontaminate"):
        found = [find_matches(documents[:0], evaluation, how)]  # the columns, also where no document is left
        for stretch, part in walk.through(documents, max_documents=DOCUMENTS_AT_ONCE, max_bytes=BYTES_AT_ONCE):
            stretch.at(job.stage, size=int(part["text"].str.len_bytes().sum()))
            found.append(find_matches(part, evaluation, how))
        matches = pl.concat(found)
    if walk.is_confirming:
        return None
    with clock("write"):
        outputs = job.outputs()
        outputs.table(matches_of(job.key), matches)
        outputs.table(broken(job.key), walk.broken(documents, job.stage))
        return Made(outputs, {"matches": matches.height})


def contamination_run(job: Job) -> Made:
    """What becomes of the documents that share something with items."""
    recipe, store, clock = job.recipe, job.store, job.clock
    evaluation = open_evaluation(_asked(recipe), recipe.base)
    with clock("decontaminate"):
        judged = list(_judge_splits(store, recipe, job.plan))
        breaking = pl.concat([_found(store, split.key, broken(split.key)) for split in job.plan.splits])
        report = pl.concat([pl.DataFrame(schema=REPORT), *(part.report for part in judged)])
        left = pl.concat([pl.DataFrame(schema=LEFT), *(part.left for part in judged)])
    with clock("write"):
        outputs = job.outputs()
        order = report.sort("id", "share", "set", "item", descending=[False, True, False, False])
        outputs.table(CONTAMINATION, order)
        outputs.table(CHANGED_TEXTS, left.sort("id"))
        outputs.table(BROKEN_TEXTS, breaking.sort("id"))
        return Made(outputs, count_sets(report, evaluation))


def _judge_splits(store: Store, recipe: Recipe, plan: Plan) -> Iterator[Judged]:
    """Texts are read of those documents only that share something."""
    how = _asked(recipe)
    evaluation = open_evaluation(how, recipe.base)
    found = {split.key: _found(store, split.key, matches_of(split.key)) for split in plan.splits}
    # Over all splits at once: what is common is known from the whole corpus, and not from a split.
    matches = without_common(pl.concat(found.values()), how)
    for key, split in found.items():
        mine = matches.join(split.select("id").unique(), on="id", how="semi", maintain_order="left")
        if mine.height:
            yield judge(_documents(store, recipe, key, mine["id"]), mine, evaluation, how)


def _found(store: Store, key: str, name: str) -> pl.DataFrame:
    """A table that was written of a split."""
    return pl.read_parquet(intact(store, "decontaminate", key, name))


def _documents(store: Store, recipe: Recipe, key: str, ids: pl.Series | None = None) -> pl.DataFrame:
    """`id, text` of what deduplication leaves of a split, or of some of its documents."""
    rows = pl.scan_parquet(open_filtered(store, key, "documents")).select("id", "text")
    wanted = rows if ids is None else rows.filter(pl.col("id").is_in(ids.unique().to_list()))
    return what_is_left(store, recipe, wanted.collect(), decontaminated=False).documents.select("id", "text")


def _asked(recipe: Recipe) -> Decontaminate:
    assert recipe.decontaminate is not None, "the stages are only planned for recipes with [decontaminate]"
    return recipe.decontaminate
