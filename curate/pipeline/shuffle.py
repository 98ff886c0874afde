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

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from curate.engine.plan import Plan
from curate.engine.records import committed, forget_stage, intact, keys_done
from curate.engine.slices import read_slice, write_slices
from curate.engine.store import Store
from curate.engine.task import Task
from curate.errors import UsageError
from curate.pipeline.dedup import scrubbed
from curate.pipeline.filtered import open_filtered
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.run_files import (
    CUTS,
    DUPLICATES,
    INDEX,
    LOSSES,
    MEMBERS,
    RANGES,
    SHUFFLED,
    forest_name,
    found_in_group,
    keys_name,
    rows_name,
)
from curate.steps.deciding_files import check_as_planned, method_files

ASKED = "CURATE_DEDUP_RANGES"
"""A variable of the environment: how many ranges, whatever the documents' number; 0: one process."""
MIN_DOCUMENTS = 1 << 20
"""Of fewer, one process is done sooner."""
RANGE_DOCUMENTS = 1 << 17
"""So many documents for each range: its keys take some 200 MB."""
MAX_RANGES = 1 << 10
"""As many slices has each split's object; ranges of more documents are larger instead."""
KEYS, MEETINGS, COMPONENTS, ROWS, GROUPS = PARTS = (
    "dedup-keys",
    "dedup-meetings",
    "dedup-components",
    "dedup-rows",
    "dedup-groups",
)
"""What comes before the task of `dedup` itself, each by the records of the one before."""
ALL = "all"


def parts_left(store: Store, recipe: Recipe, plan: Plan) -> Iterator[list[Task]]:
    """The tasks of the stage that are not done, in the order in which they must be: all of a list before the next is
    asked for. The last list has the task that others wait for."""
    ranges = _decided(store, recipe, plan)
    if not ranges:
        yield [Task("dedup", ALL, "curate.pipeline.dedup:dedup_run")]
        return
    numbers = [*map(_key, range(ranges))]
    yield _left(store, KEYS, _splits(plan), "keys_of", plan)
    yield _left(store, MEETINGS, numbers, "meetings_of")
    yield _left(store, COMPONENTS, [ALL], "components_run")
    yield _left(store, ROWS, _splits(plan), "rows_of", plan)
    yield _left(store, GROUPS, map(_key, range(_groups(store))), "group_of")
    yield [Task("dedup", ALL, f"{__name__}:merge_run")]


def forget_parts(store: Store) -> None:
    """Nothing of them is left once the run is complete."""
    for stage in PARTS:
        forget_stage(store, stage)
    store.remove(SHUFFLED)


def _left(store: Store, stage: str, keys: Iterable[str], function: str, plan: Plan | None = None) -> list[Task]:
    done = keys_done(store, stage)
    sizes = ((key, plan.split(key).size if plan else 0) for key in keys if key not in done)
    return [Task(stage, key, f"{__name__}:{function}", size) for key, size in sizes]


def _decided(store: Store, recipe: Recipe, plan: Plan) -> int:
    """How many ranges of hashes: as it was decided when the stage began; 0 where one process does it."""
    assert recipe.dedup is not None, "the stage is only planned for recipes with [dedup]"
    if not (meeting_columns(recipe.dedup) and not recipe.dedup.against):
        return 0
    if store.stamp(RANGES) is None and (ranges := _ranges(store, plan)):
        store.write(RANGES, f"{ranges}\n".encode())
    return _ranges_decided(store)


def _ranges(store: Store, plan: Plan) -> int:
    asked = os.environ.get(ASKED)
    if asked is not None:
        if not asked.isdecimal() or int(asked) > MAX_RANGES:
            raise UsageError(f'the environment variable {ASKED} is a number up to {MAX_RANGES:,}, found "{asked}"')
        return int(asked)
    documents = sum(committed(store, "filter", key).counts["kept"] for key in _splits(plan))
    return min(math.ceil(documents / RANGE_DOCUMENTS), MAX_RANGES) if documents >= MIN_DOCUMENTS else 0


def _ranges_decided(store: Store) -> int:
    return int(store.read(RANGES)) if store.stamp(RANGES) else 0


def _groups(store: Store) -> int:
    return int(committed(store, COMPONENTS, ALL).counts["groups"])


def _splits(plan: Plan) -> Iterable[str]:
    """Their keys, in the order by which documents are numbered."""
    return plan.splits.keys()


def _key(number: int) -> str:
    return f"{number:05}"


def keys_of(job: Job) -> Made:
    """The task of a split: its documents' keys, by range."""
    columns = meeting_columns(_dedup(job))
    with job.clock("read"):
        check_as_planned(job.plan, method_files(job.recipe))
        signed = read_columns([str(open_filtered(job.store, job.key, "signatures"))], ["id", *columns])
    with job.clock("keys"):
        slices = keys_by_range(signed, columns, _ranges_decided(job.store))
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
    store, ranges = job.store, _ranges_decided(job.store)
    with job.clock("clusters"):
        counts = [committed(store, KEYS, key).counts["documents"] for key in _splits(job.plan)]
        starts = np.cumsum([0, *counts], dtype=np.int64)
        forests = (numbered(_read_forest(store, number), starts) for number in range(ranges))
        groups = group_components(forests, int(starts[-1]), ranges)
    return _sliced(job, MEMBERS, Members(groups, starts), {"groups": groups.count, "members": groups.members})


def _read_forest(store: Store, number: int) -> Forest:
    path = intact(store, MEETINGS, _key(number), forest_name(number))
    return Forest._make(np.fromfile(path, np.int64).reshape(2, -1))


def rows_of(job: Job) -> Made:
    """The task of a split: what is compared of its documents that may meet others, by group."""
    store, dedup = job.store, _dedup(job)
    with job.clock("read"):
        number = next(number for number, key in enumerate(_splits(job.plan)) if key == job.key)
        rows, group = members_of(read_slice(store, COMPONENTS, ALL, MEMBERS, number))
        signatures = open_filtered(store, job.key, "signatures")
        documents = open_filtered(store, job.key, "documents") if reads_texts(dedup) else None
        slices = rows_by_group(signatures, documents, rows, group, _groups(store), dedup)
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
    store, dedup, numbers = job.store, _dedup(job), range(_groups(job.store))
    with job.clock("read"):
        found = [intact(store, GROUPS, _key(number), found_in_group(number, "verdicts")) for number in numbers]
        texts = [intact(store, GROUPS, _key(number), found_in_group(number, "texts")) for number in numbers]
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
            files = [open_filtered(store, key, "signatures") for key in _splits(job.plan)]
            copies = partial(_copies_among, outputs.place(DUPLICATES))
            write_index(outputs.place(INDEX), dedup, files, copies, open_file=outputs.open_at)
        counts = [committed(store, GROUPS, _key(number)).counts for number in numbers]
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
    return (read_slice(job.store, stage, key, name_of(key), number) for key in _splits(job.plan))


def _sliced(job: Job, name: str, slices: Sequence[bytes], counts: dict[str, int]) -> Made:
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(name) as file:
            write_slices(file, slices)
        return Made(outputs, counts)
