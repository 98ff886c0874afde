"""Pass 2: from the signatures of all documents to the one copy of each that stays, method by method.

    signature files ─▶ ranks ─▶ each method in turn, on what the ones before left ─▶ copies ─▶ verdicts
                                  exact, url: the best of those with equal keys stays
                                  minhash: bands ─▶ components ─▶ anchors, by the true similarity of texts

Only texts of candidates are read, once each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.anchors import Evidence, anchor_members, number_buckets
from curate.dedup.clusters import clusters, pairs_of_band
from curate.dedup.minhash import band_names
from curate.dedup.ranking import KEEP, rank_documents
from curate.dedup.scratch import Scratch
from curate.dedup.sets import UNKNOWN, Texts, write_sets
from curate.dedup.signatures import ACCOUNT, SignatureFiles
from curate.errors import UsageError, nearest

EQUAL_KEYS = {"exact": ("hash_high", "hash_low"), "url": ("url_hash",)}
METHODS = (*EQUAL_KEYS, "minhash")
MEMBERS_AT_ONCE = 1 << 20  # candidates whose buckets are in memory: some 300 MB at 14 bands
NO_SIGNATURES = np.empty((0, 0), dtype=np.uint32)


@dataclass(slots=True)
class Copies:
    """What each document repeats so far: `original` int64[n] (itself, where nothing), `similarity` float32[n] (nan:
    unknown), `method` int8[n] (place in METHODS, -1: none)."""

    original: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]
    method: npt.NDArray[np.int8]

    @classmethod
    def none(cls, count: int) -> Copies:
        return cls(np.arange(count), np.ones(count, dtype=np.float32), np.full(count, -1, dtype=np.int8))

    @property
    def stays(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.original == np.arange(len(self.original)))

    def add(
        self, copies: npt.NDArray[np.int64], originals: npt.NDArray[np.int64], similarity: npt.ArrayLike, method: str
    ) -> None:
        """Documents that stayed so far turn out to repeat others that stay."""
        self.original[copies] = originals
        self.similarity[copies] = np.asarray(similarity, dtype=np.float32)
        self.method[copies] = METHODS.index(method)

    def settle(self) -> None:
        """A copy of a copy repeats what stays. How similar it is to that is known where one of the two is an equal
        text, and not otherwise."""
        for _ in METHODS:
            over = self.original[self.original]
            moved = np.flatnonzero(over != self.original)
            first, second = self.similarity[moved], self.similarity[self.original[moved]]
            equal = (first == 1) | (second == 1)
            self.similarity[moved] = np.where(equal, np.minimum(first, second), np.nan)
            self.original = over


@dataclass(frozen=True, slots=True)
class Near:
    """How near-duplicates are found: `bands` as the files were signed; `verify`: the least Jaccard similarity to the
    copy that stays, 0: to share a band is enough; `texts`: where those of candidates are read (none: similarity is
    estimated from signatures), cut into `ngram` words; `scratch`: a folder for what memory should not hold."""

    bands: int = 14
    verify: float = 0.7
    ngram: int = 5
    texts: Texts | None = None
    scratch: Path | None = field(default=None, compare=False)


def find_duplicates(
    signature_files: Sequence[str | Path],
    *,
    methods: Sequence[str],
    prefer: Sequence[str] = (),
    keep: str = "longest",
    near: Near | None = None,
    earlier: Sequence[str | Path] = (),
) -> pl.DataFrame:
    """The documents that have copies, and the copies. Those of the `earlier` files, an index, stay in any case, and
    have no row; similarity to them is estimated from signatures.

    The files are Parquet with `id, source, length`, for "exact" `hash_high, hash_low`, for "url" `url_hash`, for
    "minhash" `band_00` … and, without texts, `signature`; with a `keep` that asks for it `keep_value` (see
    `rank_documents`). Neither their order nor that of their rows matters, but `near.texts` counts them.

    Returns, sorted by id, a row for each document of a cluster of two or more: `id`, `duplicate_of` (the id that stays;
    null for itself), `cluster` (the id that stays, for every member), `size` (UInt32, members of the cluster),
    `similarity` (Float32: Jaccard similarity to what stays, 1.0 for an equal text; null where unknown, and for itself),
    `method` (which found it; null for what stays) and `earlier` (whether what stays is an earlier document).

    Raises:
        UsageError: an unknown method, a column missing in a file, or an id that stands twice.
    """
    near = near or Near()
    account = [*ACCOUNT, *(() if keep in ("longest", "first") else (KEEP,))]
    columns = _columns(methods, near, needs_signatures=bool(earlier))
    files = SignatureFiles.open(signature_files, columns=columns, account=account, earlier=earlier)
    rank = rank_documents(files.documents, prefer=prefer, keep=keep)
    copies = Copies.none(len(rank))
    for method in methods:
        if method == "minhash":
            _find_similar(files, rank, copies, near)
        else:
            _find_equal(files, rank, copies, method)
    copies.settle()
    return _verdicts(files.documents, copies)


def _columns(methods: Sequence[str], near: Near, *, needs_signatures: bool) -> list[str]:
    wide = ["signature"] if needs_signatures or near.texts is None or not near.verify else []
    known = {**EQUAL_KEYS, "minhash": (*band_names(near.bands), *wide)}
    for method in methods:
        if method not in known:
            raise UsageError(f'no deduplication method "{method}"{nearest(method, known)}')
    return [name for method in methods for name in known[method]]


def _find_equal(files: SignatureFiles, rank: npt.NDArray[np.int64], copies: Copies, method: str) -> None:
    """Of the documents with equal keys, the one of the best rank stays."""
    names = EQUAL_KEYS[method]
    keys = files.column(*names).filter(pl.Series(copies.stays)).drop_nulls()
    shared = keys.filter(pl.struct(names).is_duplicated())
    place = pl.Series("rank", rank[shared["document"].to_numpy()])
    best = shared.with_columns(place).select("document", pl.col("document").sort_by("rank").first().over(names).alias("best"))
    found = best.filter(pl.col("document") != pl.col("best"))
    one, other = (found[name].cast(pl.Int64).to_numpy() for name in ("document", "best"))
    copies.add(one, other, 1.0 if method == "exact" else np.nan, method)


def _find_similar(files: SignatureFiles, rank: npt.NDArray[np.int64], copies: Copies, near: Near) -> None:
    stays = pl.Series(copies.stays)
    names = band_names(near.bands)
    component = clusters((pairs_of_band(files.column(name).filter(stays)) for name in names), len(rank))
    members = _members(component, rank)
    with tempfile.TemporaryDirectory(dir=near.scratch, prefix="dedup-") as folder:
        if near.verify:
            _find_anchored(files, members, component, copies, near, Path(folder))
        else:
            _find_chained(files, members, component, copies, Path(folder))


def _members(component: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The documents of components of two or more, component by component, in each by rank."""
    sizes = np.bincount(component, minlength=len(component))
    members = np.flatnonzero(sizes[component] > 1)
    return members[np.lexsort((rank[members], component[members]))]


