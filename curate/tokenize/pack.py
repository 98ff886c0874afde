"""Best-fit packing: documents into rows of one length, so that none is cut that fits into a row.

lengths ─▶ pieces (a longer document is cut at a row's length) ─▶ longest first, each into the fullest row with room
        ─▶ row and place of each piece

After "Fewer Truncations Improve Language Modeling" (Ding et al. 2024, §3), which packs so by a tree over the room left;
here all pieces of one length go at once, as rows with the same room are alike.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


class DocumentPieces(NamedTuple):
    """Parts of documents, int64[pieces] each: the number of the document, the first of its tokens, how many."""

    document: Int64s
    begin: Int64s
    length: Int64s


class Packing(NamedTuple):
    """Of each piece its row, and its first place there; `rows` of them there are."""

    row: Int64s
    place: Int64s
    rows: int


def cut_documents(tokens: Int64s, row_length: int) -> DocumentPieces:
    """Documents of so many tokens as pieces of at most a row: a longer one gives whole rows, and what is left."""
    parts = -(-tokens // row_length)
    document = np.repeat(np.arange(len(tokens), dtype=np.int64), parts)
    number = np.arange(len(document), dtype=np.int64) - np.repeat(np.cumsum(parts) - parts, parts)
    begin = number * row_length
    return DocumentPieces(document, begin, np.minimum(tokens[document] - begin, row_length))


def pack(lengths: Int64s, row_length: int) -> Packing:
    """Rows for pieces of 1 to `row_length` tokens: the same for the same lengths in the same order."""
    row, place = np.empty_like(lengths), np.empty_like(lengths)
    order = np.argsort(-lengths, kind="stable")
    ordered = lengths[order]
    borders = np.flatnonzero(np.diff(ordered, prepend=0, append=0))  # a group for each length that there is
    room: dict[int, Int64s] = {}
    rows = 0
    for first, last in pairwise(borders):
        length, pieces = int(ordered[first]), order[first:last]
        while len(pieces):
            left = min((space for space in room if space >= length), default=None)
            if left is None:
                new = -(-len(pieces) // (row_length // length))  # each takes as many of this length as fit
                left, room[row_length] = row_length, np.arange(rows, rows + new, dtype=np.int64)
                rows += new
            some = room.pop(left)
            count = min(len(some), len(pieces))
            row[pieces[:count]], place[pieces[:count]] = some[:count], row_length - left
            _give_back(room, left, some[count:])
            _give_back(room, left - length, some[:count])
            pieces = pieces[count:]
    return Packing(row, place, rows)


def _give_back(room: dict[int, Int64s], left: int, rows: Int64s) -> None:
    """Rows that have so much room left; those that are full are done with."""
    if left and len(rows):
        room[left] = np.concatenate([room[left], rows]) if left in room else rows
