"""Parquet for Hugging Face's `datasets`: a row a document, its id, its tokens in `input_ids`, of conversations which of
these are trained on, in `loss_mask`."""

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
MASKED = SCHEMA.append(pa.field("loss_mask", pa.list_(pa.int8())))
TOKENS_OF_GROUP = 1 << 22
"""About so many tokens stand in one row group."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        shards = unit.shards(part)
        has_mask = any(shard.mask() is not None for shard in shards)  # all files of a part have the same columns
        for number, shard in enumerate(shards):
            _write_shard(shard, folder / f"{part}-{number:05}-of-{len(shards):05}.parquet", has_mask)
    return ()


def _write_shard(shard: Shard, path: Path, has_mask: bool) -> None:
    ids, ends = shard.documents()["id"].to_arrow().cast(pa.string()), shard.ends.astype(np.int64)
    mask, schema = shard.mask(), MASKED if has_mask else SCHEMA
    if mask is None:
        mask = np.broadcast_to(np.uint8(1), len(shard.tokens))
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=3) as writer:
        for first, last in whole_runs(ends, TOKENS_OF_GROUP):
            begin, end = int(ends[first - 1]) if first else 0, int(ends[last - 1])
            borders = pa.array((np.concatenate([[begin], ends[first:last]]) - begin).astype(np.int32))
            values = [shard.tokens[begin:end].astype(np.int32), mask[begin:end].astype(np.int8)][: len(schema) - 1]
            lists = [pa.ListArray.from_arrays(borders, pa.array(value)) for value in values]
            writer.write_table(pa.Table.from_arrays([ids.slice(first, last - first), *lists], schema=schema))


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
