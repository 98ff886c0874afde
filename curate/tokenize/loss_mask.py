"""Which tokens are trained on: the view that shards of conversations have besides the others.

targets of each token ─▶ NNNNN.mask: a byte a token, 1 where a model learns to say it, else 0
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from curate.errors import CheckFailed
from curate.tokenize.view import ShardDocuments, Tokens, View


def open_mask(payload: Path, count: int) -> npt.NDArray[np.uint8] | None:
    """The mask beside a payload of so many tokens, memory-mapped: byte i is that of token i. None where there is none,
    and all are trained on.

    Raises:
        CheckFailed: it is of another size.
    """
    path = LOSS_MASK.beside(payload)
    if not path.is_file():
        return None
    if path.stat().st_size != count:
        raise CheckFailed(f"{path} has {path.stat().st_size:,} bytes for {count:,} tokens: one of the files is damaged")
    return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray) if count else np.zeros(0, dtype=np.uint8)


def _write(file: BinaryIO, documents: ShardDocuments) -> None:
    assert documents.targets is not None, "only such shards are asked for it"
    file.write(documents.targets.astype(np.uint8, copy=False).tobytes())


def _check(path: Path, tokens: Tokens, ends: npt.NDArray[np.uint64]) -> None:
    mask = np.fromfile(path, dtype=np.uint8)
    if len(mask) != len(tokens) or (len(mask) and mask.max() > 1):
        raise CheckFailed(f"{path} is no mask of {len(tokens):,} tokens, a byte 0 or 1 each")


LOSS_MASK = View(
    suffix=".mask",
    about="of conversations: a byte a token, 1 where it is trained on",
    write=_write,
    check=_check,
    is_wanted=lambda documents: documents.targets is not None,
)
