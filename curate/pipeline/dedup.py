"""`dedup`: which document repeats which, from the signatures of all splits, and from texts where those are asked for.

work/filter/*.signatures.parquet ─▶ candidates ─▶ *.documents.parquet: their texts ─▶ dedup/{duplicates,cuts}.parquet
                                                   the greatest losses, with excerpts ─▶ dedup/losses.parquet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.excerpts import SHOWN, greatest_losses, with_excerpts
from curate.dedup.find import Found, find_duplicates
from curate.dedup.index import open_index, write_index
from curate.dedup.methods import passage_methods
from curate.engine.job import Job, Made
from curate.engine.store import Store
from curate.errors import UsageError
from curate.pipeline.filtered import open_filtered
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.run_files import CUTS, DUPLICATES, INDEX, LOSSES
from curate.steps.deciding_files import check_as_planned, index_files, method_files
from curate.steps.scrub import scrub_as_asked

MAX_SHOWN_BYTES = 16 << 20
"""Of the texts that excerpts are cut from, at once."""
VERDICT = {"id": pl.String, "duplicate_of": pl.String, "size": pl.UInt32, "similarity": pl.Float32, "method": pl.String}
VERDICT |= {"containment": pl.Float32, "novel_words": pl.Int64}
CUT = {"id": pl.String, "start": pl.Int64, "end": pl.Int64, "method": pl.String, "held_by": pl.String}


def dedup_run(job: Job) -> Made | None:
    """The one task of the stage `dedup`."""
    recipe, store, clock = job.recipe, job.store, job.clock
    dedup = recipe.dedup
    assert dedup is not None, "the stage is only planned for recipes with [dedup]"
    keys = [split.key for split in job.plan.splits]

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        """Rows of the documents file are those of the signature file."""
        with clock("read"):
            return pl.read_parquet(open_filtered(store, keys[number], "documents"), columns=["text"])["text"].gather(
                rows
            )

    with clock("read"):
        check_as_planned(job.plan, [*index_files(recipe), *method_files(recipe)])
        files = [str(open_filtered(store, key, "signatures")) for key in keys]
    with clock("clusters"):
        earlier = [file for place in dedup.against for file in open_index(recipe.base / place, dedup)]
        found = find_duplicates(files, dedup, texts=texts, scratch=store.scratch, earlier=earlier, cores=job.cores)
    with clock("excerpts"):
        losses = _losses(job, found.verdicts, keys)
    if job.walk.is_confirming:
        return None
    with clock("write"):
        outputs = job.outputs()
        outputs.table(DUPLICATES, found.verdicts)
        outputs.table(CUTS, found.cuts)
        outputs.table(LOSSES, losses)
        copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null())
        if dedup.index:
            write_index(outputs.place(INDEX), dedup, files, lambda _: copies["id"], open_file=outputs.open_at)
        return Made(outputs, _counts(found, copies, dedup))


def _losses(job: Job, verdicts: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The removals that lose most, with a piece of what they lose; the texts go with the intermediate files."""
    assert job.recipe.dedup is not None
    losses = greatest_losses(verdicts)
    ids = pl.concat([losses["id"], losses["duplicate_of"]]).unique().to_list()
    found = [
        pl.scan_parquet(open_filtered(job.store, key, "documents"), glob=False)
        .filter(pl.col("id").is_in(ids))
        .select("id", "text")
        .collect()
        for key in (keys if ids else ())
    ]
    texts = pl.concat(found) if found else pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    return with_excerpts(losses, texts, job.recipe.dedup.normalize, partial(scrubbed, job))


def scrubbed(job: Job, documents: pl.DataFrame) -> dict[str, str]:
    """By id, the texts that may be shown: an engine that finds names is the only part of deduplication that a document
    could break, and one that does is not shown."""
    shown: dict[str, str] = {}
    for stretch, part in job.walk.through(documents, max_documents=SHOWN, max_bytes=MAX_SHOWN_BYTES):
        stretch.at("excerpts", size=int(part["text"].str.len_bytes().sum()))
        shown |= zip(part["id"], _without_pii(part, job.recipe), strict=True)
    return shown


def _without_pii(documents: pl.DataFrame, recipe: Recipe) -> list[str]:
    """Nothing at all of a text that the engine could not finish; then each is tried by itself."""
    try:
        return scrub_as_asked(documents, recipe)["text"].to_list()
    except (UsageError, MemoryError):
        raise
    except Exception:  # an excerpt is not worth it that all of the stage is done again to find who broke
        alone = [documents[number : number + 1] for number in range(documents.height)]
        return [""] if documents.height == 1 else [_without_pii(one, recipe)[0] for one in alone]


def _counts(found: Found, copies: pl.DataFrame, dedup: Dedup) -> dict[str, Any]:
    counts: dict[str, Any] = {"clusters": found.verdicts.height - copies.height, "removed": copies.height}
    if dedup.against:
        counts["earlier"] = int(copies["earlier"].sum())
    for name in (method.name for method in passage_methods(dedup)):
        mine = found.cuts.filter(pl.col("method") == name)
        size = int((mine["end"] - mine["start"]).sum())
        counts[name] = {"documents": mine["id"].n_unique(), "parts": mine.height, "bytes": size}
    return counts


def verdicts_among(store: Store, ids: pl.Series) -> pl.DataFrame:
    """The verdicts on some documents, where there are any; the columns are those of VERDICT."""
    return rows_among(store, DUPLICATES, ids, VERDICT)


def cuts_among(store: Store, ids: pl.Series) -> pl.DataFrame:
    """What is cut out of the texts of some documents: id, start, end, method, held_by."""
    return rows_among(store, CUTS, ids, CUT)


def rows_among(store: Store, name: str, ids: pl.Series, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with these ids. The file is sorted by id, so only the row groups that can hold them are read."""
    if ids.is_empty() or store.stamp(name) is None:
        return pl.DataFrame(schema=schema)
    near = pl.scan_parquet(store.fetch(name)).filter(pl.col("id").is_between(pl.lit(ids.min()), pl.lit(ids.max())))
    # Between the least and the greatest id lie others' rows, too.
    return near.select(list(schema)).collect().join(ids.to_frame("id"), on="id", how="semi", maintain_order="left")
