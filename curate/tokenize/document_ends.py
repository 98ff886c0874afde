"""Where documents end: the view by which a shard is opened. datatrove calls it `.ds.index`.

tokens of each document ─▶ NNNNN.bin.index: uint64, little-endian, cumulative, no leading 0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from curate.errors import CheckFailed
from curate.tokenize.view import ShardDocuments, Tokens, View

TOKENS_AT_ONCE = 1 << 24


def read_ends(path: Path) -> npt.NDArray[np.uint64]:
    """Document ends, each after the one before.

    Raises:
        CheckFailed: the file is damaged.
    """
    if path.stat().st_size % 8:
        raise CheckFailed(f"{path} has {path.stat().st_size} bytes, which are no whole numbers: it is damaged")
    ends: npt.NDArray[np.uint64] = np.fromfile(path, dtype="<u8")
    if len(ends) and (ends[0] == 0 or (ends[1:] <= ends[:-1]).any()):
        raise CheckFailed(f"{path} has document ends that do not rise: it is damaged")
    return ends


def whole_runs(ends: npt.NDArray[np.int64], max_tokens: int) -> Iterator[tuple[int, int]]:
    """Documents, by their numbers, as many at a time as hold so many tokens; at least one, however long it is."""
    first = 0
    while first < len(ends):
        begin = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, begin + max_tokens, side="right")), first + 1)
        yield first, last
        first = last


def _write(file: BinaryIO, documents: ShardDocuments) -> None:
    file.write(np.cumsum(documents.tokens).astype("<u8").tobytes())


def _check(path: Path, tokens: Tokens, ends: npt.NDArray[np.uint64]) -> None:
    """The token that ends the last document ends all others, and stands nowhere within them."""
    if not len(ends):
        return
    last = tokens[ends.astype(np.int64) - 1]
    pieces = (tokens[start : start + TOKENS_AT_ONCE] for start in range(0, len(tokens), TOKENS_AT_ONCE))
    count = sum(np.count_nonzero(piece == last[-1]) for piece in pieces)
    if (last != last[-1]).any() or count != len(ends):
        raise CheckFailed(f"{path} has document ends that are not where end-of-text stands")


DOCUMENT_ENDS = View(
    suffix=".bin.index",
    about="uint64 document ends in tokens, no leading 0 (datatrove's `.ds.index`)",
    write=_write,
    check=_check,
)
