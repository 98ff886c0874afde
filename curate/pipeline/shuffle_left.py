"""What is left of a split's documents when a method that cuts has its turn, where deduplication is done in parts.

dedup-groups: copies ─▶ SplitLeft ─▶ a method's turn ─▶ SplitLeft ─▶ the next one's
                        rows that stay, and what was cut out of their texts so far
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.cuts import cut_texts
from curate.dedup.held import HeldCuts, as_held, as_table, packed, unpacked
from curate.dedup.method import PassageMethod
from curate.dedup.methods import find_method
from curate.engine.job import Job
from curate.engine.records import committed
from curate.engine.slices import read_slice
from curate.pipeline.parts import CUT, GROUPS, KEYS, TURN, turn_and_key, turns_of
from curate.pipeline.shuffle import bits_of_groups, dedup_of, text_batches
from curate.run_files import copies_name, part_name

Readings = Iterator[tuple[npt.NDArray[np.int64], pl.Series]]
"""Batch by batch documents, and what is left of their texts."""


class SplitLeft(NamedTuple):
    """The rows (int64) of the documents that stay, and what was cut."""

    rows: npt.NDArray[np.int64]
    held: HeldCuts


def left_of(job: Job, key: str) -> SplitLeft:
    """Of a split, when the method of the job has its turn."""
    turn, _ = turn_and_key(job.key)
    if before := [other for other in turns_of(dedup_of(job)) if other < turn]:
        name = f"{before[-1]}{TURN}{key}"
        table, rows = (read_slice(job.store, CUT, name, part_name(CUT, name), number) for number in range(2))
        return SplitLeft(np.frombuffer(rows, np.int64), as_held(unpacked(table)))
    members, is_copy = bits_of_groups(job, key, GROUPS, copies_name)
    stays = np.ones(committed(job.store, KEYS, key).counts["documents"], dtype=bool)
    stays[members] = ~is_copy
    return SplitLeft(np.flatnonzero(stays), HeldCuts.none())


def slices_left(left: SplitLeft) -> list[bytes]:
    """As `left_of` reads them."""
    return [packed(as_table(left.held)), left.rows.astype(np.int64).tobytes()]


def texts_left(job: Job, key: str, left: SplitLeft, order: npt.NDArray[np.int64] | None = None) -> Readings:
    """Documents are rows of the split."""
    for rows, texts in text_batches(job, key, left.rows, order):
        yield rows, cut_texts(texts, left.held.cuts, rows)


def method_of(job: Job) -> PassageMethod:
    """Whose turn it is."""
    turn, _ = turn_and_key(job.key)
    method = find_method(dedup_of(job).method[turn], dedup_of(job).base)
    assert isinstance(method, PassageMethod), "others have no turn"
    return method
