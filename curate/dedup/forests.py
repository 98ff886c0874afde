"""Who hangs together, without all pairs in one process: forests of parts, then one forest of all of them.

pairs of one hash range ─▶ a forest: each document but the first of its component, and that first one
forests, one after the other ─▶ components ─▶ groups of whole components, of about one size ─▶ members, split by split

A forest has fewer pairs than documents. All of them together are never in memory: of the whole corpus there are two
integers a document, of 4 bytes below four billion of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.dedup.clusters import point_at_roots, root
from curate.text.compiled import kernel

MAX_SHORT = (1 << 32) - 1


class Forest(NamedTuple):
    """`document`, sorted, and the smallest one it hangs together with, which has no row of its own; both int64."""

    document: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


def forest_of(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Forest:
    """Of documents of any numbers, pair by pair."""
    names, place = np.unique(np.concatenate([one, other]), return_inverse=True)
    parents = np.arange(len(names), dtype=np.int64)
    _unite(place[: len(one)], place[len(one) :], parents)
    point_at_roots(parents)
    moved = np.flatnonzero(parents != np.arange(len(names)))
    return Forest(names[moved], names[parents[moved]])


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Documents 0 … n - 1 in groups 0 … `count` - 1, none of which shares a component with another one."""

    count: int
    members: int
    _first: npt.NDArray[Any]
    _group: npt.NDArray[Any]
    """By a component's first document, one more than its group; 0 of a document that is alone."""

    def of(self, start: int, stop: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Of the documents from start to stop those that are in a group, counted from start, and their groups."""
        group = self._group[self._first[start:stop]]
        rows = np.flatnonzero(group)
        return rows.astype(np.uint32), (group[rows] - 1).astype(np.uint32)


def group_components(forests: Iterable[Forest], count: int, groups: int, *, ours: int | None = None) -> Groups:
    """Of documents 0 … count - 1 those that hang together with others, in about so many groups: a component that is
    larger than its share is a group by itself. Each forest is used up before the next is asked for. Where only the
    first so many documents are `ours`, the others hang together only with those."""
    kind = np.uint32 if count < MAX_SHORT else np.int64
    parents = np.arange(count, dtype=kind)
    for forest in forests:
        _unite(forest.document, forest.first, parents)
    point_at_roots(parents)
    sizes = np.zeros(count, dtype=kind)
    members = _count_members(parents, sizes, count if ours is None else ours)
    most = -(-members // groups)  # rounded up
    return Groups(_number_groups(parents, sizes, most), members, parents, sizes)


class Members(Sequence[bytes]):
    """Of each split, as bytes, the rows of its documents that are in groups, and their groups: both uint32. Made when
    asked for; `starts` (int64[splits + 1]) is where the documents of each split begin."""

    def __init__(self, groups: Groups, starts: npt.NDArray[np.int64]) -> None:
        self.groups, self.starts = groups, starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, split: Any) -> Any:
        rows, group = self.groups.of(int(self.starts[split]), int(self.starts[split + 1]))
        return rows.tobytes() + group.tobytes()


def members_of(content: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and groups of one split, as `Members` has written them."""
    rows, group = np.frombuffer(content, np.uint32).reshape(2, -1).astype(np.int64)
    return rows, group


@kernel
def _unite(one, other, parents):
    """The smaller root becomes the parent, so that the result does not depend on the order of pairs."""
    for at in range(len(one)):
        first, second = root(parents, one[at]), root(parents, other[at])
        parents[max(first, second)] = min(first, second)


@kernel
def _count_members(parents, sizes, ours):
    """Of each component, at its first document, how many it has; returns how many documents are not alone."""
    members = 0
    for document in range(len(parents)):
        sizes[parents[document]] += parents[document] < ours  # a component's first document is the smallest
    for document in range(len(parents)):
        members += sizes[parents[document]] > 1
    return members


@kernel
def _number_groups(parents, sizes, most):
    """In place: at a component's first document one more than the number of its group, 0 where it is alone."""
    group, held = 1, 0
    for document in range(len(parents)):
        if parents[document] != document:
            continue
        if sizes[document] < 2:
            sizes[document] = 0
            continue
        if held > 0 and held + sizes[document] > most:
            group, held = group + 1, 0
        held += sizes[document]
        sizes[document] = group
    return group
