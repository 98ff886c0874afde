"""Pass 2: from the signatures of all documents to clusters of duplicates, and to the one copy of each that stays.

    signature files ─▶ hashes, then one band at a time ─▶ edges ─▶ union-find ─▶ clusters ─▶ verdicts ─▶ similarities

No text is read and no pair is listed: a bucket of k equal keys gives k - 1 edges, each to its smallest member.

Clusters are connected components, so they can chain: a ~ b and b ~ c put a and c together, however different the two
are, and on template-heavy sources such chains grow large. Nothing is verified yet. Edges pass through `clusters` band
by band, so a check of each edge (or of each member against the copy that stays) has its place between `pairs_of_band`
and `clusters`; until then `similarity` tells how near each member is to that copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.minhash import band_names
from curate.dedup.signatures import SignatureFiles
from curate.errors import UsageError, nearest

HASHES = ("hash_high", "hash_low")
KEPT_AT_ONCE = 1 << 18  # signatures of kept copies in memory while their clusters are compared: 118 MB at 14 × 8


def find_duplicates(
    signature_files: Sequence[str | Path], *, methods: Sequence[str], bands: int, prefer: Sequence[str]
) -> pl.DataFrame:
    """The documents that have duplicates, by equal hashes ("exact"), by a shared band ("minhash"), or by both.

    The files are Parquet with `id, source, length`, for "exact" `hash_high, hash_low`, for "minhash" `band_00` … and
    `signature`. Neither their order nor that of their rows matters. In memory at once: ids, sources and lengths, one
    integer a document for the clusters, and one band (or the hashes).

    Returns `id, duplicate_of, cluster, size` as `verdicts` does, sorted by id, and `similarity` (Float32): the
    estimated Jaccard similarity to the copy that stays, 1.0 for an equal text, null where it is unknown (one of the
    two has no signature) and for the copy itself.

    Raises:
        UsageError: an unknown method, a column missing in a file, or an id that stands twice.
    """
    keys = _keys(methods, bands)
    wide = [*(HASHES if "exact" in methods else ()), *(("signature",) if "minhash" in methods else ())]
    files = SignatureFiles.open(signature_files, columns=[name for names in keys for name in names] + wide)
    edges = (pairs_of_band(files.column(*names)) for names in keys)
    cluster = clusters(edges, len(files.documents))
    found = verdicts(files.documents, cluster, prefer=prefer)
    return found.with_columns(_similarities(found, files, wide))


def pairs_of_band(keys: pl.DataFrame) -> pl.DataFrame:
    """Edges of one band: every document whose key another one has, with the smallest document that has it.

    `keys` has `document` (integer) and one key column or more; a document with a null key is in no bucket. Returns
    `document, smallest` with document > smallest; a bucket of k documents gives k - 1 rows.
    """
    names = [name for name in keys.columns if name != "document"]
    key = pl.struct(names) if len(names) > 1 else pl.col(names)
    shared = keys.drop_nulls().filter(key.is_duplicated())  # few are: what follows is small
    edges = shared.select("document", pl.col("document").min().over(names).alias("smallest"))
    return edges.filter(pl.col("document") > pl.col("smallest"))


def clusters(edges: Iterable[pl.DataFrame], count: int) -> npt.NDArray[np.int64]:
    """Connected components of documents 0 … count - 1: int64[count], for each its component's smallest document.

    `edges` gives frames of two integer columns, one after the other; each is used up before the next one is asked for.
    """
    parents = np.arange(count, dtype=np.int64)
    for frame in edges:
        left, right = (frame.to_series(side).cast(pl.Int64).to_numpy() for side in (0, 1))
        _unite(parents, left, right)
    _point_at_roots(parents)
    return parents


def verdicts(documents: pl.DataFrame, cluster: npt.NDArray[np.int64], *, prefer: Sequence[str]) -> pl.DataFrame:
    """Which copy of each cluster stays: the first by the order of its source in `prefer` (sources that are not listed
    come after), then the longest, then the smallest id.

    `documents` has `id, source, length` (characters), row i belonging to cluster[i]. Returns one row for each
    document of a cluster of two or more, sorted by id: `id`, `duplicate_of` (the id that stays; null for itself),
    `cluster` (String: the id that stays, for every member) and `size` (UInt32, members of the cluster).
    """
    members = _members(documents, cluster).sort("cluster", _rank(prefer), -pl.col("length").cast(pl.Int64), "id")
    kept = pl.col("id").first().over("cluster")
    return members.select(
        "id", pl.when(pl.col("id") != kept).then(kept).alias("duplicate_of"), kept.alias("cluster"), "size"
    ).sort("id")


def _keys(methods: Sequence[str], bands: int) -> list[tuple[str, ...]]:
    """The columns whose equality makes duplicates, one tuple after the other: the hashes first, then each band."""
    known: dict[str, list[tuple[str, ...]]] = {
        "exact": [HASHES],
        "minhash": [(name,) for name in band_names(bands)],
    }
    for method in methods:
        if method not in known:
            raise UsageError(f'no deduplication method "{method}"{nearest(method, known)}')
    return [key for method, keys in known.items() if method in methods for key in keys]


@numba.njit(cache=True, nogil=True)
def _unite(parents, left, right):  # type: ignore[no-untyped-def]
    """The smaller root becomes the parent, so that the result does not depend on the order of edges."""
    for i in range(len(left)):
        one, other = _root(parents, left[i]), _root(parents, right[i])
        parents[max(one, other)] = min(one, other)


@numba.njit(cache=True, nogil=True)
def _root(parents, document):  # type: ignore[no-untyped-def]
    while parents[document] != document:
        parents[document] = parents[parents[document]]  # path halving
        document = parents[document]
    return document


@numba.njit(cache=True, nogil=True)
def _point_at_roots(parents):  # type: ignore[no-untyped-def]
    for document in range(len(parents)):
        parents[document] = parents[parents[document]]  # a parent is smaller, so it points at its root already


def _members(documents: pl.DataFrame, cluster: npt.NDArray[np.int64]) -> pl.DataFrame:
    sizes = np.bincount(cluster, minlength=len(cluster)).astype(np.uint32)[cluster]
    numbered = documents.with_columns(cluster=pl.Series(cluster), size=pl.Series(sizes))
    return numbered.filter(pl.col("size") > 1)


def _rank(prefer: Sequence[str]) -> pl.Expr:
    """Position in `prefer`; every source that it does not list stands at its end."""
    ranks = dict(zip(prefer, range(len(prefer)), strict=True))
    return pl.col("source").replace_strict(ranks, default=len(prefer), return_dtype=pl.UInt32)


def _similarities(found: pl.DataFrame, files: SignatureFiles, columns: Sequence[str]) -> pl.Series:
    """Float32 for each row of `found`, in chunks of clusters, so that few kept copies' signatures are in memory."""
    member, kept = (_places(files.documents["id"], found[name]) for name in ("id", "cluster"))
    similarity = np.full(len(found), np.nan, dtype=np.float32)
    for rows in _chunks_of_clusters(member, kept):
        originals, which = np.unique(kept[rows], return_inverse=True)
        reference = files.take(originals, columns)
        for part, frame in files.rows_of(member[rows], columns):
            similarity[rows[part]] = _compare(frame, reference[which[part]])
    return pl.Series("similarity", similarity).fill_nan(None)


