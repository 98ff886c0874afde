"""Near-duplicates by MinHash: who shares a band with whom, and who is really similar to what stays.

bands ─▶ components ─▶ their members, chunk by chunk: buckets, sets of shingles or signatures ─▶ anchors ─▶ Copies
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.dedup.anchors import Evidence, anchor_members, number_buckets
from curate.dedup.clusters import components
from curate.dedup.copies import Copies
from curate.dedup.minhash import band_names
from curate.dedup.scratch import Scratch
from curate.dedup.sets import UNKNOWN, Texts, write_sets
from curate.dedup.signatures import SignatureFiles
from curate.recipe import Dedup

MEMBERS_AT_ONCE = 1 << 19  # candidates whose buckets and signatures are in memory: some 400 MB at 14 bands of 8 rows


class Signatures(NamedTuple):
    """Those of some members as they stand in the files, uint32[members, permutations], and the row of each member."""

    rows: Scratch
    row: npt.NDArray[np.int64]

    def of(self, part: slice) -> npt.NDArray[np.uint32]:
        found: npt.NDArray[np.uint32] = self.rows.array[self.row[part]]
        return found


def find_similar(
    files: SignatureFiles,
    rank: npt.NDArray[np.int64],
    copies: Copies,
    dedup: Dedup,
    texts: Texts | None,
    folder: Path,
    cores: int,
) -> None:
    """Add the near-duplicates to `copies`: each of the anchor that it is similar to, or with `verify = 0` of the best of
    its component. Texts of candidates are read once; without `texts` similarity is estimated from signatures. `folder` is an
    empty one, for what memory should not hold."""
    names = band_names(dedup.bands)
    component = components(files.bands(names, copies.stays), len(rank))
    members = _members(component, rank)
    if dedup.verify:
        _find_anchored(files, members, component, copies, dedup, texts, folder, cores)
    else:
        _find_chained(files, members, component, copies, folder)


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
    dedup: Dedup,
    texts: Texts | None,
    folder: Path,
    cores: int,
) -> None:
    keys = _keys_of(files, members, dedup.bands, folder)
    offsets, sizes = np.zeros_like(members), np.full_like(members, UNKNOWN)
    values = Scratch(np.empty(0, dtype=np.uint32), None)
    if texts is not None:
        values, offsets, sizes = write_sets(files, members, texts, dedup, scratch=folder / "sets", cores=cores)
    signatures = Signatures(Scratch(np.empty((1, 0), dtype=np.uint32), None), np.zeros_like(members))
    if (sizes == UNKNOWN).any():
        signatures = _signatures_of(files, members, folder)
    for part in _chunks(component[members]):
        evidence = Evidence(values.array, offsets[part], sizes[part], signatures.of(part))
        buckets = number_buckets(keys.array[:, part])
        anchor, similarity = anchor_members(buckets, evidence, min_similarity=dedup.verify)
        which = members[part]
        moved = np.flatnonzero(anchor != np.arange(len(anchor)))
        copies.add(which[moved], which[anchor[moved]], similarity[moved], "minhash")
        for scratch in (keys, signatures.rows, values):
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
        ours = signatures.of(part)
        equal = (ours[moved] == ours[first[moved]]).mean(axis=1, dtype=np.float32) if len(moved) else moved
        copies.add(members[part][moved], members[part][first[moved]], equal, "minhash")
        signatures.rows.forget()


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
        for part, rows in files.packed(members, "signature"):
            row[part] = np.arange(written, written + len(rows))
            file.write(rows.data)
            written, permutations = written + len(rows), rows.shape[1]
    found = Scratch.open(folder / "signatures", np.uint32)
    return Signatures(replace(found, array=found.array.reshape(written, permutations)), row)
