"""A search in the texts of kept documents, which goes on where it was, a little at a time.

RUN/documents, a batch of rows at a time ─▶ all words stand in it? ─▶ numbers of rows found so far, and how far it came
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from curate.browse.table import LedgerTable
from curate.run_files import documents

MAX_SECONDS = 0.1
"""After which an answer is given with what was found so far."""
BATCH_ROWS = 500


class TextHits(NamedTuple):
    """`rows` are numbers of rows (UInt32), in their order; `done` is the share of kept documents that was looked at,
    0 to 1."""

    rows: pl.Series
    is_over: bool
    done: float


class TextSearch:
    """One search, with what it has found; several may ask it."""

    def __init__(self, table: LedgerTable, words: Sequence[str], among: pl.Series) -> None:
        """All words have to stand in a text, whatever their case, of documents `among` some rows."""
        self._table = table
        self._holds = [pl.col("text").str.contains(f"(?i){re.escape(word)}") for word in words]
        self._wanted = pl.repeat(False, table.height, eager=True).scatter(among, True)
        self._files = [*_files(table)]
        self._rows = sum(pq.ParquetFile(path).metadata.num_rows for _, path in self._files)
        self._seen = 0
        self._found = pl.Series("number", dtype=pl.UInt32)
        self._batches: Iterator[pl.Series] = self._search()
        self._is_over = False
        self._lock = threading.Lock()

    def hits(self, offset: int, most: int) -> TextHits:
        """`most` of what is found, from the one with the number `offset` on; fewer where that takes longer."""
        with self._lock:
            end = time.monotonic() + MAX_SECONDS
            while not self._is_over and len(self._found) < offset + most and time.monotonic() < end:
                batch = next(self._batches, None)
                self._is_over = batch is None
                self._found = self._found if batch is None else pl.concat([self._found, batch])
            done = 1.0 if self._is_over else self._seen / max(1, self._rows)
            return TextHits(self._found.slice(offset, most), self._is_over and len(self._found) <= offset + most, done)

    def _search(self) -> Iterator[pl.Series]:
        for ledger, path in self._files:
            first, end = self._table.rows_of_file(ledger)
            if not self._wanted[first:end].any():
                self._seen += pq.ParquetFile(path).metadata.num_rows
                continue
            numbers = self._table.columns(["id"])[first:end].with_columns(
                pl.int_range(first, end, dtype=pl.UInt32).alias("number"), self._wanted[first:end].alias("_wanted")
            )
            numbers = numbers.filter("_wanted")
            for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS, columns=["id", "text"]):
                held = pl.DataFrame(pl.from_arrow(batch))
                self._seen += held.height
                holds = held.filter(pl.all_horizontal(pl.lit(True), *self._holds)).select("id")
                yield numbers.join(holds, on="id", how="semi", maintain_order="left")["number"]


def _files(table: LedgerTable) -> Iterator[tuple[Path, Path]]:
    """Each file of the ledger with that of its kept documents, if it has any."""
    for file in table.files:
        path = table.run.file(documents(file.parent.name, int(file.stem)))
        if path.is_file():
            yield file, path
