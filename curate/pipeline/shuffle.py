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

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.excerpts import greatest_losses, with_excerpts
from curate.dedup.find import no_cuts
from curate.dedup.forests import Forest, Members, group_components, members_of
from curate.dedup.groups import ROW_GROUP, find_in_group, in_order_of_ids, rows_by_group
from curate.dedup.index import write_index
from curate.dedup.meeting import forest_of_range, keys_by_range, meeting_columns, numbered
from curate.dedup.methods import of_documents, reads_texts
from curate.dedup.sets import batches_of
from curate.dedup.signatures import read_columns
from curate.engine.job import Job, Made
from curate.engine.records import committed, intact
from curate.engine.slices import read_slice, write_slices
from curate.engine.store import Store
from curate.pipeline.dedup import scrubbed
from curate.pipeline.filtered import open_filtered
from curate.pipeline.parts import (
    ALL,
    CLEAN,
    COMPONENTS,
    CUT,
    GROUPS,
    KEYS,
    MEETINGS,
    ROWS,
    TURN,
    counts_lines,
    earlier_files,
    groups_decided,
    key_of,
    ranges_decided,
    split_keys,
    turns_of,
)
from curate.recipe_dedup import Dedup
from curate.run_files import (
    CUTS,
    DUPLICATES,
    INDEX,
    LOSSES,
    MEMBERS,
    copies_name,
    cuts_name,
    forest_name,
    found_in_group,
    keys_name,
    part_name,
    rows_name,
)
from curate.steps.deciding_files import check_as_planned, index_files, method_files

TEXT_BYTES = 4 << 20
"""Of texts that are looked at together: of each byte there are up to 30 of windows."""


def keys_of(job: Job) -> Made:
    """The task of a split, or of a file of an index: its documents' keys, by range."""
    columns = meeting_columns(dedup_of(job))
    with job.clock("read"):
        check_as_planned(job.plan, method_files(job.recipe))
        signed = read_columns([str(_signatures(job))], ["id", *columns])
    with job.clock("keys"):
        slices = keys_by_range(signed, columns, ranges_decided(job.store))
    return sliced(job, keys_name(job.key), slices, {"documents": signed.height})


def meetings_of(job: Job) -> Made:
    """The task of a range: which documents of all splits have a key there in common."""
    with job.clock("clusters"):
        forest = forest_of_range(enumerate(slices_of(job, KEYS, keys_name, _both_keys(job))))
    with job.clock("write"):
        outputs = job.outputs()
        outputs.write(forest_name(int(job.key)), np.concatenate(forest).tobytes())
        return Made(outputs, {})


def components_run(job: Job) -> Made:
    """The one task that knows all documents, by two numbers of each: the groups."""
    store, ranges = job.store, ranges_decided(job.store)
    with job.clock("read"):
        check_as_planned(job.plan, [*index_files(job.recipe)])  # here, as each of them is read for it
    with job.clock("clusters"):
        counts = [committed(store, KEYS, key).counts["documents"] for key in _both_keys(job)]
        starts = np.cumsum([0, *counts], dtype=np.int64)
        ours = int(starts[len(job.plan.splits)])
        forests = (numbered(_read_forest(store, number), starts) for number in range(ranges))
        groups = group_components(forests, int(starts[-1]), ranges, ours=ours)
    return sliced(job, MEMBERS, Members(groups, starts), {"groups": groups.count, "members": groups.members})


def _read_forest(store: Store, number: int) -> Forest:
    path = intact(store, MEETINGS, key_of(number), forest_name(number))
    return Forest._make(np.fromfile(path, np.int64).reshape(2, -1))


def rows_of(job: Job) -> Made:
    """The task of a split, or of a file of an index: what is compared of its documents that are in groups, by group."""
    store, dedup = job.store, of_documents(dedup_of(job))
    with job.clock("read"):
        rows, group = rows_and_groups(job, job.key)
        has_texts = reads_texts(dedup) and job.key in [*split_keys(job.plan)]
        documents = open_filtered(store, job.key, "documents") if has_texts else None
        slices = rows_by_group(_signatures(job), documents, rows, group, groups_decided(store), dedup)
    return sliced(job, rows_name(job.key), slices, {"documents": len(rows)})


def group_of(job: Job) -> Made:
    """The task of a group: which of its documents repeats which."""
    number, dedup = int(job.key), of_documents(dedup_of(job))
    with job.clock("clusters"):
        ours, earlier = group_slices(job)
        clean = slices_of(job, CLEAN, partial(part_name, CLEAN)) if counts_lines(dedup) else ()
        scratch = job.store.scratch
        found = find_in_group(ours, dedup, earlier=earlier, clean=[*clean], scratch=scratch, cores=job.cores)
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(found_in_group(number, "verdicts")) as file:
            found.verdicts.write_parquet(file, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
        outputs.table(found_in_group(number, "texts"), found.texts)
        with outputs.open(copies_name(number)) as file:
            write_slices(file, found.copies)
        copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null())
        counts = {"clusters": found.verdicts.height - copies.height, "removed": copies.height}
        return Made(outputs, counts | {"earlier": int(copies["earlier"].sum())})


