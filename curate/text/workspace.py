"""Scratch of the kernels that measure a document: arrays that serve one document after the other, and hold the largest.

the largest document of a batch ─▶ Room of arrays ─▶ in the kernel: Characters, Words and Tables of pointers

A page of memory that no document needs is never touched, and costs nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from curate.text.bits import BLOCK
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, pointer
from curate.text.hashes import table_size
from curate.text.ngrams import BYTES_A_WORD


class Characters(NamedTuple):
    """More entries than the document has bytes; `letters` has a bit for each, and a block more."""

    codes: Any
    classes: Any
    prefixes: Any
    letters: Any
    edges: Any
    starts: Any
    ends: Any
    stack: Any


class Words(NamedTuple):
    """More entries than the document has words."""

    hashes: Any
    lengths: Any
    places: Any
    values: Any


class SignalTables(NamedTuple):
    """Open-addressing tables that any number of words or lines of the document fill at most half."""

    keys: Any
    repeats: Any
    firsts: Any
    marks: Any


class Workspace(NamedTuple):
    characters: Characters
    words: Words
    tables: SignalTables


def workspace_for(buffers: TextBuffers) -> Workspace:
    """Arrays for the largest document."""
    # `prefixes` and `lengths` have an entry more than there are, `segment` writes one ahead.
    room = int(np.diff(buffers.offsets).max(initial=0)) + 2
    slots = int(table_size.py_func(room))
    return Workspace(
        Characters(
            np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.uint32),
            np.empty(room, dtype=np.uint64),
            np.empty(room // BLOCK + 2, dtype=np.uint64),
            *(np.empty(room, dtype=np.int32) for _ in ("edges", "starts", "ends", "stack")),
        ),
        Words(
            np.empty(room, dtype=np.uint64),
            np.empty(room, dtype=np.int64),
            np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.uint64),
        ),
        SignalTables(
            np.empty(slots, dtype=np.uint64),
            np.empty(slots, dtype=np.int32),
            np.empty(slots, dtype=np.int32),
            np.empty(slots * BYTES_A_WORD // 2, dtype=np.uint8),
        ),
    )


@inner
def character_pointers(room):
    codes, classes, prefixes, letters, edges, starts, ends, stack = room
    return Characters(
        pointer(codes),
        pointer(classes),
        pointer(prefixes),
        pointer(letters),
        pointer(edges),
        pointer(starts),
        pointer(ends),
        pointer(stack),
    )


@inner
def word_pointers(room):
    hashes, lengths, places, values = room
    return Words(pointer(hashes), pointer(lengths), pointer(places), pointer(values))


@inner
def table_pointers(room):
    keys, repeats, firsts, marks = room
    return SignalTables(pointer(keys), pointer(repeats), pointer(firsts), pointer(marks))