def _find_anchored(
    files: SignatureFiles,
    members: npt.NDArray[np.int64],
    component: npt.NDArray[np.int64],
    copies: Copies,
    near: Near,
    folder: Path,
) -> None:
    keys = _keys_of(files, members, near, folder)
    offsets, sizes = np.zeros_like(members), np.full_like(members, UNKNOWN)
    values = Scratch(np.empty(0, dtype=np.uint32), None)
    if near.texts is not None:
        values, offsets, sizes = write_sets(files, members, near.texts, ngram=near.ngram, scratch=folder / "sets")
    signatures = Scratch(np.empty((len(members), 0), dtype=np.uint32), None)
    if (sizes == UNKNOWN).any():
        signatures = _signatures_of(files, members, folder)
    for part in _chunks(component[members]):
        evidence = Evidence(values.array, offsets[part], sizes[part], signatures.array[part])
        buckets = number_buckets(keys.array[:, part])
        anchor, similarity = anchor_members(buckets, evidence, min_similarity=near.verify)
        which = members[part]
        moved = np.flatnonzero(anchor != np.arange(len(anchor)))
        copies.add(which[moved], which[anchor[moved]], similarity[moved], "minhash")
        for scratch in (keys, signatures, values):
            scratch.forget()


def _find_chained(
    files: SignatureFiles,
    members: npt.NDArray[np.int64],
    component: npt.NDArray[np.int64],
    copies: Copies,
    folder: Path,
) -> None:
    """Whole components are clusters; similarity to what stays is estimated, but decides nothing."""
    signatures = _signatures_of(files, members, folder)
    for part in _chunks(component[members]):
        cluster = component[members[part]]
        starts = np.flatnonzero(np.diff(cluster, prepend=-1))
        first = np.repeat(starts, np.diff([*starts, len(cluster)]))
        moved = np.flatnonzero(first != np.arange(len(first)))
        ours = signatures.array[part]
        equal = (ours[moved] == ours[first[moved]]).mean(axis=1, dtype=np.float32) if len(moved) else moved
        copies.add(members[part][moved], members[part][first[moved]], equal, "minhash")
        signatures.forget()


