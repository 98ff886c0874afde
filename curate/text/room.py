"""Scratch of the kernels that measure a document: arrays that serve one document after the other, and grow with them.

the largest document so far ─▶ Characters, Words
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from curate.text.compiled import inner
from curate.text.hashes import table_size
from curate.text.ngrams import BYTES_A_WORD


class Characters(NamedTuple):
    """Scratch of at least as many entries as the document has bytes."""

    codes: Any
    classes: Any
    starts: Any
    ends: Any
    stack: Any


class Words(NamedTuple):
    """Scratch for more entries than the document has words; the tables of hashes hold them at most half full."""

    hashes: Any
    lengths: Any
    places: Any
    values: Any
    marks: Any
    keys: Any
    repeats: Any
    firsts: Any


@inner
def room_for_characters(size):  # type: ignore[no-untyped-def]
    room = size + size // 2
    return Characters(
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.uint32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
    )


@inner
def room_for_words(size):  # type: ignore[no-untyped-def]
    room = size + size // 2 + 1
    slots = table_size(room)
    return Words(
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.uint64),
        np.empty(slots * BYTES_A_WORD // 2, dtype=np.uint8),
        np.empty(slots, dtype=np.uint64),
        np.empty(slots, dtype=np.int32),
        np.empty(slots, dtype=np.int32),
    )
