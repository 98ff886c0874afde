"""Near-duplicates by MinHash: who shares a band with whom, and how much of it stands in what stays.

bands ─▶ components ─▶ their members, chunk by chunk: buckets, sets of n-grams or signatures ─▶ anchors ─▶ Pairs
                                 ▲                                                                     │
                                 └── keep = "cleanest": once more, in the order that lines decide ─────┤
                                                                   what each loses ─▶ Copies ◀─────────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.anchors import Evidence, SetsOf, anchor_members, number_buckets
from curate.dedup.cleanest import clean_bytes, rank_cleanest
from curate.dedup.clusters import components
from curate.dedup.losses import containment, jaccard, novel
from curate.dedup.method import DocumentMethod, Search
from curate.dedup.minhash import SEED, band_names, sign
from curate.dedup.ranking import keeps_cleanest
from curate.dedup.s_curve import s_curve_sentence
from curate.dedup.scratch import Scratch
from curate.dedup.sets import Gram, Sets, Texts, write_sets
from curate.dedup.signatures import SignatureFiles
from curate.recipe_dedup import Dedup

SIGNATURE = "signature"
MEMBERS_AT_ONCE = 1 << 19  # candidates whose buckets and signatures are in memory: some 400 MB at 14 bands of 8 rows


class Signatures(NamedTuple):
    """Those of some members as they stand in the files, uint32[members, permutations], and the row of each member."""

    rows: Scratch
    row: npt.NDArray[np.int64]

    @classmethod
    def none(cls, members: int) -> Signatures:
        return cls(Scratch(np.empty((1, 0), dtype=np.uint32), None), np.zeros(members, np.int64))

    def of(self, part: slice) -> npt.NDArray[np.uint32]:
        found: npt.NDArray[np.uint32] = self.rows.array[self.row[part]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Documents of components of two or more, component by component, in each the best first; and what is known of
    them for verification."""

    members: npt.NDArray[np.int64]
    component: npt.NDArray[np.int64]
    similar: Sets
    contained: Sets
    words: Sets
    signatures: Signatures

    def in_order_of(self, rank: npt.NDArray[np.int64]) -> Candidates:
        order = np.lexsort((rank[self.members], self.component))
        similar, contained, words = (
            sets._replace(offsets=sets.offsets[order], sizes=sets.sizes[order])
            for sets in (self.similar, self.contained, self.words)
        )
        signatures = self.signatures._replace(row=self.signatures.row[order])
        return Candidates(self.members[order], self.component[order], similar, contained, words, signatures)

    def forget(self) -> None:
        for scratch in (self.similar.values, self.contained.values, self.words.values, self.signatures.rows):
            scratch.forget()


class Pairs(NamedTuple):
    """Documents that repeat others, and what those are; how similar each is and how much of it they contain: nan where
    nobody asked."""

    copy: npt.NDArray[np.int64]
    original: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]
    containment: npt.NDArray[np.float32]


def find_similar(search: Search) -> None:
    """Add the near-duplicates: each of the anchor that holds enough of it, or with `verify = 0` of the best of its
    component. Texts of candidates are read; without them everything is estimated from signatures."""
    files, rank, copies, dedup, texts = search.files, search.rank, search.copies, search.dedup, search.texts
    component = components(files.bands(band_names(dedup.bands), copies.stays), len(rank))
    candidates = _candidates(files, component, rank, dedup, texts, search.folder, search.cores)
    is_exempt = files.documents["source"].is_in(list(dedup.exempt)).to_numpy() if dedup.exempt else None
    found = _find(files, candidates, is_exempt, dedup, search.folder)
    if keeps_cleanest(dedup) and texts is not None and len(candidates.members):
        stays = copies.stays
        stays[found.copy] = False
        measure = search.clean or partial(clean_bytes, texts, dedup, search.folder, search.cores)
        clean = measure(files, stays, candidates.members)
        rank = rank_cleanest(files, clean, candidates.members, candidates.component, dedup)
        candidates = candidates.in_order_of(rank)
        found = _find(files, candidates, is_exempt, dedup, search.folder)
    _add(found, candidates, search)


