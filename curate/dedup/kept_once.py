"""Windows of texts that stand twice, gathered from all splits by range: of equal ones the best stays, the others go.

windows of a split, its documents' accounts ─▶ by range of their sights       (`windows_by_range`, a task a split)
range r of all splits ─▶ ranks ─▶ all but the best of equal ones ─▶ by split  (`cuts_in_range`, a task a range)
what all ranges cut in a split ─▶ merged ─▶ Cuts                              (`joined_cuts`)

It is what `curate.dedup.repeats` does of all at once, and by the same kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.held import HeldCuts, packed, places_in, unpacked
from curate.dedup.often import in_ranges
from curate.dedup.ranking import keep_word, rank_documents
from curate.dedup.repeats import CUT, WINDOW, join_method, keep_best, merge_cuts, rows_as
from curate.recipe_dedup import Dedup

SENT = np.dtype([("hash", "<u8"), ("account", "<u4"), ("start", "<i4"), ("end", "<i4")])
"""A window on its way: `account` is the place of its document among those beside it."""
HEAD_BYTES = 8
CUT_OF_RANGE = {"row": pl.UInt32, "start": pl.Int32, "end": pl.Int32, "held_by": pl.String}


class SplitWindows(NamedTuple):
    """Windows of a split, one after the other: hash and sight (uint64), row of the document (int64), start and end
    (int32)."""

    hashes: npt.NDArray[np.uint64]
    sights: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]

    @classmethod
    def none(cls) -> SplitWindows:
        hashes, places = np.empty(0, np.uint64), np.empty(0, np.int32)
        return cls(hashes, hashes, np.empty(0, np.int64), places, places)


def windows_by_range(found: SplitWindows, accounts: pl.DataFrame, ranges: int) -> list[bytes]:
    """Of each range the windows whose sights lie there, and the accounts of their documents. `accounts` has a row for
    each row of the split: `id, source, length`, and `keep_value` where `keep` asks for it."""
    order, bounds = in_ranges(found.sights, ranges)
    return [_sent(found, order[first:last], accounts) if first < last else b"" for first, last in pairwise(bounds)]


def _sent(found: SplitWindows, which: npt.NDArray[np.int64], accounts: pl.DataFrame) -> bytes:
    rows, place = np.unique(found.rows[which], return_inverse=True)
    windows = rows_as(SENT, found.hashes[which], place, found.starts[which], found.ends[which])
    theirs = accounts[rows].with_columns(pl.Series("row", rows, dtype=pl.UInt32))
    return len(windows).to_bytes(HEAD_BYTES, "little") + windows.tobytes() + packed(theirs)


def cuts_in_range(slices: Iterable[bytes], dedup: Dedup) -> list[bytes]:
    """Of one range, split by split, the windows that go, with the document that keeps each."""
    windows, accounts = [np.empty(0, WINDOW)], []
    split = count = 0
    for split, content in enumerate(slices):
        if content:
            theirs, frame = _opened(content, split)
            theirs["document"] += count
            count += frame.height
            windows.append(theirs)
            accounts.append(frame)
    splits = split + 1
    if not accounts:
        return [b""] * splits
    documents = pl.concat(accounts).with_row_index("sent").sort("id")
    place = np.empty(count, dtype=np.int64)
    place[documents["sent"].to_numpy()] = np.arange(count)
    rows = np.concatenate(windows)
    windows.clear()
    rows["document"] = place[rows["document"]]
    rank = rank_documents(documents, prefer=dedup.prefer, keep=keep_word(dedup))
    return _by_split(keep_best(rows, rank), documents, splits)


def _opened(content: bytes, split: int) -> tuple[npt.NDArray[np.void], pl.DataFrame]:
    count = int.from_bytes(content[:HEAD_BYTES], "little")
    sent = np.frombuffer(content, SENT, count, offset=HEAD_BYTES)
    accounts = unpacked(content[HEAD_BYTES + sent.nbytes :])
    windows = rows_as(WINDOW, *(sent[name] for name in ("hash", "account", "start", "end")))
    return windows, accounts.with_columns(pl.lit(split, pl.UInt32).alias("split"))


def _by_split(cut: npt.NDArray[np.void], documents: pl.DataFrame, splits: int) -> list[bytes]:
    split = documents["split"].to_numpy()[cut["document"]]
    order = np.argsort(split, kind="stable")
    bounds = np.searchsorted(split[order], np.arange(splits + 1)).tolist()
    parts = (cut[order[first:last]] for first, last in pairwise(bounds))
    return [_told(part, documents) if len(part) else b"" for part in parts]


def _told(cut: npt.NDArray[np.void], documents: pl.DataFrame) -> bytes:
    columns = {"row": documents["row"].gather(cut["document"]), "start": cut["start"], "end": cut["end"]}
    columns["held_by"] = documents["id"].gather(cut["holder"])
    return packed(pl.DataFrame(columns, schema=CUT_OF_RANGE))


def joined_cuts(contents: Sequence[bytes], method: int) -> HeldCuts:
    """What the ranges cut in one split: in order, no two overlap."""
    table = pl.concat([pl.DataFrame(schema=CUT_OF_RANGE), *(unpacked(content) for content in contents if content)])
    ids = table["held_by"].unique().sort()
    rows = rows_as(
        CUT,
        table["row"].to_numpy(),
        places_in(ids, table["held_by"]),
        table["start"].to_numpy(),
        table["end"].to_numpy(),
    )
    return HeldCuts(join_method([merge_cuts(rows)], method), ids)
