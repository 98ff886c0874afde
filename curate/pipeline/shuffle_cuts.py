"""Parts of the texts of many documents that are taken out in parts, one method after the other.

what is left ─▶ dedup-sights: hashes of windows, by range ─▶ dedup-twice: which stand twice
                by split                                     by range │
  dedup-cut: merged, all that was cut so far ◀─ dedup-best: of equal ones ◀─ dedup-windows: windows with such a hash
  by split                                      all but the best, by range    by split

A method that takes documents one after the other is one task instead of these four (shuffle_seen.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.cuts import Cuts, cut_texts
from curate.dedup.find import account_columns
from curate.dedup.held import add_held, as_table
from curate.dedup.kept_once import SplitWindows, cuts_in_range, joined_cuts, windows_by_range
from curate.dedup.often import Answers, hashes_by_range, often_in_range
from curate.dedup.passages import has_enough
from curate.dedup.sights import Sights, sights_of
from curate.engine.job import Job, Made
from curate.engine.slices import write_slices
from curate.pipeline.filtered import open_filtered
from curate.pipeline.parts import (
    BEST,
    CUT,
    SIGHTS,
    TURN,
    TWICE,
    WINDOWS,
    key_of,
    ranges_decided,
    split_keys,
    turn_and_key,
    turns_of,
)
from curate.pipeline.shuffle import answers_to, dedup_of, sliced, slices_of, text_batches
from curate.pipeline.shuffle_left import SplitLeft, left_of, method_of, slices_left, texts_left
from curate.pipeline.shuffle_seen import seen_cuts
from curate.run_files import cuts_name, part_name
from curate.text.buffers import text_buffers
from curate.text.units import Windows


def sights_of_split(job: Job) -> Made:
    """The task of a split: by what its windows are looked for, by range."""
    with job.clock("windows"):
        hashes = [np.empty(0, np.uint64), *(sights.hashes for _, sights in _sights(job))]
        slices = hashes_by_range(np.concatenate(hashes), None, ranges_decided(job.store))
    return sliced(job, part_name(SIGHTS, job.key), slices, {})


def twice_of(job: Job) -> Made:
    """The task of a range: which of its hashes stand twice."""
    with job.clock("windows"):
        bits = often_in_range(_of_splits(job, SIGHTS), 2)
    return sliced(job, part_name(TWICE, job.key), bits, {})


def windows_of(job: Job) -> Made:
    """The task of a split: the windows that may stand twice, by range."""
    _, key = turn_and_key(job.key)
    with job.clock("windows"):
        found = _found(_sights(job), Answers.opened(_of_ranges(job, TWICE)))
    with job.clock("read"):
        signatures, columns = open_filtered(job.store, key, "signatures"), account_columns(dedup_of(job))
        accounts = pl.read_parquet(signatures, columns=columns, glob=False)
        slices = windows_by_range(found, accounts, ranges_decided(job.store))
    return sliced(job, part_name(WINDOWS, job.key), slices, {})


def best_of(job: Job) -> Made:
    """The task of a range: of equal windows all but the best, by split."""
    with job.clock("windows"):
        found = cuts_in_range(_of_splits(job, WINDOWS), dedup_of(job))
    return sliced(job, part_name(BEST, job.key), found, {})


def cut_of(job: Job) -> Made:
    """The task of a split: all that is cut so far, and which documents are left."""
    (turn, key), turns = turn_and_key(job.key), turns_of(dedup_of(job))
    with job.clock("cuts"):
        before = left_of(job, key)
        more = seen_cuts(job) if turns[turn] else joined_cuts(_of_ranges(job, BEST), turn)
        held = add_held(before.held, more)
        is_last = turn == max(turns)
        left = SplitLeft(before.rows if is_last else _rows_left(job, before.rows, held.cuts, more.cuts.document), held)
        table = as_table(held)
        mine = table.filter(pl.col("method") == turn)
    with job.clock("write"):
        outputs = job.outputs()
        with outputs.open(part_name(CUT, job.key)) as file:
            write_slices(file, slices_left(left))
        outputs.table(cuts_name(job.key), _with_names(job, table))
        size = int((mine["end"] - mine["start"]).sum())
        return Made(outputs, {"documents": mine["row"].n_unique(), "parts": mine.height, "bytes": size})


def _sights(job: Job) -> Iterator[tuple[npt.NDArray[np.int64], Sights]]:
    """Batch by batch rows of a split, and the windows of what is left of their texts."""
    _, key = turn_and_key(job.key)
    span_of = method_of(job).span
    assert span_of is not None, "turns_of says so"
    for rows, texts in texts_left(job, key, left_of(job, key)):
        yield rows, sights_of(text_buffers(texts), span_of(dedup_of(job)))


def _found(sighted: Iterator[tuple[npt.NDArray[np.int64], Sights]], is_twice: Answers) -> SplitWindows:
    """Of a split the windows of which others may have their sight."""
    found = [SplitWindows.none()]
    for rows, sights in sighted:
        which = np.flatnonzero(is_twice.of(sights.hashes)[sights.of])
        taken = Windows._make(column[which] for column in sights.windows)
        theirs = sights.hashes[sights.of[which]]
        found.append(SplitWindows(taken.hashes, theirs, rows[taken.documents], taken.starts, taken.ends))
    columns: Iterator[Any] = (np.concatenate(column) for column in zip(*found, strict=True))
    return SplitWindows._make(columns)


def _rows_left(
    job: Job, rows: npt.NDArray[np.int64], cuts: Cuts, changed: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Without those that have too little left for a document."""
    _, key = turn_and_key(job.key)
    gone = [np.empty(0, np.int64)]
    for which, texts in text_batches(job, key, np.unique(changed)):
        gone.append(which[~has_enough(cut_texts(texts, cuts, which), dedup_of(job).min_words_left)])
    return np.setdiff1d(rows, np.concatenate(gone))


def _with_names(job: Job, table: pl.DataFrame) -> pl.DataFrame:
    """The rows of `dedup/cuts.parquet` of one split."""
    _, key = turn_and_key(job.key)
    ids = pl.read_parquet(open_filtered(job.store, key, "signatures"), columns=["id"], glob=False)["id"]
    names = pl.Series(dedup_of(job).method, dtype=pl.String)
    columns = {"id": ids.gather(table["row"]), "method": names.gather(table["method"])}
    found = table.with_columns(**columns).select("id", "start", "end", "method", "held_by")
    return found.sort("id", "start")


def _of_splits(job: Job, stage: str) -> Iterator[bytes]:
    """What all splits have left for a range in this turn."""
    turn, _ = turn_and_key(job.key)
    return slices_of(job, stage, partial(part_name, stage), [f"{turn}{TURN}{key}" for key in split_keys(job.plan)])


def _of_ranges(job: Job, stage: str) -> list[bytes]:
    """What all ranges have left for a split in this turn."""
    turn, key = turn_and_key(job.key)
    ranges = range(ranges_decided(job.store))
    return answers_to(job, key, stage, [f"{turn}{TURN}{key_of(number)}" for number in ranges])
