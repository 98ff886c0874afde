"""Rows of one length that cut no document which fits, for attention within documents: two arrays of numpy a part.

documents ─▶ pieces ─▶ best-fit packing ─▶ rows shuffled ─▶ rows.npy [rows, row_length], pieces.npy [pieces, 4]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.tokenize.draw import derive, permute
from curate.tokenize.exports.format import PARTS, Format, Part, Unit, Wanted
from curate.tokenize.exports.payload import document_ends
from curate.tokenize.pack import DocumentPieces, Packing, cut_documents, pack
from curate.tokenize.shards import TokenArray

Int64s = npt.NDArray[np.int64]
SHUFFLE = np.uint64(0x7061636B)
"""A key of its own: rows are built longest documents first, and a trainer reads them in order."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    told = []
    for part in PARTS:
        (folder / part).mkdir()
        if shards := unit.shards(part):
            tokens = np.diff(document_ends(shards), prepend=0)
            pieces = cut_documents(tokens, wanted.row_length)
            packing = _shuffled(pack(pieces.length, wanted.row_length))
            _write_rows(folder / part / "rows.npy", TokenArray(shards), pieces, packing, wanted)
            _write_pieces(folder / part / "pieces.npy", pieces, packing)
            told.append(_told(part, tokens, packing, wanted.row_length))
    return told


def _shuffled(packing: Packing) -> Packing:
    numbers = np.arange(packing.rows, dtype=np.int64)
    keys = np.repeat(derive(SHUFFLE, np.array([packing.rows])), packing.rows)
    order = permute(numbers, np.full(packing.rows, packing.rows, dtype=np.int64), keys)
    return Packing(order[packing.row], packing.place, packing.rows)


def _write_rows(path: Path, array: TokenArray, pieces: DocumentPieces, packing: Packing, wanted: Wanted) -> None:
    rows = np.lib.format.open_memmap(
        path, mode="w+", dtype=array.dtype.newbyteorder("="), shape=(packing.rows, wanted.row_length)
    )
    rows[:] = wanted.vocabulary.end_of_text  # what no piece fills; pieces.npy tells it from a document's own
    for document, begin, length, row, place in zip(*pieces, packing.row, packing.place, strict=True):
        rows[row, place : place + length] = array.document(int(document))[begin : begin + length]
    rows.flush()


def _write_pieces(path: Path, pieces: DocumentPieces, packing: Packing) -> None:
    table = np.stack([packing.row, packing.place, pieces.length, pieces.document], axis=1)
    np.save(path, table[np.lexsort((packing.place, packing.row))])


def _told(part: Part, tokens: Int64s, packing: Packing, row_length: int) -> str:
    filled, cut = int(tokens.sum()) / (packing.rows * row_length), int((tokens > row_length).sum())
    rows = f"{packing.rows:,} rows of {row_length:,} tokens, filled to {filled:.2%}"
    return f"{part}: {rows}; {cut:,} of {len(tokens):,} documents are longer than a row and were cut, no other"


SNIPPET = """\
import numpy as np

rows = np.load("{part}/rows.npy", mmap_mode="r")            # [rows, {row_length}]
pieces = np.load("{part}/pieces.npy", mmap_mode="r")        # row, first place, length, number of the document
first, last = np.searchsorted(pieces[:, 0], [0, 1])         # those of row 0
ends = np.cumsum(pieces[first:last, 2])                     # for attention within documents: cumulative lengths
inputs = rows[0].astype(np.int64)
targets = np.append(inputs[1:], {end_of_text})
targets[ends - 1] = -100                                    # nothing is predicted across documents,
targets[ends[-1] :] = -100                                  # nor where the row is not filled
print(rows.shape, ends, (targets >= 0).sum())
"""
PACKED = Format(
    name="packed",
    about="rows.npy and pieces.npy: rows by best fit, for attention within documents",
    write=_write,
    snippet=SNIPPET,
)
