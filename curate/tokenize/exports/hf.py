"""Parquet for Hugging Face's `datasets`: a row a document, its id, its tokens in `input_ids`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.tokenize.document_ends import whole_runs
from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.shards import Shard

SCHEMA = pa.schema([("id", pa.string()), ("input_ids", pa.list_(pa.int32()))])
TOKENS_OF_GROUP = 1 << 22
"""About so many tokens stand in one row group."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        for number, shard in enumerate(shards := unit.shards(part)):
            _write_shard(shard, folder / f"{part}-{number:05}-of-{len(shards):05}.parquet")
    return ()


def _write_shard(shard: Shard, path: Path) -> None:
    ids, ends = shard.documents()["id"].to_arrow().cast(pa.string()), shard.ends.astype(np.int64)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=3) as writer:
        for first, last in whole_runs(ends, TOKENS_OF_GROUP):
            begin = int(ends[first - 1]) if first else 0
            tokens = pa.array(shard.tokens[begin : int(ends[last - 1])].astype(np.int32))
            borders = np.concatenate([[begin], ends[first:last]]) - begin
            lists = pa.ListArray.from_arrays(pa.array(borders.astype(np.int32)), tokens)
            writer.write_table(pa.Table.from_arrays([ids.slice(first, last - first), lists], schema=SCHEMA))


SNIPPET = """\
from datasets import load_dataset

files = {"train": "train-*.parquet", "validation": "validation-*.parquet"}
dataset = load_dataset("parquet", data_files=files, streaming=True)
row = next(iter(dataset["{part}"]))
print(row["id"], row["input_ids"][:10], row["input_ids"][-1] == {end_of_text})
"""
HF = Format(
    name="hf",
    about="Parquet with input_ids, a row a document: Hugging Face datasets",
    write=_write,
    snippet=SNIPPET,
)