def _chunks_of_clusters(member: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """The rows of duplicates, cluster by cluster, cut so that each piece has at most `KEPT_AT_ONCE` clusters."""
    rows = np.flatnonzero(member != kept)
    rows = rows[np.argsort(kept[rows], kind="stable")]
    chunk = np.cumsum(np.diff(kept[rows], prepend=kept[rows[:1]]) != 0) // KEPT_AT_ONCE
    pieces = np.split(rows, np.flatnonzero(np.diff(chunk)) + 1)
    yield from (piece for piece in pieces if len(piece))


def _places(ids: pl.Series, wanted: pl.Series) -> npt.NDArray[np.int64]:
    """Where each wanted id stands in the sorted `ids`."""
    return ids.search_sorted(wanted).cast(pl.Int64).to_numpy()


def _compare(members: pl.DataFrame, kept: pl.DataFrame) -> npt.NDArray[np.float32]:
    """1 where the hashes agree, else the share of equal places in the two signatures; nan where one is missing."""
    similarity = np.full(len(members), np.nan, dtype=np.float32)
    if "signature" in members.columns:
        both = np.flatnonzero((members["signature"].is_not_null() & kept["signature"].is_not_null()).to_numpy())
        equal = members["signature"].gather(both).to_numpy() == kept["signature"].gather(both).to_numpy()
        similarity[both] = equal.mean(axis=1, dtype=np.float32)
    if "hash_high" in members.columns:
        same = (members["hash_high"] == kept["hash_high"]) & (members["hash_low"] == kept["hash_low"])
        similarity[same.to_numpy()] = 1.0
    return similarity
