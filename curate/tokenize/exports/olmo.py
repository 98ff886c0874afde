"""OLMo-core's files: part-NNNNN.npy, which are raw tokens for all their name, and a table of where documents lie."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.engine.whole import second_name
from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.shards import Shard


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        (folder / part).mkdir()
        for number, shard in enumerate(unit.shards(part)):
            target = folder / part / f"part-{number:05}.npy"
            second_name(shard.path, target)
            _write_documents(shard, target.with_suffix(".csv.gz"), target.name)
    return ()


def _write_documents(shard: Shard, path: Path, payload: str) -> None:
    """A line a document: start, end, id, where its tokens lie, its number; no header."""
    ends = shard.ends.tolist()
    starts = np.concatenate([[0], shard.ends[:-1]]).tolist()
    ids = shard.documents()["id"].to_list()
    rows = zip(starts, ends, ids, strict=True)
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as lines:
        for number, (start, end, id) in enumerate(rows):
            name = f'"{id.replace(chr(34), chr(34) * 2)}"' if set(id) & set(',"\r\n') else id
            lines.write(f"{int(start)},{int(end)},{name},{payload},{number}\n".encode())


SNIPPET = """\
from glob import glob

import numpy as np
from olmo_core.data import NumpyFSLDataset

paths = sorted(glob("{part}/*.npy"))
dataset = NumpyFSLDataset(
    *paths, sequence_length={row_length}, pad_token_id={end_of_text}, eos_token_id={end_of_text},
    vocab_size={vocab_size}, dtype=np.{dtype},
)
print(len(dataset), dataset[0]["input_ids"][:10])
"""
OLMO = Format(
    name="olmo",
    about="part-NNNNN.npy (raw) with .csv.gz: OLMo-core",
    write=_write,
    snippet=SNIPPET,
    is_linked=True,
)
