"""A search in the texts of kept documents: from where the last answer ended, until a page is full or time is up.

RUN/documents, a group of rows at a time ─▶ all words stand in it? ─▶ numbers of rows, and how far it came
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from curate.browse.table import LedgerTable
from curate.run_files import documents

MAX_SECONDS = 0.12
"""After which an answer is given with what was found so far; a group of rows is always finished."""


class TextHits(NamedTuple):
    """`rows` are numbers of rows in their order; `next` is where a search goes on, None: it has come to the end; `done`
    is the share of the groups of rows that was looked at, 0 to 1."""

    rows: pl.Series
    next: int | None
    done: float


def search_texts(
    table: LedgerTable, words: Sequence[str], among: pl.Series, *, start: int = 0, most: int = 50
) -> TextHits:
    """Kept documents `among` some rows whose text holds all words, whatever their case, from the group of rows `start`
    on: `most` of them or a few more."""
    groups = [*_groups(table)]
    wanted = pl.repeat(False, table.height, eager=True).scatter(among, True)
    found, began, at = pl.Series("number", dtype=pl.UInt32), time.monotonic(), start
    while at < len(groups) and len(found) < most and (at == start or time.monotonic() - began < MAX_SECONDS):
        found = pl.concat([found, _found_in(table, groups[at], words, wanted)])
        at += 1
    is_end = at >= len(groups)
    return TextHits(found, None if is_end else at, 1.0 if is_end else at / len(groups))


def _groups(table: LedgerTable) -> Iterator[tuple[Path, Path, int]]:
    """Of all files of documents, beside those of the ledger."""
    for file in table.files:
        path = table.run.folder / documents(file.parent.name, int(file.stem))
        if path.is_file():
            yield from ((file, path, group) for group in range(pq.ParquetFile(path).metadata.num_row_groups))


def _found_in(table: LedgerTable, group: tuple[Path, Path, int], words: Sequence[str], wanted: pl.Series) -> pl.Series:
    ledger, path, number = group
    first, end = table.rows_of_file(ledger)
    none = pl.Series("number", dtype=pl.UInt32)
    if not wanted[first:end].any():
        return none
    held = pl.from_arrow(pq.ParquetFile(path).read_row_group(number, columns=["id", "text"]))
    assert isinstance(held, pl.DataFrame)
    holds = [pl.col("text").str.contains(f"(?i){re.escape(word)}") for word in words]
    ids = held.filter(pl.all_horizontal(pl.lit(True), *holds)).select("id")
    if ids.is_empty():
        return none
    numbered = table.columns(["id"])[first:end].with_columns(
        pl.int_range(first, end, dtype=pl.UInt32).alias("number"), wanted[first:end].alias("_wanted")
    )
    return numbered.filter("_wanted").join(ids, on="id", how="semi", maintain_order="left")["number"]
