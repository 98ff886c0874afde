"""curate.text.hashes: polynomials against Python's own integers, tables against sets and dictionaries."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text import hashes
from curate.text.compiled import pointer
from curate.text.hashes import BASE, POWERS, place_words, powers

TWO_64 = 1 << 64
KEYS = st.lists(st.integers(1, 2**64 - 1), max_size=60)
CROWDED = st.lists(st.integers(0, 7).map(lambda low: (3 << 32) | low | 1), max_size=30)
"""Keys that all want the same slot."""
CODES = st.text(max_size=40).map(lambda text: [ord(character) for character in text])


@numba.njit
def hash_range(codes, low, high):
    return hashes.hash_range(pointer(codes), low, high)


@numba.njit
def hash_prefixes(codes, prefixes):
    hashes.hash_prefixes(pointer(codes), len(codes), pointer(prefixes))


@numba.njit
def hash_between(prefixes, powers, low, high):
    return hashes.hash_between(pointer(prefixes), pointer(powers), low, high)


@numba.njit
def mix_all(values):
    mixed = np.empty_like(values)
    for at in range(len(values)):
        mixed[at] = hashes.mix(values[at])
    return mixed


@numba.njit
def seen_before(table, keys):
    table_pointer, mask = pointer(table), len(table) - 1
    return [hashes.was_seen(table_pointer, mask, key) for key in keys]


@numba.njit
def table_sizes(counts):
    return [hashes.table_size(count) for count in counts]


def polynomial(codes: list[int]) -> int:
    """In Python's integers, which never overflow."""
    value = 0
    for code in codes:
        value = (value * int(BASE) + code + 1) % TWO_64
    return value


def as_codes(codes: list[int]) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([*codes, 0], dtype=np.int32)  # a code more, as an array of none has no place to point to


@settings(deadline=None)
@given(CODES, st.data())
def test_a_range_hashes_to_the_polynomial_of_its_code_points(codes: list[int], data: st.DataObject) -> None:
    low = data.draw(st.integers(0, len(codes)))
    high = data.draw(st.integers(low, len(codes)))
    assert hash_range(as_codes(codes), low, high) == polynomial(codes[low:high])


@settings(deadline=None)
@given(CODES)
def test_prefixes_are_the_polynomials_of_all_beginnings(codes: list[int]) -> None:
    prefixes = np.zeros(len(codes) + 2, dtype=np.uint64)
    hash_prefixes(as_codes(codes), prefixes)
    assert prefixes[: len(codes) + 1].tolist() == [polynomial(codes[:end]) for end in range(len(codes) + 1)]


@pytest.mark.parametrize("size", [1, POWERS - 1, POWERS, POWERS + 1, 2 * POWERS, 5000, 70_001])
def test_ranges_longer_than_the_table_of_powers_hash_alike_wherever_they_stand(size: int) -> None:
    codes = np.arange(size, dtype=np.int32) * 7919 % 0xD000
    twice = np.concatenate([[1, 2, 3], codes, [4], codes]).astype(np.int32)
    prefixes = np.zeros(len(twice) + 1, dtype=np.uint64)
    hash_prefixes(twice, prefixes)
    first = hash_between(prefixes, powers(), 3, 3 + size)
    assert first == hash_between(prefixes, powers(), 4 + size, 4 + 2 * size) == polynomial(codes.tolist())


def test_powers_are_those_of_the_base() -> None:
    assert powers().tolist() == [pow(int(BASE), exponent, TWO_64) for exponent in range(POWERS)]


def test_nul_lengthens_a_string_and_order_counts() -> None:
    assert len({polynomial([0] * size) for size in range(5)}) == 5
    values = [hash_range(as_codes([0] * size), 0, size) for size in range(5)]
    assert len(set(values)) == 5
    assert hash_range(as_codes([1, 2]), 0, 2) != hash_range(as_codes([2, 1]), 0, 2)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_a_mixed_hash_is_never_the_mark_of_a_free_slot(values: list[int]) -> None:
    mixed = mix_all(np.array(values, dtype=np.uint64))
    assert all(value & 1 for value in mixed.tolist())


def test_one_flipped_bit_changes_about_half_of_a_mixed_hash() -> None:
    values = np.random.default_rng(5).integers(0, 2**63, 2000, dtype=np.uint64)
    for bit in range(1, 64, 7):
        changed = mix_all(values) ^ mix_all(values ^ np.uint64(1 << bit))
        flipped = np.unpackbits(changed.view(np.uint8)).mean()
        assert 0.45 < flipped < 0.55, bit


@settings(deadline=None)
@given(KEYS | CROWDED)
def test_a_table_knows_a_key_exactly_if_it_came_before(keys: list[int]) -> None:
    table = np.zeros(table_sizes(np.array([len(keys)]))[0], dtype=np.uint64)
    found = seen_before(table, np.array([*keys, 0], dtype=np.uint64)[:-1]) if keys else []
    assert found == [key in keys[:at] for at, key in enumerate(keys)]
    assert set(table.tolist()) - {0} == set(keys)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=20))
def test_a_table_is_a_power_of_two_at_most_half_full_and_no_more_than_that(counts: list[int]) -> None:
    for count, size in zip(counts, table_sizes(np.array(counts)), strict=True):
        assert size & (size - 1) == 0
        assert size >= max(16, 2 * count)
        assert size == 16 or size < 4 * count


@settings(deadline=None)
@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=40))
def test_equal_words_are_placed_in_one_slot_and_others_in_slots_of_their_own(words: list[str]) -> None:
    codes = as_codes([ord(letter) for word in words for letter in word])
    offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
    table = np.zeros(128, dtype=np.uint64)
    slots = place_words(codes, offsets, table).tolist()
    assert len(set(zip(words, slots, strict=True))) == len(set(words)) == len(set(slots))
    assert np.flatnonzero(table).tolist() == sorted(set(slots))
