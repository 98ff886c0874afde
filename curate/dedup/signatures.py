"""The signature files of `filter` as `dedup` reads them: column by column, in an order that depends on ids alone.

files, in any order ─▶ ids sorted ─▶ document 0 … n - 1 ─▶ column(names): the keys of all documents
                                                        └▶ rows_of(documents): wide columns of a few
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from curate.dedup.minhash import unpack_signatures
from curate.errors import UsageError

VALUES_AT_ONCE = 1 << 20
"""Of columns that are read together: 8 MB. Each reading costs a millisecond, whatever it reads."""
ACCOUNT = ("id", "source", "length")


@dataclass(frozen=True, slots=True, eq=False)
class SignatureFiles:
    """Parquet files with one row a document. `documents` holds `id, source, length` and `earlier`, sorted by id;
    document i is row `rows[i]` of all files read one after another, and file k starts at row `starts[k]` of them
    (int64[files + 1]). `earlier` documents, those of an index, are in the last files.
    """

    paths: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    documents: pl.DataFrame

    @classmethod
    def open(
        cls,
        paths: Sequence[str | Path],
        *,
        columns: Sequence[str],
        account: Sequence[str] = ACCOUNT,
        earlier: Sequence[str | Path] = (),
    ) -> SignatureFiles:
        """Reads the account of every document; `columns` are the others that will be asked for. An id may stand once
        in `paths`, and in each of the `earlier` files.

        Raises:
            UsageError: a file is missing, is no Parquet file or lacks a column; an id stands twice.
        """
        names = tuple(str(path) for path in (*paths, *earlier))
        counts = [_check_file(name, [*account, *columns]) for name in names]
        starts = np.cumsum([0, *counts], dtype=np.int64)
        is_earlier = pl.col("row") >= int(starts[len(paths)])
        table = read_columns(names, account).with_row_index("row").with_columns(earlier=is_earlier)
        table = table.sort("id", "earlier") if earlier else table.sort("id")
        is_ours = ~pl.col("earlier") & ~pl.col("earlier").shift()
        twice = table.filter((pl.col("id") == pl.col("id").shift()) & is_ours)
        if len(twice):
            raise UsageError(f'the document "{twice["id"][0]}" stands twice in the signature files')
        return cls(names, starts, table["row"].cast(pl.Int64).to_numpy(), table.drop("row"))

    def without(self, ids: pl.Series) -> SignatureFiles:
        """But for the documents with these ids that are not earlier ones."""
        if ids.is_empty():
            return self
        gone = self.documents.select(pl.col("id").is_in(ids.implode()) & ~pl.col("earlier")).to_series()
        return replace(self, rows=self.rows[~gone.to_numpy()], documents=self.documents.filter(~gone))

    def column(self, *names: str) -> pl.DataFrame:
        """`document` (0 … n - 1) and the named columns of every document."""
        keys = read_columns(self.paths, names)
        return keys.select(pl.all().gather(self.rows)).with_row_index("document")

    def bands(
        self, names: Sequence[str], wanted: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]]:
        """Of each named column (UInt64) the documents of `wanted` that have a value, and the values."""
        documents = np.flatnonzero(wanted)
        rows = self.rows[documents]
        at_once = max(VALUES_AT_ONCE // max(int(self.starts[-1]), 1), 1)
        for first in range(0, len(names) if len(rows) else 0, at_once):
            table = read_columns(self.paths, names[first : first + at_once])
            for column in table.iter_columns():
                if not column.null_count():
                    yield documents, column.to_numpy()[rows]
                    continue
                has_value = column.is_not_null().to_numpy()[rows]
                yield documents[has_value], column.fill_null(0).to_numpy()[rows[has_value]]

    def values(self, name: str, documents: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """A column (UInt64) of documents that have a value."""
        found: npt.NDArray[np.uint64] = read_columns(self.paths, [name]).to_series().to_numpy()[self.rows[documents]]
        return found

    def packed(
        self, documents: npt.NDArray[np.int64], name: str
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]]:
        """File by file: places in `documents`, and their rows of a column that `pack_signatures` made."""
        from pyarrow.parquet import ParquetFile  # only here: it brings the network's libraries along

        for number, part, rows in self.places(documents):
            try:
                with ParquetFile(self.paths[number], memory_map=True) as file:
                    column = file.read(columns=[name]).column(0)
            except (pa.ArrowException, OSError, UnicodeError) as error:
                raise _damaged(self.paths[number], error) from error
            yield part, unpack_signatures(column, rows)

    def rows_of(
        self, documents: npt.NDArray[np.int64], names: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], pl.DataFrame]]:
        """File by file, only where there is something to read: places in `documents`, and their rows."""
        for number, part, rows in self.places(documents):
            yield part, read_columns([self.paths[number]], names)[rows]

    def places(
        self, documents: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Which file holds which of the documents: its number, places in `documents`, and their rows in the file."""
        rows = self.rows[documents]
        order = np.argsort(rows, kind="stable")
        bounds = np.searchsorted(rows[order], self.starts)
        for number, (start, first, last) in enumerate(zip(self.starts, bounds, bounds[1:], strict=False)):
            if first < last:
                part = order[first:last]
                yield number, part, rows[part] - start


def _check_file(path: str, columns: Sequence[str]) -> int:
    """The number of rows of a file that has all the columns."""
    from pyarrow.parquet import ParquetFile

    try:
        footer = ParquetFile(path)
    except FileNotFoundError as error:
        raise UsageError(f"there is no signature file {path}") from error
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise _damaged(path, error) from error
    with footer:
        missing = [name for name in columns if name not in footer.schema_arrow.names]
        if missing:
            raise UsageError(f"{path} has no column {', '.join(missing)}: it was signed for other methods or bands")
        return int(footer.metadata.num_rows)


def read_columns(paths: Sequence[str], names: Sequence[str]) -> pl.DataFrame:
    """Columns of all files, one after the other.

    Raises:
        UsageError: a file is damaged, or lacks a column.
    """
    if not paths:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    tables = pl.scan_parquet(list(paths), glob=False, extra_columns="ignore")
    try:
        return tables.select(names).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        for path in paths[:-1] if len(paths) > 1 else ():
            read_columns([path], names)  # names the one that is damaged
        raise _damaged(paths[-1], error) from error


def _damaged(path: str, error: Exception) -> Exception:
    """Damage in a file has no number; one from the operating system is not the file's fault."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return UsageError(f"{path} cannot be read as Parquet: {' '.join(str(error).split())}")
