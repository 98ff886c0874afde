"""MosaicML streaming's files: shard.NNNNN.mds with samples of one length, and index.json, as llm-foundry reads them.

number of samples │ n + 1 offsets, uint32 │ the columns as JSON │ samples: int32[row_length] each
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.exports.payload import count, rows

SIZE_LIMIT = 1 << 26
"""Bytes of a shard file, as the library's own writer has it."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    columns, told = _columns(wanted.row_length), []
    for part in PARTS:
        (folder / part).mkdir()
        shards: list[dict[str, Any]] = []
        written = 0
        for matrix in _files(rows(unit.shards(part), wanted.row_length), SIZE_LIMIT // (4 * wanted.row_length + 4)):
            path = folder / part / f"shard.{len(shards):05}.mds"
            _write_file(path, matrix, columns)
            raw = {"basename": path.name, "bytes": path.stat().st_size, "hashes": {}}
            shards.append({**columns, "raw_data": raw, "samples": len(matrix), "zip_data": None})
            written += matrix.size
        content = json.dumps({"shards": shards, "version": 2}, sort_keys=True)
        (folder / part / "index.json").write_text(content, encoding="utf-8")
        if left := count(unit.shards(part)) - written:
            told.append(f"{left:,} tokens at the end of {part} do not fill a sample of {wanted.row_length}")
    return told


def _columns(length: int) -> dict[str, Any]:
    return {
        "column_encodings": [f"ndarray:int32:{length}"],
        "column_names": ["tokens"],
        "column_sizes": [4 * length],
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": SIZE_LIMIT,
        "version": 2,
    }


def _files(matrices: Iterator[npt.NDArray[Any]], size: int) -> Iterator[npt.NDArray[Any]]:
    """The same rows, so many at a time."""
    held = next(matrices, None)
    while held is not None and len(held):
        if len(held) < size and (more := next(matrices, None)) is not None:
            held = np.concatenate([held, more])
            continue
        yield held[:size]
        held = held[size:]


def _write_file(path: Path, matrix: npt.NDArray[Any], columns: dict[str, Any]) -> None:
    head = json.dumps(columns, sort_keys=True).encode()
    begin = 4 + 4 * (len(matrix) + 1) + len(head)
    with path.open("wb") as file:
        file.write(np.array([len(matrix)], dtype="<u4").tobytes())
        file.write((begin + np.arange(len(matrix) + 1) * matrix.shape[1] * 4).astype("<u4").tobytes())
        file.write(head)
        file.write(matrix.astype("<i4").tobytes())


SNIPPET = """\
from streaming import StreamingDataset

dataset = StreamingDataset(local="{part}", shuffle=False, batch_size=1)
print(len(dataset), dataset[0]["tokens"].shape, dataset[0]["tokens"][:10])
"""
MDS = Format(
    name="mds",
    about="shard.NNNNN.mds and index.json, samples of one length: MosaicML streaming, llm-foundry",
    write=_write,
    snippet=SNIPPET,
)
