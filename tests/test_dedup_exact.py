"""Exact hashes against `str.split` and xxhash themselves."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_intdigest

from curate.dedup.exact import collapse_white_space, hash_texts
from curate.text.buffers import text_buffers

EVERY_SPACE = "".join(filter(str.isspace, map(chr, range(0x110000))))
NEAR_SPACES = "\u200b\u2007\u200a\u200c\u2027\u202a\u202e\u2030\u205e\u2060\u1681\u16c0\u3001\u00a1\u0084\u00c2\x1b"


def whole_hash(frame: pl.DataFrame, row: int) -> int:
    return frame["hash_high"][row] << 64 | frame["hash_low"][row]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.sampled_from("ab é中😀" + EVERY_SPACE + NEAR_SPACES)), max_size=6))
def test_white_space_is_collapsed_as_split_and_join_do(texts: list[str]) -> None:
    data, offsets = collapse_white_space(text_buffers(pl.Series(texts, dtype=pl.String)))
    ours = [bytes(data[start:end]).decode() for start, end in pairwise(offsets)]
    assert ours == [" ".join(text.split()) for text in texts]


def test_every_white_space_character_counts_as_one_space() -> None:
    texts = pl.Series([f"one{space}two" for space in EVERY_SPACE])
    assert hash_texts(texts).n_unique() == 1


def test_the_hash_is_xxh3_128_of_the_collapsed_text() -> None:
    texts = pl.Series(["  All happy families\n are alike; ", "каждая несчастливая", "", None], dtype=pl.String)
    hashes = hash_texts(texts)
    expected = [b"All happy families are alike;", "каждая несчастливая".encode(), b"", b""]
    assert [whole_hash(hashes, row) for row in range(4)] == [xxh3_128_intdigest(text) for text in expected]
    assert hashes.schema == {"hash_high": pl.UInt64, "hash_low": pl.UInt64}


def test_case_and_punctuation_make_another_text() -> None:
    assert hash_texts(pl.Series(["a b", "A b", "a b.", "a  b"])).n_unique() == 3


def test_a_slice_and_an_empty_column_hash_like_the_rows_alone() -> None:
    texts = pl.Series(["first one", "second  one", "third one"])
    assert hash_texts(texts[1:2]).equals(hash_texts(texts)[1:2])
    assert hash_texts(texts[:0]).shape == (0, 2)
