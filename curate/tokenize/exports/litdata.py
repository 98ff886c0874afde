"""litdata's files: chunk-0-N.bin, in which every document is an item, and index.json, for its `TokensLoader` (litgpt).

number of items │ n + 1 offsets, uint32 │ tokens            A chunk has under 4 GiB, as offsets are 32 bits
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.tokenize.document_ends import whole_runs
from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.shards import Shard

MAX_CHUNK_BYTES = 1 << 30
FORMATS = {2: "no_header_numpy:5", 4: "no_header_numpy:6"}
"""Bytes of a token: numpy's uint16 and uint32 in litdata's numbering."""
SPECIFICATION = '[1, {"type": null, "context": null, "children_spec": []}]'
"""torch's description of an item that is one array."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        (folder / part).mkdir()
        chunks: list[dict[str, Any]] = []
        for shard in unit.shards(part):
            most = MAX_CHUNK_BYTES // shard.tokens.dtype.itemsize
            for first, last in whole_runs(shard.ends.astype(np.int64), most):
                path = folder / part / f"chunk-0-{len(chunks)}.bin"
                tokens = _write_chunk(shard, first, last, path)
                about = {"chunk_bytes": path.stat().st_size, "chunk_size": last - first, "dim": tokens}
                chunks.append({**about, "filename": path.name})
        config = {
            "chunk_bytes": MAX_CHUNK_BYTES,
            "chunk_size": None,
            "compression": None,
            "data_format": [FORMATS[2 if wanted.vocabulary.dtype == "uint16" else 4]],
            "data_spec": SPECIFICATION,
            "encryption": None,
            "item_loader": "TokensLoader",
        }
        content = json.dumps({"chunks": chunks, "config": config}, sort_keys=True)
        (folder / part / "index.json").write_text(content, encoding="utf-8")
    return (
        f"blocks of TokensLoader never cross chunks: up to {wanted.row_length} tokens at each one's end are not seen",
    )


def _write_chunk(shard: Shard, first: int, last: int, path: Path) -> int:
    """One chunk of the documents first to last; how many tokens it holds."""
    ends = shard.ends.astype(np.int64)
    begin, end = int(ends[first - 1]) if first else 0, int(ends[last - 1])
    borders = np.concatenate([[begin], ends[first:last]]) - begin
    head = 4 * (1 + len(borders))
    with path.open("wb") as file:
        file.write(np.array([last - first], dtype="<u4").tobytes())
        file.write((head + borders * shard.tokens.dtype.itemsize).astype("<u4").tobytes())
        file.write(shard.tokens[begin:end].tobytes())
    return end - begin


SNIPPET = """\
from litdata import StreamingDataLoader, StreamingDataset, TokensLoader

dataset = StreamingDataset("{part}", item_loader=TokensLoader(block_size={row_length} + 1), shuffle=False)
for block in StreamingDataLoader(dataset, batch_size=1, num_workers=0):
    print(len(dataset), block[0][:10])
    break
"""
LITDATA = Format(
    name="litdata",
    about="chunk-0-N.bin and index.json: litdata's TokensLoader, litgpt",
    write=_write,
    snippet=SNIPPET,
)
