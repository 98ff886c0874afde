"""The ledger of a run in memory, column by column: each is read when it is first asked for, and stays.

RUN/ledger/<source>/*.parquet, in order ─▶ columns ─▶ one frame; a row's number is its name in the browser
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from curate.engine.sizes import BEFORE
from curate.errors import UsageError
from curate.report.holdings import HOST
from curate.run_files import LEDGER
from curate.run_folder import RunFolder

FEW_VALUES = ("source", "outcome", "step", "reason", "language", "page_type")
"""Columns that are kept as numbers of their values, which many rows share."""
ORDERS = 8
HOST_COLUMN = "url_host"
"""Of the URL; no ledger has it."""


class LedgerTable:
    """`height` rows, in the order of the recipe's sources, of files and of records."""

    def __init__(self, run: RunFolder) -> None:
        """
        Raises:
            UsageError: the run has no ledger yet.
        """
        self.run = run
        order = {source.name: number for number, source in enumerate(run.recipe.sources)}
        found = run.room(LEDGER).glob("*/*.parquet")
        self.files = sorted(found, key=lambda file: (order.get(file.parent.name, len(order)), file))
        if not self.files:
            raise UsageError(f"{run.place}/{LEDGER} holds no files")
        self._scan = pl.scan_parquet(self.files, glob=False)
        self.schema = self._scan.collect_schema()
        self._held = pl.DataFrame()
        self._lock = threading.Lock()
        heights = [pl.scan_parquet(file, glob=False).select(pl.len()).collect().item() for file in self.files]
        self.ends = pl.Series(heights, dtype=pl.Int64).cum_sum().to_list()
        """The number of the row behind the last one of each file."""
        self.order = lru_cache(maxsize=ORDERS)(self._order)
        """All numbers of rows, sorted by a column (name, descending)."""

    @property
    def height(self) -> int:
        return int(self.ends[-1])

    @property
    def offsets(self) -> Mapping[str, int]:
        """The number of each source's first row."""
        begins = [0, *self.ends[:-1]]
        return {file.parent.name: begin for file, begin in reversed([*zip(self.files, begins, strict=True)])}

    @property
    def signals(self) -> list[str]:
        """Columns that are numbers."""
        return [name for name, dtype in self.schema.items() if dtype.is_numeric() or dtype == pl.Boolean]

    def has(self, name: str) -> bool:
        return name in self.schema or (name == HOST_COLUMN and "url" in self.schema)

    def columns(self, names: Iterable[str]) -> pl.DataFrame:
        """All rows of some columns, in the order of the names.

        Raises:
            UsageError: the ledger has no such column.
        """
        wanted = list(dict.fromkeys(names))
        if unknown := next((name for name in wanted if not self.has(name)), None):
            raise UsageError(f'the ledger of {self.run.place} has no column "{unknown}"')
        with self._lock:
            lacking = [name for name in wanted if name not in self._held.columns]
            if lacking:
                self._held = pl.concat([self._held, self._read(lacking)], how="horizontal")
            return self._held.select(wanted)

    def _order(self, name: str, descending: bool) -> pl.Series:
        return order_of(self.columns([name]).to_series(), descending)

    def rows(self, numbers: pl.Series, names: Iterable[str]) -> pl.DataFrame:
        """Some rows, in the order of their numbers as given."""
        return self.columns(names)[numbers] if len(numbers) else self.columns(names).clear()

    def row(self, number: int) -> pl.DataFrame:
        """One row with all columns of the ledger.

        Raises:
            UsageError: there is none with this number.
        """
        if not 0 <= number < self.height:
            raise UsageError(f"{self.run.place} read {self.height:,} records; there is none with the number {number}")
        file = self.file_of(number)
        begin, _ = self.rows_of_file(file)
        return pl.scan_parquet(file, glob=False).slice(number - begin, 1).collect()

    def number_of(self, id: str) -> int | None:
        """Of the record with this id."""
        found = self.columns(["id"])["id"].eq(id).arg_max()
        return found if found is not None and self.columns(["id"])["id"][found] == id else None

    def file_of(self, number: int) -> Path:
        """The file in which a row stands."""
        return next(file for file, end in zip(self.files, self.ends, strict=True) if number < end)

    def rows_of_file(self, file: Path) -> tuple[int, int]:
        """The number of a file's first row, and of the one behind its last."""
        place = self.files.index(file)
        return (self.ends[place - 1] if place else 0), self.ends[place]

    def _read(self, names: list[str]) -> pl.DataFrame:
        frame = self._scan.select(_expression(name) for name in names).collect()
        few = [name for name in names if name in FEW_VALUES and frame.schema[name] == pl.String]
        return frame.with_columns(pl.col(few).cast(pl.Categorical))


def _expression(name: str) -> pl.Expr:
    if name == HOST_COLUMN:
        host = pl.col("url").str.strip_chars("<>").str.extract(HOST).str.to_lowercase()
        return host.cast(pl.Categorical).alias(HOST_COLUMN)
    return pl.col(name)


def order_of(values: pl.Series, descending: bool) -> pl.Series:
    """The places (UInt32) of values in their order, those that are null last."""
    shown = values.cast(pl.String) if values.dtype == pl.Categorical else values
    return shown.arg_sort(descending=descending, nulls_last=True)


def is_signal(name: str) -> bool:
    """A column of a table may be called as it likes; those of older texts are structs, and no numbers."""
    return not name.startswith(BEFORE)
