"""Pass 2: which document repeats which, from the signatures of all splits, and from the texts of candidates alone.

work/filter/*.signatures.parquet ─▶ candidates ─▶ *.documents.parquet: their texts ─▶ dedup/duplicates.parquet
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.find import Near, find_duplicates
from curate.dedup.index import IN_RUN, open_index, write_index
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.ledger import write_table
from curate.engine.store import attempt_folder, commit
from curate.engine.worker import Attempt
from curate.passes.inputs import open_run

STAGE = "dedup"
DUPLICATES = "dedup/duplicates.parquet"
SCHEMA = {"id": pl.String, "duplicate_of": pl.String, "size": pl.UInt32, "similarity": pl.Float32, "method": pl.String}


def dedup_run(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The one task of pass 2."""
    recipe, plan = open_run(run)
    dedup = recipe.dedup
    assert dedup is not None, "the stage is only planned for recipes with [dedup]"
    splits = [run / "work" / "filter" / split.key for split in plan.splits]

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        """Rows of the documents file are those of the signature file."""
        with clock("read"):
            return pl.read_parquet(f"{splits[number]}.documents.parquet", columns=["text"])["text"].gather(rows)

    near = Near(dedup.bands, dedup.verify, dedup.ngram, texts, run / "work")
    files = [f"{split}.signatures.parquet" for split in splits]
    with clock("clusters"):
        earlier = [file for place in dedup.against for file in open_index(recipe.base / place, dedup)]
        verdicts = find_duplicates(
            files, methods=dedup.method, prefer=dedup.prefer, keep=dedup.keep, near=near, earlier=earlier
        )
    with clock("write"):
        folder = attempt_folder(run, STAGE, key)
        write_table(verdicts, folder / DUPLICATES)
        copies = verdicts.filter(pl.col("duplicate_of").is_not_null())
        if dedup.index:
            write_index(folder / IN_RUN, dedup, files, copies["id"])
        counts = {"clusters": verdicts.height - copies.height, "removed": copies.height}
        commit(run, STAGE, key, folder, counts | ({"earlier": int(copies["earlier"].sum())} if dedup.against else {}))


def verdicts_among(run: Path, ids: pl.Series) -> pl.DataFrame:
    """The verdicts on some documents, where there are any: id, duplicate_of, size, similarity, method.

    The file is sorted by id, so only the row groups that can hold them are read.
    """
    path = run / DUPLICATES
    if not path.is_file() or ids.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    near = pl.scan_parquet(path).filter(pl.col("id").is_between(pl.lit(ids.min()), pl.lit(ids.max())))
    return near.select(list(SCHEMA)).collect().join(ids.to_frame("id"), on="id", how="semi")


def duplicates_among(run: Path, ids: pl.Series) -> pl.DataFrame:
    """Those of them that repeat another document, which `duplicate_of` names."""
    return verdicts_among(run, ids).filter(pl.col("duplicate_of").is_not_null())
