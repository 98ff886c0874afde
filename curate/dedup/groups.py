"""Documents that may meet, gathered from all splits, and what `find_duplicates` says of them apart from all others.

rows of a split that are in groups ─▶ columns, and text where it is compared ─▶ by group, as bytes  (`rows_by_group`)
bytes of one group from all splits ─▶ scratch files of a bounded size ─▶ find_duplicates ─▶ verdicts (`find_in_group`)
verdicts of all groups ─▶ window after window of ids ─▶ in order                                   (`in_order_of_ids`)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from curate.dedup.cleanest import Clean
from curate.dedup.excerpts import greatest_losses
from curate.dedup.find import Found, columns_read, find_duplicates
from curate.dedup.held import packed, unpacked
from curate.dedup.methods import until_verified
from curate.dedup.signatures import SignatureFiles
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
    """`verdicts` as `find_duplicates` says them, `texts` (id, text) of the removals that lose most, and split by split,
    of its rows in the group, which are copies (bits)."""

    verdicts: pl.DataFrame
    texts: pl.DataFrame
    copies: list[bytes]


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
    frame = _gather(signatures, columns_read(dedup, has_texts=True, has_index=bool(dedup.against)), rows)
    if documents is not None:
        frame = frame.hstack(_gather(documents, ["text"], rows))
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(groups + 1)).tolist()
    parts = (frame[order[first:last]] for first, last in pairwise(bounds))
    return [packed(part) if part.height or not number else b"" for number, part in enumerate(parts)]


def _gather(path: Path, columns: list[str], rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Some rows of a file, in rising order, with few of the others in memory."""
    from pyarrow.parquet import ParquetFile  # only here: it brings the network's libraries along

    with ParquetFile(path, memory_map=True) as file:
        found, start = [file.schema_arrow.empty_table().select(columns)], 0
        for batch in file.iter_batches(BATCH, columns=columns):
            first, last = np.searchsorted(rows, [start, start + batch.num_rows])
            # Taken by arrow, which copies: rows of a frame would hold on to all that was read.
            found.append(pa.Table.from_batches([batch.take(pa.array(rows[first:last] - start))]))
            start += batch.num_rows
    frame = pl.DataFrame(pa.concat_tables(found))
    pa.default_memory_pool().release_unused()  # else it keeps what the batches took for the next file
    return frame


def find_in_group(
    contents: Iterable[bytes],
    dedup: Dedup,
    *,
    scratch: Path,
    cores: int = 1,
    earlier: Iterable[bytes] = (),
    clean: Sequence[bytes] = (),
) -> GroupFound:
    """What repeats what of the documents of one group, from the slices of all splits, and of an index, `earlier`. With
    `clean`, how clean each row of the splits is (float64)."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="group-") as folder:
        parts = GroupFiles.written(contents, Path(folder), earlier)
        known = np.frombuffer(b"".join(clean)) if clean else None
        found = parts.search(dedup, scratch, cores, None if known is None else partial(_clean_of, known))
        losses = greatest_losses(found.verdicts)
        ids = pl.concat([losses["id"], losses["duplicate_of"]]).unique()
        copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null())["id"]
        is_copy = parts.ids().is_in(copies.implode()).to_numpy()
        return GroupFound(found.verdicts, _texts_of(parts.files if len(ids) else [], ids), parts.by_split(is_copy))


def _clean_of(
    known: npt.NDArray[np.float64], files: SignatureFiles, stays: npt.NDArray[np.bool_], members: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Earlier documents, whose rows stand behind all others, are clean or not: they stay in any case."""
    every = np.zeros(int(files.starts[-1]))
    every[: len(known)] = known
    return np.asarray(every[files.rows])