def _candidates(
    files: SignatureFiles,
    component: npt.NDArray[np.int64],
    rank: npt.NDArray[np.int64],
    dedup: Dedup,
    texts: Texts | None,
    folder: Path,
    cores: int,
) -> Candidates:
    members = _members(component, rank)
    sets, signatures = [Sets.unknown(len(members))] * 3, Signatures.none(len(members))
    if dedup.is_verified and texts is not None:
        grams = [Gram(dedup.ngram, dedup.unit), Gram(dedup.verification.ngram, "words"), Gram(1, "words")]
        sets = write_sets(files, members, texts, grams, dedup.normalize, scratch=folder / "sets", cores=cores)
    if not dedup.is_verified or texts is None or files.documents["earlier"].gather(members).any():
        signatures = _signatures_of(files, members, folder)
    similar, contained, words = sets
    return Candidates(members, component[members], similar, contained, words, signatures)


def _add(found: Pairs, candidates: Candidates, search: Search) -> None:
    """The pairs with what each loses, as far as both texts are there."""
    order = np.argsort(candidates.members)
    one, other = (order[np.searchsorted(candidates.members, which, sorter=order)] for which in found[:2])
    similarity = found.similarity
    if not search.dedup.verification.jaccard:
        exact = jaccard(candidates.similar, one, other)
        similarity = np.where(np.isnan(exact), similarity, exact)
    exact = containment(candidates.contained, one, other)
    search.copies.add(
        found.copy,
        found.original,
        search.number,
        similarity=similarity,
        containment=np.where(np.isnan(exact), found.containment, exact),
        novel=novel(candidates.words, one, other),
    )
    candidates.forget()


