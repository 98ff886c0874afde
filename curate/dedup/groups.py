"""Documents that may meet, gathered from all splits, and what `find_duplicates` says of them apart from all others.

rows of a split that are in groups ─▶ columns, and text where it is compared ─▶ by group, as bytes  (`rows_by_group`)
bytes of one group from all splits ─▶ scratch files of a bounded size ─▶ find_duplicates ─▶ verdicts (`find_in_group`)
verdicts of all groups ─▶ window after window of ids ─▶ in order                                   (`in_order_of_ids`)
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.dedup.excerpts import greatest_losses
from curate.dedup.find import columns_read, find_duplicates
from curate.recipe_dedup import Dedup

BATCH = 1 << 12
"""Rows of a split that are read together."""
MAX_PART_BYTES = 16 << 20
"""Of a scratch file, as it comes from the splits."""
ROW_GROUP = 1 << 12
"""Rows of verdicts that are read together: a window of ids takes few of each group's."""
WINDOW = 1 << 16
"""Rows of verdicts that are put in order together."""
SAMPLED = 1 << 8
"""One of so many ids says where windows end."""


class GroupFound(NamedTuple):
    """`verdicts` as `find_duplicates` says them, and `texts` (id, text) of the removals that lose most."""

    verdicts: pl.DataFrame
    texts: pl.DataFrame


def rows_by_group(
    signatures: Path,
    documents: Path | None,
    rows: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    groups: int,
    dedup: Dedup,
) -> list[bytes]:
    """Of each group the named rows of one split, which rise; empty where it has none of it. With texts, where they are
    compared. Group 0 always has something to say: which columns there are."""
    frame = _gather(signatures, columns_read(dedup, has_texts=True), rows)
    if documents is not None:
        frame = frame.hstack(_gather(documents, ["text"], rows))
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(groups + 1)).tolist()
    parts = (frame[order[first:last]] for first, last in pairwise(bounds))
    return [_packed(part) if part.height or not number else b"" for number, part in enumerate(parts)]


def _gather(path: Path, columns: list[str], rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Some rows of a file, in rising order, with few of the others in memory."""
    with pq.ParquetFile(path, memory_map=True) as file:
        found, start = [file.schema_arrow.empty_table().select(columns)], 0
        for batch in file.iter_batches(BATCH, columns=columns):
            first, last = np.searchsorted(rows, [start, start + batch.num_rows])
            # Taken by arrow, which copies: rows of a frame would hold on to all that was read.
            found.append(pa.Table.from_batches([batch.take(pa.array(rows[first:last] - start))]))
            start += batch.num_rows
    frame = pl.DataFrame(pa.concat_tables(found))
    pa.default_memory_pool().release_unused()  # else it keeps what the batches took for the next file
    return frame


def _packed(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_ipc(content, compression="zstd")
    return content.getvalue()


def find_in_group(contents: Iterable[bytes], dedup: Dedup, *, scratch: Path, cores: int = 1) -> GroupFound:
    """What repeats what of the documents of one group, from the slices of all splits."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="group-") as folder:
        files = [*_part_files(contents, Path(folder))]

        def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
            return pl.read_parquet(files[number], columns=["text"], glob=False)["text"].gather(rows)

        found = find_duplicates(files, dedup, texts=texts, scratch=scratch, cores=cores)
        losses = greatest_losses(found.verdicts)
        ids = pl.concat([losses["id"], losses["duplicate_of"]]).unique()
        return GroupFound(found.verdicts, _texts_of(files if len(ids) else [], ids))


def _part_files(contents: Iterable[bytes], folder: Path) -> Iterator[Path]:
    """Signature files with the texts beside."""
    waiting: list[bytes] = []
    number = size = 0
    for content in contents:
        if waiting and size + len(content) > MAX_PART_BYTES:
            yield _write_part(waiting, folder / f"{number}.parquet")
            number, size = number + 1, 0
            waiting.clear()
        if content:
            waiting.append(content)
            size += len(content)
    if waiting:
        yield _write_part(waiting, folder / f"{number}.parquet")


def _write_part(contents: Sequence[bytes], path: Path) -> Path:
    frames = (pl.read_ipc(io.BytesIO(content)) for content in contents)
    pl.concat(frames).rechunk().write_parquet(path, compression="lz4")
    return path


def _texts_of(files: Sequence[Path], ids: pl.Series) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    scanned = (pl.scan_parquet(file, glob=False).select("id", "text") for file in files)
    return pl.concat([nothing, *(rows.filter(pl.col("id").is_in(ids.implode())).collect() for rows in scanned)])


def in_order_of_ids(files: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """The rows of all files, each of which is sorted by `id`, as one table that is, some of them at a time."""
    ids = pl.concat([pl.scan_parquet(file, glob=False).select(pl.col("id").gather_every(SAMPLED)) for file in files])
    sample = ids.collect()["id"].sort()
    bounds = sample.gather_every(WINDOW // SAMPLED).to_list()[1:]
    for low, high in pairwise([None, *bounds, None]):
        rows = pl.scan_parquet([*files], glob=False)
        rows = rows if low is None else rows.filter(pl.col("id") >= low)
        rows = rows if high is None else rows.filter(pl.col("id") < high)
        yield rows.collect().sort("id")
