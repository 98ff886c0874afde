"""What a view of a shard must answer: it is one object, and a row of `curate.tokenize.views`.

documents of a shard ─▶ View.write ─▶ NNNNN<suffix>, beside the payload NNNNN.bin
NNNNN<suffix>, tokens, document ends ─▶ View.check ─▶ nothing, or CheckFailed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # who trains on shards that others wrote has no polars
    import polars as pl

Tokens = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class ShardDocuments:
    """The documents of a shard, as its views tell of them."""

    ids: pl.Series
    tokens: npt.NDArray[np.int64]
    """How many each has, end-of-text included."""
    bytes: pl.Series
    """Of the UTF-8 text of each."""
    width: int
    """Bytes of a token in the payload: 2 or 4."""
    extra: pl.DataFrame | None = None
    """More columns, a row a document."""
    targets: npt.NDArray[np.uint8] | None = None
    """Of every token whether it is trained on, 1 or 0; None: all are."""


def _always(documents: ShardDocuments) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One reading of a shard: a file beside the payload that says where documents lie, in one trainer's way."""

    suffix: str
    """In the place of the payload's `.bin`."""
    about: str
    write: Callable[[BinaryIO, ShardDocuments], None]
    check: Callable[[Path, Tokens, npt.NDArray[np.uint64]], None]
    """Of the file, the payload's tokens, and where documents end in them.

    Raises:
        CheckFailed: the file tells of other documents.
    """
    is_wanted: Callable[[ShardDocuments], bool] = _always
    """Of which shards there is such a file."""

    def beside(self, payload: Path) -> Path:
        return payload.with_suffix(self.suffix)
