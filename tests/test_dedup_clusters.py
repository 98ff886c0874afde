"""Components of documents that share bands, against slow plain-Python versions."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.clusters import clusters, pairs_of_band


def components_in_python(edges: list[tuple[int, int]], count: int) -> list[int]:
    labels = list(range(count))
    for _ in range(count):
        for one, other in edges:
            labels[one] = labels[other] = min(labels[one], labels[other])
    return labels


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 25).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_clusters_are_connected_components_named_by_their_smallest_member(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    count, edges = graph
    frame = pl.DataFrame(edges, schema={"document": pl.UInt32, "smallest": pl.UInt32}, orient="row")
    halves = [frame[: len(edges) // 2], frame[len(edges) // 2 :]]
    assert clusters(halves, count).tolist() == components_in_python(edges, count)
    assert clusters([frame.reverse()], count).tolist() == components_in_python(edges, count)


def test_a_long_chain_is_one_cluster() -> None:
    chain = np.random.default_rng(3).permutation(np.arange(1, 100_000))
    edges = pl.DataFrame({"document": chain, "smallest": chain - 1})
    assert not clusters([edges], 100_000).any()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=40))
def test_a_bucket_gives_an_edge_from_each_member_to_its_smallest(keys: list[int | None]) -> None:
    frame = pl.DataFrame({"document": range(len(keys)), "key": keys}, schema={"document": pl.UInt32, "key": pl.UInt64})
    expected = [(i, keys.index(key)) for i, key in enumerate(keys) if key is not None and keys.index(key) < i]
    assert sorted(pairs_of_band(frame).rows()) == expected
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert sorted(pairs_of_band(shuffled).rows()) == expected


def test_two_key_columns_must_both_agree() -> None:
    keys = pl.DataFrame({"document": [0, 1, 2, 3], "high": [1, 1, 2, 1], "low": [1, 2, 1, 1]})
    assert pairs_of_band(keys).rows() == [(3, 0)]