def _chunks(component: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Whole components, up to MEMBERS_AT_ONCE members together."""
    bounds = np.append(np.flatnonzero(np.diff(component, prepend=-1)), len(component))
    start = 0
    while start < len(component):
        end = int(bounds[np.searchsorted(bounds, start + MEMBERS_AT_ONCE, "right") - 1])
        end = end if end > start else int(bounds[np.searchsorted(bounds, start, "right")])
        yield slice(start, end)
        start = end


def _keys_of(files: SignatureFiles, members: npt.NDArray[np.int64], near: Near, folder: Path) -> Scratch:
    """uint64[bands, members]."""
    keys = Scratch.make(folder / "keys", (near.bands, len(members)), np.uint64)
    for band, name in enumerate(band_names(near.bands)):
        keys.array[band] = files.column(name)[name].gather(members).to_numpy()
        keys.forget()
    return keys


def _signatures_of(files: SignatureFiles, members: npt.NDArray[np.int64], folder: Path) -> Scratch:
    """uint32[members, permutations]."""
    signatures = Scratch(NO_SIGNATURES, None)
    for part, frame in files.rows_of(members, ["signature"]):
        rows = frame["signature"].to_numpy()
        if not len(signatures.array):
            signatures = Scratch.make(folder / "signatures", (len(members), rows.shape[1]), np.uint32)
        signatures.array[part] = rows
        signatures.forget()
    return signatures


def _verdicts(documents: pl.DataFrame, copies: Copies) -> pl.DataFrame:
    ids, earlier = documents["id"], documents["earlier"].to_numpy()
    sizes = np.bincount(copies.original, minlength=len(ids)).astype(np.uint32)[copies.original]
    found = np.flatnonzero((sizes > 1) & ~earlier)
    original, is_copy = copies.original[found], pl.Series(copies.original[found] != found)
    names = pl.Series(METHODS, dtype=pl.String).gather(np.maximum(copies.method[found], 0))
    table = pl.DataFrame(
        {
            "id": ids.gather(found),
            "cluster": ids.gather(original),
            "size": sizes[found],
            "similarity": pl.Series(copies.similarity[found]).fill_nan(None),
            "method": names,
            "earlier": earlier[original],
        }
    )
    original_id = pl.when(is_copy).then("cluster").alias("duplicate_of")
    hidden = [pl.when(is_copy).then(name).alias(name) for name in ("similarity", "method")]
    return table.select("id", original_id, "cluster", "size", *hidden, "earlier")
