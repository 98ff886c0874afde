"""Anchors against a plain Python version of the same rule, on any sets and any buckets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import anchors as anchors_module
from curate.dedup.anchors import Evidence, SetsOf, anchor_members, number_buckets

Sets = list[set[int]]
NO_SIGNATURES = np.empty((0, 0), dtype=np.uint32)


def evidence_of(sets: Sets) -> Evidence:
    sizes = np.array([len(one) for one in sets], dtype=np.int64)
    values = np.array([value for one in sets for value in sorted(one)], dtype=np.uint32)
    known = SetsOf(values, np.cumsum(sizes) - sizes, sizes)
    return Evidence(known, known, NO_SIGNATURES)


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def share(one: set[int], other: set[int]) -> float:
    """Of the other's set."""
    return len(one & other) / len(other) if other else 1.0


def anchors_in_python(
    keys: list[list[int]], sets: Sets, minimum: float, least: float = 0.0, always: tuple[int, ...] = ()
) -> list[int]:
    """`keys[band][member]`: the rule without its bound on what a bucket remembers."""
    anchor: list[int] = []
    known: dict[tuple[int, int], set[int]] = {}
    for member in range(len(sets)):
        mine = [(band, row[member]) for band, row in enumerate(keys)]
        candidates = set().union(*(known.get(bucket, set()) for bucket in mine))
        if member in always:
            candidates = set()
        near = [other for other in candidates if jaccard(sets[other], sets[member]) >= minimum]
        likeness = share if least else jaccard
        similar = [(-likeness(sets[other], sets[member]), other) for other in near]
        similar = [pair for pair in similar if -pair[0] >= least]
        anchor.append(min(similar)[1] if similar else member)
        for bucket in mine:
            known.setdefault(bucket, set()).add(anchor[member])
    return anchor


members = st.integers(1, 14)
a_set = st.sets(st.integers(0, 12), max_size=9)


@settings(deadline=None, max_examples=300)
@given(st.data(), members, st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_anchors_are_those_of_the_rule(data: st.DataObject, count: int, minimum: float) -> None:
    sets = data.draw(st.lists(a_set, min_size=count, max_size=count))
    row = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    keys = data.draw(st.lists(row, min_size=1, max_size=3))
    found = anchor_members(number_buckets(np.array(keys, dtype=np.uint64)), evidence_of(sets), min_similarity=minimum)
    assert found.anchor.tolist() == anchors_in_python(keys, sets, minimum)
    for member, other in enumerate(found.anchor.tolist()):
        assert found.similarity[member] == pytest.approx(jaccard(sets[member], sets[other]), abs=1e-6)


@settings(deadline=None, max_examples=300)
@given(st.data(), members, st.sampled_from([0.0, 0.3]), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_a_member_goes_where_most_of_it_is_contained_unless_its_source_is_exempt(
    data: st.DataObject, count: int, minimum: float, least: float
) -> None:
    sets = data.draw(st.lists(a_set, min_size=count, max_size=count))
    row = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    keys = data.draw(st.lists(row, min_size=1, max_size=3))
    always = tuple(data.draw(st.sets(st.integers(0, count - 1), max_size=2)))
    found = anchor_members(
        number_buckets(np.array(keys, dtype=np.uint64)),
        evidence_of(sets),
        min_similarity=minimum,
        min_containment=least,
        always=np.isin(np.arange(count), always),
    )
    assert found.anchor.tolist() == anchors_in_python(keys, sets, minimum, least, always)
    for member, other in enumerate(found.anchor.tolist()):
        assert found.containment[member] == pytest.approx(share(sets[other], sets[member]), abs=1e-6)
        if minimum or other == member:
            assert found.similarity[member] == pytest.approx(jaccard(sets[member], sets[other]), abs=1e-6)
        else:
            assert np.isnan(found.similarity[member])


def test_buckets_are_numbered_where_they_are_shared() -> None:
    keys = np.array([[7, 7, 5, 9], [1, 2, 2, 1], [0, 1, 2, 3]], dtype=np.uint64)
    assert number_buckets(keys).tolist() == [[0, 0, -1, -1], [1, 2, 2, 1], [-1, -1, -1, -1]]


def test_a_bucket_remembers_its_latest_anchors() -> None:
    memory = anchors_module.KNOWN_TO_BUCKET
    strangers = [{1000 + at} for at in range(memory + 3)]
    buckets = np.zeros((1, len(strangers) + 2), dtype=np.int32)
    early, late = strangers[2], strangers[3]  # the fourth is the oldest of the latest sixteen
    found = anchor_members(buckets, evidence_of([*strangers, late, early]), min_similarity=0.7)
    assert found.anchor.tolist()[-2:] == [3, len(strangers) + 1]


def test_signatures_serve_where_there_are_no_sets() -> None:
    signatures = np.array([[1, 2, 3, 4], [1, 2, 3, 5], [1, 9, 9, 9]], dtype=np.uint32)
    unknown = SetsOf(np.empty(0, np.uint32), np.zeros(3, np.int64), np.full(3, -1))
    evidence = Evidence(unknown, unknown, signatures)
    found = anchor_members(np.zeros((1, 3), dtype=np.int32), evidence, min_similarity=0.7)
    assert found.anchor.tolist() == [0, 0, 2]
    assert found.similarity.tolist() == [1.0, 0.75, 1.0]


def test_containment_is_estimated_where_there_are_no_sets() -> None:
    rng = np.random.default_rng(5)
    hashes = rng.integers(0, 1 << 32, 4000, dtype=np.uint64)
    multipliers = rng.integers(0, 1 << 31, 256, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    minima = [
        ((part[:, None] * multipliers) & np.uint64(0xFFFFFFFF)).min(axis=0)
        for part in (hashes, hashes[:1500], np.concatenate([hashes[:500], hashes[3000:]]))
    ]
    evidence = Evidence(
        *(SetsOf(np.empty(0, np.uint32), np.zeros(3, np.int64), np.full(3, -1)),) * 2, np.array(minima, dtype=np.uint32)
    )
    found = anchor_members(np.zeros((1, 3), dtype=np.int32), evidence, min_containment=0.75)
    assert found.anchor.tolist() == [0, 0, 0]  # all of the second and the third stand in the first: similarity 0.375
    assert found.containment.tolist() == pytest.approx([1, 1, 1], abs=0.2)
    strangers = evidence._replace(signatures=evidence.signatures[1:])
    assert anchor_members(np.zeros((1, 2), dtype=np.int32), strangers, min_containment=0.75).anchor.tolist() == [0, 1]
