"""curate.text: the parts that the kernels are made of, against plain definitions."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError

from curate.text import bits
from curate.text.characters import add_classes, count_of
from curate.text.compiled import pointer
from curate.text.contractions import all_words
from curate.text.hashes import hash_between, hash_prefixes, hash_range, powers
from curate.text.words import words_of

WANTED = 4
classes = st.lists(st.sampled_from([0, 1, WANTED, WANTED | 3]), max_size=300)


@numba.njit
def find_places(classes, places):
    return bits.find_places(pointer(classes), len(classes), WANTED, pointer(places))


@numba.njit
def find_runs(classes, edges):
    return bits.find_runs(pointer(classes), len(classes), WANTED, pointer(edges))


@numba.njit
def bits_between(classes, low, high):
    blocks = np.empty(len(classes) // bits.BLOCK + 2, dtype=np.uint64)
    for first in range(0, len(classes), bits.BLOCK):
        blocks[first // bits.BLOCK] = bits.class_bits(classes, first, len(classes), WANTED)
    return bits.bits_between(blocks, np.uint64(low), np.uint64(high))


@numba.njit
def count_three(classes):
    sums = add_classes(classes, 0, len(classes), 1 | 1 << 9 | 1 << 17)
    return count_of(sums, 1), count_of(sums, 1 << 9), count_of(sums, 1 << 17)


@numba.njit
def hash_both_ways(codes, powers, low, high):
    prefixes = np.empty(len(codes) + 1, dtype=np.uint64)
    hash_prefixes(codes, len(codes), prefixes)
    return hash_between(prefixes, powers, low, high), hash_range(codes, low, high)


def as_array(values: list[int]) -> npt.NDArray[np.uint32]:
    return np.array(values, dtype=np.uint32)


@settings(deadline=None)
@given(classes)
def test_places_are_where_a_class_stands(values: list[int]) -> None:
    places = np.zeros(len(values) + 1, dtype=np.int32)
    count = find_places(as_array(values), places)
    assert places[:count].tolist() == [at for at, value in enumerate(values) if value & WANTED]


@settings(deadline=None)
@given(classes)
def test_runs_are_what_lies_between_two_of_a_class(values: list[int]) -> None:
    edges = np.zeros(len(values) + 2, dtype=np.int32)
    count = find_runs(as_array(values), edges)
    groups = groupby(enumerate(values), key=lambda pair: pair[1] & WANTED)
    runs = [[at for at, _ in group] for is_unwanted, group in groups if not is_unwanted]
    assert edges[: 2 * count].reshape(-1, 2).tolist() == [[run[0], run[-1] + 1] for run in runs]


def test_a_pointer_to_an_array_with_gaps_is_refused() -> None:
    with pytest.raises(TypingError, match="without gaps"):
        find_places(np.zeros(10, dtype=np.uint32)[::2], np.zeros(9, dtype=np.int32))


@settings(deadline=None)
@given(st.data(), classes.filter(bool))
def test_bits_of_a_range_cross_the_borders_of_blocks(data: Any, values: list[int]) -> None:
    low = data.draw(st.integers(0, len(values) - 1))
    high = data.draw(st.integers(low + 1, min(low + bits.BLOCK, len(values))))
    wanted = sum(1 << at for at, value in enumerate(values[low:high]) if value & WANTED)
    assert bits_between(as_array(values), low, high) == wanted


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 1 << 9, 1 << 17, 1 | 1 << 9, 1 << 30]), max_size=255))
def test_one_addition_counts_several_classes(values: list[int]) -> None:
    assert count_three(as_array(values)) == tuple(sum(value & bit > 0 for value in values) for bit in (1, 512, 1 << 17))


@settings(deadline=None)
@given(st.data(), st.text(max_size=50), st.integers(1, 200))
def test_the_hash_of_a_range_follows_from_two_prefixes(data: Any, text: str, times: int) -> None:
    codes = np.array([ord(character) for character in text * times], dtype=np.int32)
    low = data.draw(st.integers(0, len(codes)))
    high = data.draw(st.integers(low, len(codes)))
    one, other = hash_both_ways(codes, powers(), low, high)
    assert one == other


@pytest.mark.parametrize("follower", ["", ",", " and so on"])
def test_listed_words_are_cut_into_their_listed_pieces(follower: str) -> None:
    """A quick look turns most words away before the list is asked: none of the listed ones may be among them."""
    letters = {word: pieces for word, pieces in all_words().items() if word.isalpha()}
    assert len(letters) > 300
    for word, pieces in letters.items():
        assert tuple(words_of(word + follower)[: len(pieces)]) == pieces, word
