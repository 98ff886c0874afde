"""Pass 2: which document repeats which, from the signatures of all splits; no text is read.

work/filter/*.signatures.parquet ─▶ one band at a time ─▶ clusters ─▶ dedup/duplicates.parquet
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from curate.dedup.clusters import find_duplicates
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.ledger import write_table
from curate.engine.store import attempt_folder, commit
from curate.engine.worker import Attempt
from curate.passes.inputs import open_run

STAGE = "dedup"
DUPLICATES = "dedup/duplicates.parquet"


def dedup_run(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The one task of pass 2."""
    recipe, plan = open_run(run)
    dedup = recipe.dedup
    assert dedup is not None, "the stage is only planned for recipes with [dedup]"
    files = [run / "work" / "filter" / f"{split.key}.signatures.parquet" for split in plan.splits]
    with clock("clusters"):
        verdicts = find_duplicates(files, methods=dedup.method, bands=dedup.bands, prefer=dedup.prefer)
    with clock("write"):
        folder = attempt_folder(run, STAGE, key)
        write_table(verdicts.sort("id"), folder / DUPLICATES)
        removed = verdicts.filter(pl.col("duplicate_of").is_not_null()).height
        commit(run, STAGE, key, folder, {"clusters": verdicts.height - removed, "removed": removed})


def duplicates_among(run: Path, ids: pl.Series) -> pl.DataFrame:
    """The verdicts on some documents: id, duplicate_of (never null), similarity.

    The file is sorted by id, so only the row groups that can hold them are read.
    """
    path = run / DUPLICATES
    if not path.is_file() or ids.is_empty():
        return pl.DataFrame(schema={"id": pl.String, "duplicate_of": pl.String, "similarity": pl.Float32})
    verdicts = pl.scan_parquet(path).filter(
        pl.col("id").is_between(pl.lit(ids.min()), pl.lit(ids.max())), pl.col("duplicate_of").is_not_null()
    )
    return verdicts.select("id", "duplicate_of", "similarity").collect().join(ids.to_frame("id"), on="id", how="semi")