def _members(component: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The documents of components of two or more, component by component, in each by rank."""
    sizes = np.bincount(component, minlength=len(component))
    members = np.flatnonzero(sizes[component] > 1)
    return members[np.lexsort((rank[members], component[members]))]


def _find(
    files: SignatureFiles,
    candidates: Candidates,
    is_exempt: npt.NDArray[np.bool_] | None,
    dedup: Dedup,
    folder: Path,
) -> Pairs:
    if not dedup.is_verified:
        return _find_chained(candidates, is_exempt)
    return _find_anchored(files, candidates, is_exempt, dedup, folder)


def _find_anchored(
    files: SignatureFiles,
    candidates: Candidates,
    is_exempt: npt.NDArray[np.bool_] | None,
    dedup: Dedup,
    folder: Path,
) -> Pairs:
    members, asked = candidates.members, dedup.verification
    keys = _keys_of(files, members, dedup.bands, folder)
    found = []
    for part in _chunks(candidates.component):
        similar, contained = (
            SetsOf(sets.values.array, sets.offsets[part], sets.sizes[part])
            for sets in (candidates.similar, candidates.contained)
        )
        which = members[part]
        anchored = anchor_members(
            number_buckets(keys.array[:, part]),
            Evidence(similar, contained, candidates.signatures.of(part)),
            min_similarity=asked.jaccard,
            min_containment=asked.containment,
            always=None if is_exempt is None else is_exempt[which],
        )
        moved = np.flatnonzero(anchored.anchor != np.arange(len(which)))
        original = anchored.anchor[moved]
        similarity = anchored.similarity[moved]
        if not asked.jaccard and candidates.signatures.rows.array.shape[1]:
            similarity = _estimate(candidates.signatures.of(part), moved, original)
        found.append(Pairs(which[moved], which[original], similarity, anchored.containment[moved]))
        keys.forget()
        candidates.forget()
    return _join(found)


def _find_chained(candidates: Candidates, is_exempt: npt.NDArray[np.bool_] | None) -> Pairs:
    """Whole components are clusters; similarity to what stays is estimated, but decides nothing."""
    found = []
    for part in _chunks(candidates.component):
        cluster, which = candidates.component[part], candidates.members[part]
        starts = np.flatnonzero(np.diff(cluster, prepend=-1))
        first = np.repeat(starts, np.diff([*starts, len(cluster)]))
        is_copy = first != np.arange(len(first))
        moved = np.flatnonzero(is_copy if is_exempt is None else is_copy & ~is_exempt[which])
        ours = candidates.signatures.of(part)
        equal = _estimate(ours, moved, first[moved])
        found.append(Pairs(which[moved], which[first[moved]], equal, np.full(len(moved), np.nan, np.float32)))
        candidates.forget()
    return _join(found)


def _estimate(
    signatures: npt.NDArray[np.uint32], one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Jaccard similarity: the share of rows that agree."""
    if not len(one):
        return np.empty(0, dtype=np.float32)
    return np.asarray((signatures[one] == signatures[other]).mean(axis=1, dtype=np.float32))


def _join(found: list[Pairs]) -> Pairs:
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
    columns: list[Any] = [np.concatenate(column) for column in zip(nothing, *found, strict=True)]
    return Pairs._make(columns)


def _chunks(component: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Whole components, up to MEMBERS_AT_ONCE members together."""
    bounds = np.append(np.flatnonzero(np.diff(component, prepend=-1)), len(component))
    start = 0
    while start < len(component):
        end = int(bounds[np.searchsorted(bounds, start + MEMBERS_AT_ONCE, "right") - 1])
        end = end if end > start else int(bounds[np.searchsorted(bounds, start, "right")])
        yield slice(start, end)
        start = end


def _keys_of(files: SignatureFiles, members: npt.NDArray[np.int64], bands: int, folder: Path) -> Scratch:
    """uint64[bands, members]."""
    keys = Scratch.make(folder / "keys", (bands, len(members)), np.uint64)
    for band, name in enumerate(band_names(bands)):
        keys.array[band] = files.values(name, members)
        keys.forget()
    return keys


def _signatures_of(files: SignatureFiles, members: npt.NDArray[np.int64], folder: Path) -> Signatures:
    """Written one file after the other: a file written here and there would take the machine far longer."""
    row, written, permutations = np.zeros_like(members), 0, 0
    with (folder / "signatures").open("wb") as file:
        for part, rows in files.packed(members, SIGNATURE):
            row[part] = np.arange(written, written + len(rows))
            file.write(rows.data)
            written, permutations = written + len(rows), rows.shape[1]
    found = Scratch.open(folder / "signatures", np.uint32)
    return Signatures(replace(found, array=found.array.reshape(written, permutations)), row)


def _sign(documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    return sign(
        documents["text"],
        ngram=dedup.ngram,
        bands=dedup.bands,
        rows=dedup.rows,
        unit=dedup.unit,
        normalize=dedup.normalize,
    )


def _parameters(dedup: Dedup) -> Mapping[str, Any]:
    said = {name: getattr(dedup, name) for name in ("ngram", "unit", "normalize", "bands", "rows")}
    return said | {"seed": SEED}


MINHASH = DocumentMethod(
    name="minhash",
    about="they share a band of their MinHash signatures, and the true Jaccard similarity of their word n-grams is at "
    "least `verify`",
    reason="near_duplicate",
    columns=lambda dedup: dict.fromkeys(band_names(dedup.bands), pl.UInt64) | {SIGNATURE: pl.Binary},
    sign=_sign,
    find=find_similar,
    meets=lambda dedup: tuple(band_names(dedup.bands)),
    parameters=_parameters,
    keys=lambda dedup: tuple(band_names(dedup.bands)),
    is_of_text=True,
    verifies=True,
    stands_for_text=(SIGNATURE,),
    explain=s_curve_sentence,
)
