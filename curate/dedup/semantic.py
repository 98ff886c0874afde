"""Documents that mean nearly the same: their embeddings, which the tables bring, point nearly the same way.

    embeddings of length 1, in a file ─▶ k-means on some of them ─▶ each document's cell
      ─▶ cell by cell, the best document first: near enough to an anchor? its copy : an anchor itself

As SemDeDup does (Abbas et al. 2023, arXiv:2303.09540), but which document stays is said by the recipe, and who goes is
near to one that stays. Sums run in a fixed order, without the libraries whose last digits depend on the machine.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.method import DocumentMethod, Search
from curate.dedup.scratch import Scratch
from curate.dedup.signatures import SignatureFiles
from curate.errors import UsageError
from curate.text.compiled import inner, kernel

EMBEDDING = "embedding"
ROUNDS = 10
SAMPLES_A_CELL = 64
SPREAD = 0x9E3779B97F4A7C15


def embeddings(documents: pl.DataFrame, column: str) -> pl.Series:
    """The column of a signature file: Array of Float32. It holds lists or arrays of numbers, or JSON of such.

    Raises:
        UsageError: its lists differ in length.
    """
    values = documents[column].rename(EMBEDDING)
    if values.dtype == pl.String:
        values = values.str.json_decode(pl.List(pl.Float32))
    if values.dtype == pl.Null:
        return values.cast(pl.Array(pl.Float32, 1))
    lists = values.cast(pl.List(pl.Float32)) if values.dtype != pl.List(pl.Float32) else values
    widths = lists.list.len().drop_nulls().unique().sort().to_list()
    if len(widths) > 1:
        raise UsageError(f'semantic: "{column}" holds embeddings of {widths[0]} and of {widths[-1]} numbers')
    return lists.cast(pl.Array(pl.Float32, widths[0] if widths else 1))


def find_alike(search: Search) -> None:
    """Add the documents that are near to one that stays, but for those of exempt sources. One without an embedding, or
    with one of no length, is near to nothing; embeddings in different cells are not compared.

    Raises:
        UsageError: embeddings differ in length, or no document has one.
    """
    files, copies, semantic = search.files, search.copies, search.dedup.semantic
    documents = np.flatnonzero(copies.stays)
    is_exempt = files.documents["source"].is_in(list(search.dedup.exempt)).to_numpy()
    vectors, row = _vectors(files, documents, search.folder)
    if not len(documents):
        return
    if not len(row):
        raise UsageError(f'semantic: none of the {len(documents):,} documents has an embedding in "{semantic.column}"')
    members = documents[row]
    cells = semantic.cells or max(round(len(row) ** 0.5), 1)
    cell = _assign(vectors.array, _centres(vectors.array, row, min(cells, len(row))))[row]
    order = np.lexsort((search.rank[members], cell))
    # Where another cell begins, the first one too, as no cell is -1.
    bounds = np.append(np.flatnonzero(np.diff(cell[order], prepend=-1)), len(order))
    for first, last in itertools.pairwise(bounds):
        which = order[first:last]
        anchor, similarity = _anchored(vectors.array[row[which]], is_exempt[members[which]], semantic.min_similarity)
        moved = np.flatnonzero(anchor != np.arange(len(anchor)))
        copies.add(members[which[moved]], members[which[anchor[moved]]], search.number, similarity=similarity[moved])
        vectors.forget()


def _vectors(
    files: SignatureFiles, documents: npt.NDArray[np.int64], scratch: Path
) -> tuple[Scratch, npt.NDArray[np.int64]]:
    """Embeddings at length 1, float32[documents, dimensions], zeros where there is none; and the rows that have one."""
    vectors = Scratch(np.empty((0, 0), dtype=np.float32), None)
    known = np.zeros(len(documents), dtype=bool)
    for part, frame in files.rows_of(documents, [EMBEDDING]):
        has_one = frame[EMBEDDING].is_not_null().to_numpy()
        rows = frame[EMBEDDING].drop_nulls().to_numpy()
        if not len(rows):
            continue
        if not len(vectors.array):
            vectors = Scratch.make(scratch / "vectors", (len(documents), rows.shape[1]), np.float32)
        if rows.shape[1] != vectors.array.shape[1]:
            raise UsageError(f"semantic: embeddings of {vectors.array.shape[1]} and of {rows.shape[1]} numbers")
        lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
        is_usable = np.isfinite(lengths) & (lengths > 0)
        which = part[has_one][is_usable]
        vectors.array[which] = (rows[is_usable] / lengths[is_usable, None]).astype(np.float32)
        known[which] = True
        vectors.forget()
    return vectors, np.flatnonzero(known)


def _centres(vectors: npt.NDArray[np.float32], row: npt.NDArray[np.int64], cells: int) -> npt.NDArray[np.float32]:
    """float32[cells, dimensions], of length 1: spherical k-means on some of the rows."""
    sample = vectors[row[np.sort(_shuffled(len(row))[: SAMPLES_A_CELL * cells])]]
    centres = sample[_shuffled(len(sample))[:cells]]
    for _ in range(ROUNDS):
        cell = _assign(sample, centres)
        _recentre(sample, cell, centres)
    return centres


def _shuffled(count: int) -> npt.NDArray[np.intp]:
    """0 … count - 1 in the order of a hash of each, the same everywhere."""
    return np.argsort(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(SPREAD), kind="stable")


def _assign(vectors: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """int64[n]: the centre that each is nearest to."""
    cell = np.empty(len(vectors), dtype=np.int64)
    _nearest(vectors, np.ascontiguousarray(centres.T), cell)
    return cell


def _anchored(
    vectors: npt.NDArray[np.float32], always: npt.NDArray[np.bool_], minimum: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    anchor, similarity = np.empty(len(vectors), np.int64), np.ones(len(vectors), np.float32)
    _anchor(vectors, always, minimum, anchor, similarity)
    return anchor, similarity


@kernel
def _nearest(vectors, columns, cell):
    products = np.empty(columns.shape[1], dtype=np.float32)
    for document in range(len(vectors)):
        _products(vectors, document, columns, columns.shape[1], products)
        cell[document] = np.argmax(products)


@kernel
def _anchor(vectors, always, minimum, anchor, similarity):
    """Each vector, in order, joins the anchor that it is nearest to, or becomes one; those of `always` do."""
    count, dimensions = vectors.shape
    columns = np.empty((dimensions, count), dtype=np.float32)
    who, products = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.float32)
    anchors = 0
    for document in range(count):
        best = -1
        _products(vectors, document, columns, anchors, products)
        for number in range(anchors):
            if products[number] >= minimum and (best < 0 or products[number] > products[best]):
                best = number
        if best >= 0 and not always[document]:
            anchor[document], similarity[document] = who[best], products[best]
        else:
            anchor[document] = document
            who[anchors] = document
            columns[:, anchors] = vectors[document]
            anchors += 1


@inner
def _products(vectors, document, columns, count, products):
    """Inner products with the first `count` columns: side by side, so that no sum is put in another order."""
    for number in range(count):
        products[number] = 0
    for dimension in range(vectors.shape[1]):
        value = vectors[document, dimension]
        for number in range(count):
            products[number] += value * columns[dimension, number]


@kernel
def _recentre(vectors, cell, centres):
    """Centres become the directions of the sums of their vectors; one that has none stays."""
    sums = np.zeros(centres.shape, dtype=np.float64)
    for document in range(len(vectors)):
        for dimension in range(vectors.shape[1]):
            sums[cell[document], dimension] += vectors[document, dimension]
    for number in range(len(centres)):
        length = 0.0
        for dimension in range(vectors.shape[1]):
            length += sums[number, dimension] ** 2
        if length > 0:
            for dimension in range(vectors.shape[1]):
                centres[number, dimension] = sums[number, dimension] / length**0.5


SEMANTIC = DocumentMethod(
    name="semantic",
    about="their embeddings, a column that the tables bring, have a cosine of at least "
    "`semantic.min_similarity` (0.95)",
    reason="semantic_duplicate",
    columns=lambda dedup: {EMBEDDING: pl.Array},
    sign=lambda documents, dedup: embeddings(documents, dedup.semantic.column).to_frame(),
    find=find_alike,
    needs=lambda dedup: (dedup.semantic.column,),
    too_wide=lambda dedup: (dedup.semantic.column,),
)
