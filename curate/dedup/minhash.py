"""MinHash signatures and their bands: `filter` signs every document that stays, `dedup` compares bands.

    text ─▶ shingles (uint32) ─▶ signature (uint32[bands × rows]) ─▶ bands (one uint64 for each `rows` of it)

Two documents of Jaccard similarity J agree in each row with probability J, so in some whole band with probability
1 - (1 - J^rows)^bands: they become candidates then.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from curate.errors import UsageError
from curate.text.buffers import series_of
from curate.text.compiled import inner, is_compiled, kernel, part
from curate.text.folding import Normalize
from curate.text.shingles import Shingles, Unit, shingles

EMPTY = np.uint32(0xFFFFFFFF)
SEED = 1
SHINGLES_IN_CACHE = 4096  # 16 KiB: every permutation runs over them while they lie in the first-level cache


def sign(
    texts: pl.Series,
    *,
    ngram: int,
    bands: int,
    rows: int,
    unit: Unit = "words",
    normalize: Normalize = "words",
) -> pl.DataFrame:
    """MinHash signatures of n-grams, and the bands that `dedup` compares.

    Columns `band_00` … (UInt64, a hash of `rows` rows of the signature) and `signature` (Binary, see
    `pack_signatures`). A document without words has null in all of them: it is never a near-duplicate of anything.
    What an n-gram is: `curate.text.shingles.shingles`.

    Raises:
        UsageError: `ngram`, `bands` or `rows` is less than 1.
    """
    _check_bands(bands, rows)
    found = shingles(texts, ngram=ngram, unit=unit, normalize=normalize)
    signatures = signatures_of(found, count=bands * rows)
    keys = band_keys(signatures, bands=bands)
    columns = {name: pl.Series(keys[:, band]) for band, name in enumerate(band_names(bands))}
    columns["signature"] = pack_signatures(signatures)
    has_signature = pl.Series(np.diff(found.offsets) > 0)
    return pl.DataFrame(columns).select(pl.when(has_signature).then(pl.all()))


def pack_signatures(signatures: npt.NDArray[np.uint32]) -> pl.Series:
    """A Binary column: each row the little-endian bytes of a row of uint32[n, permutations]. Parquet reads it 20 times
    as fast as an array of numbers."""
    rows = np.ascontiguousarray(signatures, dtype="<u4")
    kind = pa.binary(4 * rows.shape[1])
    packed = pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, pa.py_buffer(rows)])
    return series_of(packed).alias("signature")


def unpack_signatures(column: pa.ChunkedArray, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """uint32[rows, permutations]: the rows of such a column that are asked for, none of them null."""
    array = column.cast(pa.large_binary()).combine_chunks()
    if not len(rows):
        return np.empty((0, 0), dtype=np.uint32)
    _, bounds, data = array.buffers()
    offsets = np.frombuffer(bounds, dtype=np.int64)[array.offset :]
    width = int(offsets[rows[0] + 1] - offsets[rows[0]])  # a null has no bytes, and the others as many as this one
    values = np.frombuffer(data, dtype="<u4").reshape(-1, width // 4)
    return values[offsets[rows] // width]


def band_names(bands: int) -> list[str]:
    """The columns of the bands: band_00, band_01, …"""
    return [f"band_{band:02}" for band in range(bands)]


def signatures_of(found: Shingles, *, count: int, seed: int = SEED) -> npt.NDArray[np.uint32]:
    """uint32[n_documents, count]: bit for bit what `datasketch.MinHash(count, seed, scheme="affine32")` holds after an
    update with the same 32-bit hashes. A document without shingles keeps 0xFFFFFFFF everywhere.
    """
    signatures = np.full((len(found.offsets) - 1, count), EMPTY, dtype=np.uint32)
    multipliers, summands = _permutations(count, seed)
    _take_minima(found.values, found.offsets, multipliers, summands, signatures)
    return signatures


def band_keys(signatures: npt.NDArray[np.uint32], *, bands: int) -> npt.NDArray[np.uint64]:
    """uint64[n_documents, bands], column by column in memory: a hash of the rows of each band."""
    keys = np.empty((len(signatures), bands), dtype=np.uint64, order="F")
    _hash_bands(signatures, keys)
    return keys


def _check_bands(bands: int, rows: int) -> None:
    if bands < 1 or rows < 1:
        raise UsageError(f"{bands} bands of {rows} rows: at least one band of one row is needed")


@functools.cache
def _permutations(count: int, seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """h -> a·h + b modulo 2^32 with odd a, drawn as datasketch 2.0 does (numpy's frozen legacy generator)."""
    generator = np.random.RandomState(seed)
    halves = generator.randint(0, 1 << 31, count, dtype=np.uint32)
    # An odd factor has an inverse modulo 2^32: no two hashes become one.
    return halves * np.uint32(2) + np.uint32(1), generator.randint(0, 1 << 32, count, dtype=np.uint32)


@kernel
def _take_minima(values, offsets, multipliers, summands, signatures):
    mixed = np.empty(SHINGLES_IN_CACHE, dtype=np.uint32)
    for document in range(len(signatures)):
        for start in range(offsets[document], offsets[document + 1], SHINGLES_IN_CACHE):
            count = min(SHINGLES_IN_CACHE, offsets[document + 1] - start)
            for i in range(count):
                mixed[i] = _mix(values[start + i])
            for k in range(len(multipliers)):
                smallest = _smallest(mixed, count, multipliers[k], summands[k])
                signatures[document, k] = min(signatures[document, k], smallest)


@part
def _smallest(mixed, count, multiplier, summand):
    """One permutation's minimum. LLVM turns this reduction into vector multiplies and minima; iterating over a slice
    instead of counting would make it gather the values one by one, at a ninth of the speed.
    """
    smallest = EMPTY
    for i in range(count):
        # Numba multiplies in 64 bits: this is modulo 2^32.
        smallest = min(smallest, np.uint32(multiplier * mixed[i] + summand))
    return smallest


@inner
def _mix(value):
    """MurmurHash3's 32-bit finalizer, which datasketch applies once before the permutations."""
    value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


def signing_is_compiled() -> bool:
    """Whether the last of those that a signature takes is, and so all of them."""
    return is_compiled(_hash_bands)


@kernel
def _hash_bands(signatures, keys):
    rows = signatures.shape[1] // keys.shape[1]
    for document in range(keys.shape[0]):
        for band in range(keys.shape[1]):
            key = np.uint64(rows)  # so that equal rows in bands of other lengths hash apart
            for row in range(band * rows, (band + 1) * rows):
                key = (key ^ np.uint64(signatures[document, row])) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(32)
            keys[document, band] = key
