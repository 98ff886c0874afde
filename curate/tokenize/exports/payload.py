"""The payload of a run's shards under another name, or several of them as one file.

NNNNN.bin, NNNNN.bin, … ─┬─▶ join ─▶ one file
                         └─▶ rows(length): windows over all of them
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.engine.whole import COPIED_AT_ONCE, second_name
from curate.tokenize.shards import Shard

TOKENS_AT_ONCE = 1 << 22


def join(shards: Sequence[Shard], target: Path) -> None:
    """The tokens of all shards in one file: of a single shard a link."""
    if len(shards) == 1:
        second_name(shards[0].path, target)
        return
    with target.open("xb") as whole:
        for shard in shards:
            with shard.path.open("rb") as file:
                shutil.copyfileobj(file, whole, COPIED_AT_ONCE)


def pieces(shard: Shard) -> Iterator[npt.NDArray[Any]]:
    """Its tokens, some millions at a time."""
    for start in range(0, len(shard.tokens), TOKENS_AT_ONCE):
        yield shard.tokens[start : start + TOKENS_AT_ONCE]


def rows(shards: Sequence[Shard], length: int) -> Iterator[npt.NDArray[Any]]:
    """Matrices [n, length] of all tokens in their order, over the ends of shards; what fills no row is left."""
    held = np.zeros(0, dtype=shards[0].tokens.dtype if shards else np.uint16)
    for shard in shards:
        for piece in pieces(shard):
            held = np.concatenate([held, piece])
            whole = len(held) // length * length
            if whole:
                yield held[:whole].reshape(-1, length)
            held = held[whole:]


def count(shards: Sequence[Shard]) -> int:
    return sum(len(shard.tokens) for shard in shards)


def document_ends(shards: Sequence[Shard]) -> npt.NDArray[np.int64]:
    """Where documents end in the tokens of all shards, after one another: int64[documents]."""
    firsts = np.cumsum([0, *(len(shard.tokens) for shard in shards)], dtype=np.int64)
    parts = [shard.ends.astype(np.int64) + first for shard, first in zip(shards, firsts[:-1], strict=True)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
