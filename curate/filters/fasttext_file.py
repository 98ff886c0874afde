"""A supervised fastText model read from its file, dense (.bin) or quantized (.ftz), as arrays.

bytes ─▶ arguments ─▶ dictionary ─▶ input matrix ─▶ output matrix ─▶ FastTextTables

The format is version 12 of fastText 0.9 (MIT): little-endian numbers one after the other, strings that end with NUL.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MAGIC, VERSIONS = 793712314, (11, 12)
SUPERVISED = 3
HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
# Kernels have these numbers in their code: naming curate.text.compiled makes this file a source of kernels as well.
LABEL = 1
MAX_DIM, MAX_BUCKET = 1 << 16, 1 << 26
"""Published models have up to 300 numbers in a vector, and 10 million places for n-grams."""
CENTROIDS = 256
MOST_SEEN = 10**15
"""A node of the tree of labels that is not made yet weighs so much."""


class NotSupervised(ValueError):
    """The bytes are no supervised fastText model; the sentence says what they have instead."""


class FastTextTables(NamedTuple):
    """`words` and `labels` in the order of their ids, `label_counts` how often each was seen in training.

    The first rows of `matrix` (float32[rows, dim]) are the words', then come those of hashed n-grams: `rows_of`
    int32[bucket] has each hash's row or -1, or is empty where each hash has its own. `output` is float32[labels, dim].
    """

    words: list[bytes]
    labels: list[str]
    label_counts: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float32]
    rows_of: npt.NDArray[np.int32]
    output: npt.NDArray[np.float32]
    loss: int
    min_ngram: int
    max_ngram: int
    word_ngrams: int
    bucket: int


def read_tables(data: bytes | mmap.mmap) -> FastTextTables:
    """Read a whole model.

    Raises:
        NotSupervised: another format or version, another kind of model, or an end before the end.
    """
    try:
        tables = _read(ModelReader(data))
        _check_shapes(tables)
        return tables
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, NotSupervised):
            raise
        raise NotSupervised(f"it ends too early, or is damaged ({error})") from error


class ModelReader:
    """A place in the bytes that moves on with each thing that is read."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data, self.at = data, 0

    def numbers(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return found

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        if not 0 <= count <= len(self.data):  # numpy takes -1 for all that is left
            raise NotSupervised(f"it should hold {count:,} numbers in {len(self.data):,} bytes")
        found = np.frombuffer(self.data, dtype=np.dtype(dtype).newbyteorder("<"), count=count, offset=self.at)
        self.at += found.nbytes
        return np.require(found, requirements="A")  # strings before it may leave it anywhere

    def string(self) -> bytes:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise NotSupervised("it ends within its dictionary")
        found = self.data[self.at : end]
        self.at = end + 1
        return found


def _read(reader: ModelReader) -> FastTextTables:
    magic, version = reader.numbers("2i")
    if magic != MAGIC or version not in VERSIONS:
        raise NotSupervised(f"it begins with {magic}, version {version}; {MAGIC}, version 12 would be right")
    dim, _, _, _, _, word_ngrams, loss, kind, bucket, min_ngram, max_ngram, _, _ = reader.numbers("12id")
    if kind != SUPERVISED:
        raise NotSupervised("it was trained for word vectors, not for labels")
    if not (0 < dim <= MAX_DIM and 0 <= bucket <= MAX_BUCKET):
        raise NotSupervised(f"its vectors have {dim:,} numbers, and there are {bucket:,} places for n-grams")
    entries, rows_of = _read_dictionary(reader, bucket)
    words = [word for word, _, kind in entries if kind != LABEL]
    labels = [(word.decode("utf-8", "replace"), count) for word, count, kind in entries if kind == LABEL]
    matrix = _read_matrix(reader, dim)
    output = _read_matrix(reader, dim)
    return FastTextTables(
        words,
        [label for label, _ in labels],
        np.array([count for _, count in labels], dtype=np.int64),
        matrix,
        rows_of,
        output,
        loss,
        min_ngram,
        0 if version == VERSIONS[0] else max_ngram,
        word_ngrams,
        bucket,
    )


def _check_shapes(tables: FastTextTables) -> None:
    """The kernels look rows up without asking whether there are any."""
    words, rows, dim = len(tables.words), *tables.matrix.shape
    has_ngrams = tables.max_ngram > 0 or tables.word_ngrams > 1
    wanted = words + tables.bucket if has_ngrams and not len(tables.rows_of) else words
    wanted = max(wanted, int(tables.rows_of.max(initial=-1)) + 1)
    if rows < wanted:
        raise NotSupervised(f"its matrix has {rows:,} rows where {wanted:,} are needed")
    if tables.output.shape != (len(tables.labels), dim):
        raise NotSupervised(f"its output has the shape {tables.output.shape}, not {(len(tables.labels), dim)}")
    if tables.label_counts.min(initial=0) < 0 or tables.label_counts.max(initial=0) >= MOST_SEEN:
        raise NotSupervised("it counts a label more often than anything can be seen")
    if not tables.labels or (has_ngrams and tables.bucket < 1):
        raise NotSupervised(f"it has {len(tables.labels)} labels and {tables.bucket} places for n-grams")


def _read_dictionary(reader: ModelReader, bucket: int) -> tuple[list[tuple[bytes, int, int]], npt.NDArray[np.int32]]:
    size, words, labels = reader.numbers("3i")
    _, pruned = reader.numbers("2q")
    if size != words + labels:
        raise NotSupervised(f"its dictionary counts {words:,} words and {labels:,} labels as {size:,}")
    entries = [(reader.string(), *reader.numbers("qb")) for _ in range(size)]
    if pruned < 0:
        return entries, np.empty(0, dtype=np.int32)
    rows_of = np.full(bucket, -1, dtype=np.int32)
    pairs = reader.array("i4", 2 * pruned).reshape(-1, 2)
    if pairs.min(initial=0) < 0:
        raise NotSupervised("it has n-grams with negative numbers")
    rows_of[pairs[:, 0]] = pairs[:, 1] + words
    return entries, rows_of


def _read_matrix(reader: ModelReader, dim: int) -> npt.NDArray[np.float32]:
    (is_quantized,) = reader.numbers("?")
    if is_quantized:
        return _read_quantized(reader, dim)
    rows, columns = reader.numbers("2q")
    _check_columns(columns, dim)
    return reader.array("f4", rows * columns).reshape(rows, columns)


def _check_columns(columns: int, dim: int) -> None:
    """Before anything is built: a damaged size would ask for more memory than there is."""
    if columns != dim:
        raise NotSupervised(f"a matrix has {columns:,} columns where vectors have {dim:,} numbers")


def _read_quantized(reader: ModelReader, dim: int) -> npt.NDArray[np.float32]:
    """Each row as parts, each part one of 256 centroids (product quantization, Jégou et al. 2011), times its norm."""
    has_norms, rows, columns, size = reader.numbers("?2qi")
    _check_columns(columns, dim)
    codes = reader.array("u1", size).reshape(rows, -1)
    matrix = np.concatenate(list(_parts(reader, codes, dim)), axis=1)
    if has_norms:
        norms = reader.array("u1", rows).reshape(rows, 1)
        matrix *= np.concatenate(list(_parts(reader, norms, 1)), axis=1)
    if matrix.shape != (rows, columns):
        raise NotSupervised(f"a matrix has the shape {matrix.shape}, not {(rows, columns)}")
    return matrix


def _parts(reader: ModelReader, codes: npt.NDArray[np.uint8], dim: int) -> Iterator[npt.NDArray[np.float32]]:
    columns, parts, width, last_width = reader.numbers("4i")
    is_whole = min(parts, width, last_width) > 0 and (parts - 1) * width + last_width == columns == dim
    if not is_whole or codes.shape[1] != parts:
        raise NotSupervised(f"{parts:,} parts of {width:,} numbers, the last of {last_width:,}, are no vector")
    centroids = reader.array("f4", columns * CENTROIDS)
    for part in range(parts):
        wide = width if part + 1 < parts else last_width
        start = part * CENTROIDS * width
        yield centroids[start : start + CENTROIDS * wide].reshape(CENTROIDS, wide)[codes[:, part]]