def stays_in_group(
    contents: Iterable[bytes], dedup: Dedup, *, scratch: Path, cores: int = 1, earlier: Iterable[bytes] = ()
) -> list[bytes]:
    """Split by split, which of its rows in the group (bits) would stay if nobody asked for the cleanest: their lines
    decide who that is."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="group-") as folder:
        parts = GroupFiles.written(contents, Path(folder), earlier)
        seen: list[npt.NDArray[np.int64]] = []

        def look(files: SignatureFiles, stays: npt.NDArray[np.bool_], members: object) -> npt.NDArray[np.float64]:
            seen.append(files.rows[stays])
            return np.zeros(len(stays))

        found = parts.search(until_verified(dedup), scratch, cores, look)
        copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null())["id"]
        ids = parts.ids()
        stays = ~ids.is_in(copies.implode()).to_numpy()
        if seen:  # else there were no candidates, and nobody asked
            stays[:] = False
            stays[seen[0][seen[0] < len(ids)]] = True
        return parts.by_split(stays)


@dataclass(frozen=True, slots=True)
class GroupFiles:
    """The documents of a group as signature files with the texts beside, some slices a file: `heights` are the rows of
    each slice. Those of an index stand behind, in files of their own."""

    files: list[Path]
    heights: list[int]
    earlier: list[Path]

    @classmethod
    def written(cls, contents: Iterable[bytes], folder: Path, earlier: Iterable[bytes]) -> GroupFiles:
        files, heights = _part_files(contents, folder, "")
        return cls(files, heights, _part_files(earlier, folder, "earlier-")[0])

    def search(self, dedup: Dedup, scratch: Path, cores: int, clean: Clean | None) -> Found:
        def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
            return pl.read_parquet(self.files[number], columns=["text"], glob=False)["text"].gather(rows)

        return find_duplicates(
            self.files, dedup, texts=texts, scratch=scratch, earlier=self.earlier, cores=cores, clean=clean
        )

    def ids(self) -> pl.Series:
        nothing = pl.Series("id", [], dtype=pl.String)
        return pl.concat([nothing, *(pl.read_parquet(file, columns=["id"], glob=False)["id"] for file in self.files)])

    def by_split(self, bits: npt.NDArray[np.bool_]) -> list[bytes]:
        bounds = np.cumsum([0, *self.heights]).tolist()
        return [np.packbits(bits[first:last]).tobytes() for first, last in pairwise(bounds)]


def _part_files(contents: Iterable[bytes], folder: Path, prefix: str) -> tuple[list[Path], list[int]]:
    files: list[Path] = []
    heights: list[int] = []
    waiting: list[pl.DataFrame] = []
    size = 0
    for content in contents:
        if waiting and size + len(content) > MAX_PART_BYTES:
            files.append(_write_part(waiting, folder / f"{prefix}{len(files)}.parquet"))
            waiting.clear()
            size = 0
        heights.append(0)
        if content:
            waiting.append(unpacked(content))
            heights[-1], size = waiting[-1].height, size + len(content)
    if waiting:
        files.append(_write_part(waiting, folder / f"{prefix}{len(files)}.parquet"))
    return files, heights


def _write_part(frames: Sequence[pl.DataFrame], path: Path) -> Path:
    pl.concat(frames).rechunk().write_parquet(path, compression="lz4")
    return path


def _texts_of(files: Sequence[Path], ids: pl.Series) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    scanned = (pl.scan_parquet(file, glob=False).select("id", "text") for file in files)
    return pl.concat([nothing, *(rows.filter(pl.col("id").is_in(ids.implode())).collect() for rows in scanned)])


def in_order_of_ids(files: Sequence[Path], *more: str) -> Iterator[pl.DataFrame]:
    """The rows of all files, each of which is sorted by `id`, as one table that is, some of them at a time; those with
    one id by other columns."""
    spans, sample = [], [pl.Series("id", [], dtype=pl.String)]
    for file in files:
        ids = pl.read_parquet(file, columns=["id"], glob=False)["id"]
        if len(ids):
            spans.append((ids[0], ids[-1], file))
            sample.append(ids.gather_every(SAMPLED))
    bounds = pl.concat(sample).sort().gather_every(WINDOW // SAMPLED).to_list()[1:]
    for low, high in pairwise([None, *bounds, None]):
        near = [file for first, last, file in spans if (low is None or last >= low) and (high is None or first < high)]
        rows = pl.scan_parquet(near or [files[0]], glob=False)
        rows = rows if low is None else rows.filter(pl.col("id") >= low)
        rows = rows if high is None else rows.filter(pl.col("id") < high)
        yield rows.collect().sort("id", *more)
