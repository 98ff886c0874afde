"""Components of documents that share bands, against slow plain-Python versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import clusters as clusters_module
from curate.dedup.clusters import Band, components


def band(documents: list[int], keys: list[int]) -> Band:
    return np.array(documents, dtype=np.int64), np.array(keys, dtype=np.uint64)


def components_in_python(bands: list[Band], count: int) -> list[int]:
    labels = list(range(count))
    for _ in range(count):
        for documents, keys in bands:
            for key in set(keys.tolist()):
                members = documents[keys == key].tolist()
                smallest = min(labels[member] for member in members)
                for member in members:
                    labels[member] = smallest
    return labels


keys = st.lists(st.tuples(st.integers(0, 24), st.sampled_from([0, 1, 2, 1 << 40, 1 << 63, (1 << 64) - 1])), max_size=12)


@settings(deadline=None, max_examples=200)
@given(st.lists(keys, max_size=4), st.sampled_from([1, 4, 1 << 14]))
def test_components_are_those_of_equal_keys_named_by_their_smallest_member(
    bands: list[list[tuple[int, int]]], size: int
) -> None:
    frames = [band([document for document, _ in rows], [key for _, key in rows]) for rows in bands]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters_module, "RANGE", size)
        assert components(frames, 25).tolist() == components_in_python(frames, 25)
        backwards = [(documents[::-1].copy(), keys[::-1].copy()) for documents, keys in reversed(frames)]
        assert components(backwards, 25).tolist() == components_in_python(frames, 25)


def test_a_long_chain_is_one_cluster() -> None:
    chain = np.random.default_rng(3).permutation(np.arange(1, 100_000))
    pairs = np.stack([chain, chain - 1], axis=1).ravel()
    assert not components([(pairs, np.repeat(chain, 2).astype(np.uint64))], 100_000).any()


def test_a_bucket_of_all_documents_is_one_cluster_and_keys_that_differ_in_any_bit_are_apart() -> None:
    everybody = np.arange(200_000)
    assert not components([(everybody, np.full(200_000, 7, dtype=np.uint64))], 200_000).any()
    apart = np.random.default_rng(1).permutation(200_000).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert (components([(everybody, apart)], 200_000) == everybody).all()
