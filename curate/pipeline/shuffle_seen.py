"""A method that takes documents one after the other, where deduplication is done in parts: one task, split by split.

what is left of all splits, in a fixed order ─▶ dedup-seen: the method's memory of what it has seen ─▶ cuts, by split

It holds what the method does, a Bloom filter of all texts, and of documents those of one split.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.dedup.cuts import NOBODY, Cuts, join_cuts
from curate.dedup.held import HeldCuts
from curate.engine.job import Job, Made
from curate.pipeline.filtered import open_filtered
from curate.pipeline.parts import ALL, SEEN, TURN, split_keys, turn_and_key
from curate.pipeline.shuffle import answers_to, dedup_of, sliced
from curate.pipeline.shuffle_left import Readings, left_of, method_of, texts_left
from curate.run_files import part_name

ROW_BITS = 32
"""A document is called by the number of its split, and in the low bits by its row there."""


def seen_run(job: Job) -> Made:
    """The one task of a method: what it cuts, by split."""
    turn, _ = turn_and_key(job.key)
    cut = method_of(job).in_order
    assert cut is not None, "turns_of says so"
    with tempfile.TemporaryDirectory(dir=job.store.scratch, prefix="seen-") as folder:
        parts = InFiles(Path(folder), len(job.plan.splits))
        with job.clock("windows"):
            for cuts in cut(dedup_of(job), turn, partial(_readings, job), partial(_in_order, job)):
                parts.add(cuts)
        return sliced(job, part_name(SEEN, job.key), parts, {})


def seen_cuts(job: Job) -> HeldCuts:
    """What it cuts in the split of the job."""
    turn, key = turn_and_key(job.key)
    [content] = answers_to(job, key, SEEN, [f"{turn}{TURN}{ALL}"])
    row, start, end = np.frombuffer(content, np.int64).reshape(-1, 3).T
    cuts = Cuts(row, start, end, np.full(len(row), turn, np.int8), np.full(len(row), NOBODY))
    return HeldCuts.none()._replace(cuts=join_cuts([cuts]))


@dataclass(frozen=True)
class InFiles(Sequence[bytes]):
    """What is cut in each split, added batch by batch: in a file of each, as memory should not hold all."""

    folder: Path
    splits: int

    def add(self, cuts: Cuts) -> None:
        split = cuts.document >> ROW_BITS
        for number in np.unique(split).tolist():
            which = split == number
            rows = cuts.document[which] - (number << ROW_BITS)
            with (self.folder / str(number)).open("ab") as file:
                np.stack([rows, cuts.start[which], cuts.end[which]], axis=1).astype(np.int64).tofile(file)

    def __len__(self) -> int:
        return self.splits

    def __getitem__(self, number: Any) -> Any:
        path = self.folder / str(number)
        return path.read_bytes() if path.exists() else b""


def _readings(job: Job) -> Readings:
    for number, key in enumerate(split_keys(job.plan)):
        yield from _numbered(number, texts_left(job, key, left_of(job, key)))


def _in_order(job: Job) -> Readings:
    """Sources of `prefer` first, then splits by the smallest id that is left, in each by id."""
    keys = [*split_keys(job.plan)]
    firsts = [(first.row(0), number) for number, key in enumerate(keys) if (first := _places(job, key).head(1)).height]
    for _, number in sorted(firsts):
        order = _places(job, keys[number])["place"].cast(pl.Int64).to_numpy()
        yield from _numbered(number, texts_left(job, keys[number], left_of(job, keys[number]), order))


def _places(job: Job, key: str) -> pl.DataFrame:
    """What is left of a split, in order: the source's place in `prefer`, the id, the place in `SplitLeft.rows`."""
    prefer, left = dedup_of(job).prefer, left_of(job, key)
    signatures = open_filtered(job.store, key, "signatures")
    frame = pl.read_parquet(signatures, columns=["source", "id"], glob=False)[left.rows].with_row_index("place")
    sources = dict(zip(prefer, range(len(prefer)), strict=True))
    source = pl.col("source").replace_strict(sources, default=len(prefer), return_dtype=pl.Int64)
    return frame.select(source, "id", "place").sort("source", "id")


def _numbered(number: int, readings: Readings) -> Readings:
    for rows, texts in readings:
        yield rows + (number << ROW_BITS), texts
