"""The table of views: the files that stand beside the payload of every shard, each of them one reading of it.

NNNNN.bin  raw tokens, little-endian uint16 or uint32, end-of-text after each document
 + NNNNN.bin.index, NNNNN.idx, NNNNN.docs.parquet, of conversations NNNNN.mask, and those of one's own of a recipe
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.engine.whole import OpenFile
from curate.errors import CurateError
from curate.tokenize.document_ends import DOCUMENT_ENDS
from curate.tokenize.document_table import DOCUMENT_TABLE
from curate.tokenize.loss_mask import LOSS_MASK
from curate.tokenize.megatron import MEGATRON
from curate.tokenize.view import ShardDocuments, Tokens, View

PAYLOAD = ".bin"
VIEWS: tuple[View, ...] = (DOCUMENT_ENDS, MEGATRON, DOCUMENT_TABLE, LOSS_MASK)


def suffixes(views: Sequence[View] = VIEWS) -> tuple[str, ...]:
    """Of all files that a shard may have, the payload first."""
    return (PAYLOAD, *(view.suffix for view in views))


def write_views(
    payload: Path, documents: ShardDocuments, open_file: OpenFile, views: Sequence[View] = VIEWS
) -> list[Path]:
    """Write those that are wanted beside a payload; returns their paths."""
    paths = []
    for view in views:
        if not view.is_wanted(documents):
            continue
        paths.append(view.beside(payload))
        with open_file(paths[-1]) as file:
            view.write(file, documents)
    return paths


def check_views(
    payload: Path,
    there: Collection[Path],
    tokens: Tokens,
    ends: npt.NDArray[np.uint64],
    views: Sequence[View] = VIEWS,
) -> list[str]:
    """A sentence for each of the files that are `there` beside a payload and tell of other documents than it holds."""
    found = []
    for view in views:
        path = view.beside(payload)
        try:
            if path in there:
                view.check(path, tokens, ends)
        except CurateError as error:  # also that a check of one's own breaks
            found.append(str(error))
    return found
