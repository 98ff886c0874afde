"""`dedup` of many documents in parts, none of which knows all of them: a shuffle through the store.

work/filter/<split>.signatures ─▶ dedup-keys ─▶ by range of hashes ─▶ dedup-meetings ─▶ forests ─▶ dedup-components ─┐
                                   by split                            by range                     all              │
┌──────────────────────────── which documents may meet, in groups of whole components ◀──────────────────────────────┘
└▶ dedup-rows ─▶ what is compared of them, by group ─▶ dedup-groups ─▶ verdicts ─▶ dedup ─▶ dedup/{duplicates,…}.parquet
    by split                                            by group                    all

Documents of two groups have nothing in common that a method compares, so what is said of each group apart is what is
said of all at once: the same bytes, whatever the number of ranges. What lies in between goes at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from curate.dedup.excerpts import greatest_losses, with_excerpts
from curate.dedup.find import no_cuts
from curate.dedup.forests import Forest, Members, group_components, members_of
from curate.dedup.groups import ROW_GROUP, find_in_group, in_order_of_ids, rows_by_group
from curate.dedup.index import write_index
from curate.dedup.meeting import forest_of_range, keys_by_range, meeting_columns, numbered
from curate.dedup.methods import reads_texts
from curate.dedup.signatures import read_columns
from curate.engine.job import Job, Made
from curate.engine.records import committed, intact
from curate.engine.slices import read_slice, write_slices
from curate.engine.store import Store
from curate.pipeline.dedup import scrubbed
from curate.pipeline.filtered import open_filtered
from curate.pipeline.parts import (
    ALL,
    COMPONENTS,
    GROUPS,
    KEYS,
    MEETINGS,
    ROWS,
    groups_decided,
    key_of,
    ranges_decided,
    split_keys,
)
from curate.recipe_dedup import Dedup
from curate.run_files import (
    CUTS,
    DUPLICATES,
    INDEX,
    LOSSES,
    MEMBERS,
    forest_name,
    found_in_group,
    keys_name,
    rows_name,
)
from curate.steps.deciding_files import check_as_planned, method_files


def keys_of(job: Job) -> Made:
    """The task of a split: its documents' keys, by range."""
    columns = meeting_columns(_dedup(job))
    with job.clock("read"):
        check_as_planned(job.plan, method_files(job.recipe))
        signed = read_columns([str(open_filtered(job.store, job.key, "signatures"))], ["id", *columns])
    with job.clock("keys"):
        slices = keys_by_range(signed, columns, ranges_decided(job.store))
    return _sliced(job, keys_name(job.key), slices, {"documents": signed.height})


def meetings_of(job: Job) -> Made:
    """The task of a range: which documents of all splits have a key there in common."""
    with job.clock("clusters"):
        forest = forest_of_range(enumerate(_slices(job, KEYS, keys_name)))
    with job.clock("write"):
        outputs = job.outputs()
        outputs.write(forest_name(int(job.key)), np.concatenate(forest).tobytes())
        return Made(outputs, {})


def components_run(job: Job) -> Made:
    """The one task that knows all documents, by two numbers of each: the groups."""
    store, ranges = job.store, ranges_decided(job.store)
    with job.clock("clusters"):
        counts = [committed(store, KEYS, key).counts["documents"] for key in split_keys(job.plan)]
        starts = np.cumsum([0, *counts], dtype=np.int64)
        forests = (numbered(_read_forest(store, number), starts) for number in range(ranges))
        groups = group_components(forests, int(starts[-1]), ranges)
    return _sliced(job, MEMBERS, Members(groups, starts), {"groups": groups.count, "members": groups.members})


def _read_forest(store: Store, number: int) -> Forest:
    path = intact(store, MEETINGS, key_of(number), forest_name(number))
    return Forest._make(np.fromfile(path, np.int64).reshape(2, -1))


def rows_of(job: Job) -> Made:
    """The task of a split: what is compared of its documents that may meet others, by group."""
    store, dedup = job.store, _dedup(job)
    with job.clock("read"):
        number = next(number for number, key in enumerate(split_keys(job.plan)) if key == job.key)
        rows, group = members_of(read_slice(store, COMPONENTS, ALL, MEMBERS, number))
        signatures = open_filtered(store, job.key, "signatures")
        documents = open_filtered(store, job.key, "documents") if reads_texts(dedup) else None
        slices = rows_by_group(signatures, documents, rows, group, groups_decided(store), dedup)
    return _sliced(job, rows_name(job.key), slices, {"documents": len(rows)})


def group_of(job: Job) -> Made:
    """The task of a group: which of its documents repeats which."""
    number = int(job.key)
    with job.clock("clusters"):
        contents = _slices(job, ROWS, rows_name)
        verdicts, texts = find_in_group(contents, _dedup(job), scratch=job.store.scratch, cores=job.cores)
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(found_in_group(number, "verdicts")) as file:
            verdicts.write_parquet(file, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
        outputs.table(found_in_group(number, "texts"), texts)
        copies = int(verdicts["duplicate_of"].count())
        return Made(outputs, {"clusters": verdicts.height - copies, "removed": copies})


def merge_run(job: Job) -> Made | None:
    """The task `dedup` itself: what all groups have found, as one process would have written it."""
    store, dedup, numbers = job.store, _dedup(job), range(groups_decided(job.store))
    with job.clock("read"):
        found = [intact(store, GROUPS, key_of(number), found_in_group(number, "verdicts")) for number in numbers]
        texts = [intact(store, GROUPS, key_of(number), found_in_group(number, "texts")) for number in numbers]
    with job.clock("excerpts"):
        losses = greatest_losses(pl.concat(greatest_losses(pl.read_parquet(file)) for file in found))
        ids = pl.concat([losses["id"], losses["duplicate_of"]]).unique().implode()
        shown = pl.concat(pl.read_parquet(file).filter(pl.col("id").is_in(ids)) for file in texts)
        losses = with_excerpts(losses, shown, dedup.normalize, partial(scrubbed, job))
    if job.walk.is_confirming:
        return None
    with job.clock("write"):
        outputs = job.outputs()
        outputs.rows(DUPLICATES, in_order_of_ids(found))
        outputs.table(CUTS, no_cuts())
        outputs.table(LOSSES, losses)
        if dedup.index:
            files = [open_filtered(store, key, "signatures") for key in split_keys(job.plan)]
            copies = partial(_copies_among, outputs.place(DUPLICATES))
            write_index(outputs.place(INDEX), dedup, files, copies, open_file=outputs.open_at)
        counts = [committed(store, GROUPS, key_of(number)).counts for number in numbers]
        return Made(outputs, {name: sum(count[name] for count in counts) for name in ("clusters", "removed")})


def _copies_among(verdicts: Path, ids: pl.Series) -> pl.Series:
    near = pl.col("id").is_between(pl.lit(ids.min()), pl.lit(ids.max())) & pl.col("duplicate_of").is_not_null()
    return pl.scan_parquet(verdicts).filter(near).select("id").collect()["id"]


def _dedup(job: Job) -> Dedup:
    assert job.recipe.dedup is not None, "the stage is only planned for recipes with [dedup]"
    return job.recipe.dedup


def _slices(job: Job, stage: str, name_of: Callable[[str], str]) -> Iterator[bytes]:
    """Of the objects of all splits, the slice that this task is of."""
    number = int(job.key)
    return (read_slice(job.store, stage, key, name_of(key), number) for key in split_keys(job.plan))


def _sliced(job: Job, name: str, slices: Sequence[bytes], counts: dict[str, int]) -> Made:
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(name) as file:
            write_slices(file, slices)
        return Made(outputs, counts)