def group_slices(job: Job) -> tuple[Iterator[bytes], Iterator[bytes]]:
    """What all splits have of a group, and the files of indexes."""
    return slices_of(job, ROWS, rows_name), slices_of(job, ROWS, rows_name, [*earlier_files(job.recipe)])


def bits_of_groups(
    job: Job, key: str, stage: str, name_of: Callable[[int], str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The rows of a split that are in groups, and a bit of each that the tasks of the groups have left."""
    rows, group = rows_and_groups(job, key)
    order, found = np.argsort(group, kind="stable"), np.zeros(len(rows), dtype=bool)
    numbers, starts = np.unique(group[order], return_index=True)
    for number, (first, last) in zip(numbers.tolist(), pairwise([*starts, len(rows)]), strict=True):
        content = read_slice(job.store, stage, key_of(number), name_of(number), split_number(job, key))
        found[order[first:last]] = np.unpackbits(np.frombuffer(content, np.uint8), count=last - first)
    return rows, found


def rows_and_groups(job: Job, key: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return members_of(read_slice(job.store, COMPONENTS, ALL, MEMBERS, split_number(job, key)))


def split_number(job: Job, key: str) -> int:
    return next(number for number, other in enumerate(_both_keys(job)) if other == key)


def merge_run(job: Job) -> Made | None:
    """The task `dedup` itself: what all groups have found, as one process would have written it."""
    store, dedup, numbers = job.store, dedup_of(job), range(groups_decided(job.store))
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
        tables = _cut_tables(job)
        outputs.rows(CUTS, in_order_of_ids(tables, "start") if tables else iter([no_cuts()]))
        outputs.table(LOSSES, losses)
        if dedup.index:
            files = [open_filtered(store, key, "signatures") for key in split_keys(job.plan)]
            copies = partial(_copies_among, outputs.place(DUPLICATES))
            write_index(outputs.place(INDEX), dedup, files, copies, open_file=outputs.open_at)
        return Made(outputs, _counts(job))


def _counts(job: Job) -> dict[str, Any]:
    """As one process counts."""
    store, dedup = job.store, dedup_of(job)
    found = [committed(store, GROUPS, key_of(number)).counts for number in range(groups_decided(store))]
    names = ("clusters", "removed", *(("earlier",) if dedup.against else ()))
    counts: dict[str, Any] = {name: sum(count[name] for count in found) for name in names}
    for turn in turns_of(dedup):
        cut = [committed(store, CUT, f"{turn}{TURN}{key}").counts for key in split_keys(job.plan)]
        counts[dedup.method[turn]] = {name: sum(count[name] for count in cut) for name in cut[0]}
    return counts


def _cut_tables(job: Job) -> list[Path]:
    """Of each split what was cut, once the last method has had its turn."""
    keys = [f"{turn}{TURN}{key}" for turn in [*turns_of(dedup_of(job))][-1:] for key in split_keys(job.plan)]
    return [intact(job.store, CUT, key, cuts_name(key)) for key in keys]


def _copies_among(verdicts: Path, ids: pl.Series) -> pl.Series:
    near = pl.col("id").is_between(pl.lit(ids.min()), pl.lit(ids.max())) & pl.col("duplicate_of").is_not_null()
    return pl.scan_parquet(verdicts).filter(near).select("id").collect()["id"]


def dedup_of(job: Job) -> Dedup:
    assert job.recipe.dedup is not None, "the stage is only planned for recipes with [dedup]"
    return job.recipe.dedup


def _both_keys(job: Job) -> list[str]:
    """Of all splits, and of the files of indexes."""
    return [*split_keys(job.plan), *earlier_files(job.recipe)]


def _signatures(job: Job) -> Path:
    earlier = earlier_files(job.recipe)
    return earlier[job.key] if job.key in earlier else open_filtered(job.store, job.key, "signatures")


def slices_of(
    job: Job, stage: str, name_of: Callable[[str], str], keys: Iterable[str] | None = None
) -> Iterator[bytes]:
    """The slice that this task is of, of what tasks of a stage have left: by default those of all splits."""
    number = int(job.key.rpartition(TURN)[2])
    every = split_keys(job.plan) if keys is None else keys
    return (read_slice(job.store, stage, key, name_of(key), number) for key in every)


def sliced(job: Job, name: str, slices: Sequence[bytes], counts: dict[str, int]) -> Made:
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(name) as file:
            write_slices(file, slices)
        return Made(outputs, counts)


def answers_to(job: Job, key: str, stage: str, ranges: Iterable[str]) -> list[bytes]:
    """What the tasks of all ranges have left for a split."""
    number = split_number(job, key)
    return [read_slice(job.store, stage, name, part_name(stage, name), number) for name in ranges]


def text_batches(
    job: Job, key: str, rows: npt.NDArray[np.int64], order: npt.NDArray[np.int64] | None = None
) -> Iterator[tuple[npt.NDArray[np.int64], pl.Series]]:
    """Some rows of a split and their texts, few at a time, in the given order or that of the rows."""
    path = open_filtered(job.store, key, "documents")

    def texts(_: int, wanted: npt.NDArray[np.int64]) -> pl.Series:
        return pl.read_parquet(path, columns=["text"])["text"].gather(wanted)

    for batch, found in batches_of(texts, 0, rows, order, at_once=TEXT_BYTES):
        yield rows[batch], found
