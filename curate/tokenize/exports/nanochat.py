"""nanochat's files: Parquet with texts, which it tokenizes itself; the last file is for validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.tokenize.exports.format import Format, Unit, Wanted

ROWS_OF_GROUP = 1024
ROWS_OF_FILE = 53_248
"""As many row groups as 52, so that ranks up to that number each find one."""
SCHEMA = pa.schema([("text", pa.string())])


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    number = 0
    for texts in _files(wanted.texts(unit, "train"), ROWS_OF_FILE):
        _write_file(folder / f"shard_{number:05}.parquet", texts)
        number += 1
    held_out = [*wanted.texts(unit, "validation")]
    if held_out:
        _write_file(folder / f"shard_{number:05}.parquet", pl.concat(held_out))
        return ()
    return ("the last file is training text: the run holds no validation documents of it",)


def _files(texts: Iterator[pl.Series], size: int) -> Iterator[pl.Series]:
    """The same texts, so many at a time."""
    held = pl.Series("text", [], dtype=pl.String)
    for piece in texts:
        held = pl.concat([held, piece])
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if len(held):
        yield held


def _write_file(path: Path, texts: pl.Series) -> None:
    table = pa.Table.from_arrays([texts.to_arrow().cast(pa.string())], schema=SCHEMA)
    pq.write_table(table, path, row_group_size=ROWS_OF_GROUP, compression="zstd", compression_level=3)


SNIPPET = """\
from glob import glob

import pyarrow.parquet as pq

paths = sorted(glob("shard_*.parquet"))           # the last one is nanochat's validation split
file = pq.ParquetFile(paths[0])
texts = file.read_row_group(0)["text"].to_pylist()
print(len(paths), file.num_row_groups, texts[0][:80])
"""
NANOCHAT = Format(
    name="nanochat",
    about="shard_NNNNN.parquet with texts: nanochat",
    write=_write,
    snippet=SNIPPET,
)
