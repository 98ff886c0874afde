"""Megatron-LM's index of a shard, one sequence a document, as `IndexedDataset` in its
megatron/core/datasets/indexed_dataset.py reads it.

tokens of each document ─▶ magic, version 1, dtype code, counts │ sizes int32 │ pointers int64 │ numbers int64
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from curate.errors import CheckFailed
from curate.tokenize.view import ShardDocuments, Tokens, View

MAGIC = b"MMIDIDX\x00\x00"
CODES = {2: 8, 4: 4}
"""Bytes a token -> dtype code: 8 is uint16; there is none for uint32, and 4 (int32) reads ids under 2**31 alike."""


def _write(file: BinaryIO, documents: ShardDocuments) -> None:
    file.write(_index(documents.tokens, documents.width))


def _index(token_counts: npt.NDArray[np.int64], width: int) -> bytes:
    count = len(token_counts)
    pointers = (np.cumsum(token_counts) - token_counts) * width  # where each begins, in bytes
    return b"".join(
        (
            MAGIC,
            struct.pack("<QBQQ", 1, CODES[width], count, count + 1),
            token_counts.astype("<i4").tobytes(),
            pointers.astype("<i8").tobytes(),
            np.arange(count + 1, dtype="<i8").tobytes(),
        )
    )


def _check(path: Path, tokens: Tokens, ends: npt.NDArray[np.uint64]) -> None:
    token_counts = np.diff(ends, prepend=np.uint64(0)).astype(np.int64)
    if path.read_bytes() != _index(token_counts, tokens.dtype.itemsize):
        raise CheckFailed(f"{path} is another index than that of the shard's documents")


MEGATRON = View(suffix=".idx", about="Megatron-LM's index", write=_write, check=_check)
