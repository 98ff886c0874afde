"""After `dedup`: documents that hold evaluation items, found split by split, then judged together.

documents left ─▶ n-grams that items have ─▶ work/decontaminate/<split>.parquet
                    └─▶ those that break it ─▶ work/decontaminate/<split>.broken.parquet
all of them ─▶ n-grams of many documents are none ─▶ what is left of each ─▶ work/contamination.parquet (texts)
                                                  └▶ dedup/contamination.parquet: which document, which item
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curate.decontaminate.evaluations import evaluation_files, open_evaluation
from curate.decontaminate.judge import LEFT, REPORT, Judged, count_sets, find_matches, judge, without_common
from curate.engine.clock import Clock
from curate.engine.ledger import write_table
from curate.engine.plan import Plan
from curate.engine.store import attempt_folder, commit, intact
from curate.engine.walk import Walk
from curate.pipeline.filtered import filtered
from curate.pipeline.survivors import BROKEN, CHANGED, CONTAMINATION, what_is_left
from curate.recipe import Decontaminate, Recipe
from curate.run_folder import open_run
from curate.steps.deciding_files import check_as_planned

STAGE, JUDGE = "decontaminate", "contamination"
DOCUMENTS_AT_ONCE = 2_000
BYTES_AT_ONCE = 16 << 20


def decontaminate_split(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """What the documents of one split share with evaluation items."""
    recipe, plan = open_run(run)
    how = _asked(recipe)
    with clock("load"):
        check_as_planned(plan, evaluation_files(how, recipe.base))
        evaluation = open_evaluation(how, recipe.base)
    with clock("read"):
        documents = _documents(run, recipe, key)
    with clock("decontaminate"):
        found = [find_matches(documents[:0], evaluation, how)]
        for stretch, part in walk.through(documents, max_documents=DOCUMENTS_AT_ONCE, max_bytes=BYTES_AT_ONCE):
            stretch.at(STAGE, size=int(part["text"].str.len_bytes().sum()))
            found.append(find_matches(part, evaluation, how))
        matches = pl.concat(found)
    if walk.is_confirming:
        return
    with clock("write"):
        folder = attempt_folder(run, STAGE, key)
        write_table(matches, folder / _matches(key))
        write_table(walk.broken(documents, STAGE), folder / _broken(key))
        commit(run, STAGE, key, folder, {"matches": matches.height})


def contamination_run(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """What becomes of the documents that share something with items."""
    recipe, plan = open_run(run)
    evaluation = open_evaluation(_asked(recipe), recipe.base)
    with clock("decontaminate"):
        judged = list(_judge_splits(run, recipe, plan))
        broken = pl.concat(
            [pl.read_parquet(intact(run, STAGE, split.key, _broken(split.key))) for split in plan.splits]
        )
        report = pl.concat([pl.DataFrame(schema=REPORT), *(part.report for part in judged)])
        left = pl.concat([pl.DataFrame(schema=LEFT), *(part.left for part in judged)])
    with clock("write"):
        folder = attempt_folder(run, JUDGE, key)
        order = report.sort("id", "share", "set", "item", descending=[False, True, False, False])
        write_table(order, folder / CONTAMINATION)
        write_table(left.sort("id"), folder / CHANGED)
        write_table(broken.sort("id"), folder / BROKEN)
        commit(run, JUDGE, key, folder, count_sets(report, evaluation))


def _judge_splits(run: Path, recipe: Recipe, plan: Plan) -> Iterator[Judged]:
    """Texts are read of those documents only that share something."""
    how = _asked(recipe)
    evaluation = open_evaluation(how, recipe.base)
    found = {split.key: pl.read_parquet(intact(run, STAGE, split.key, _matches(split.key))) for split in plan.splits}
    matches = without_common(pl.concat(found.values()), how)
    for key, split in found.items():
        mine = matches.join(split.select("id").unique(), on="id", how="semi", maintain_order="left")
        if mine.height:
            yield judge(_documents(run, recipe, key, mine["id"]), mine, evaluation, how)


def _documents(run: Path, recipe: Recipe, key: str, ids: pl.Series | None = None) -> pl.DataFrame:
    """`id, text` of what deduplication leaves of a split, or of some of its documents."""
    rows = pl.scan_parquet(filtered(run, key, "documents")).select("id", "text")
    wanted = rows if ids is None else rows.filter(pl.col("id").is_in(ids.unique().to_list()))
    return what_is_left(run, recipe, wanted.collect(), decontaminated=False).documents.select("id", "text")


def _asked(recipe: Recipe) -> Decontaminate:
    assert recipe.decontaminate is not None, "the stages are only planned for recipes with [decontaminate]"
    return recipe.decontaminate


def _matches(key: str) -> str:
    return f"work/{STAGE}/{key}.parquet"


def _broken(key: str) -> str:
    return f"work/{STAGE}/{key}.broken.parquet"
