"""How much a text says: entropy against its formula, the size of a compressed block against what must hold of any."""

from __future__ import annotations

import math
import random
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.information import FRACTION, GAINS, repeat_gains
from curate.text.signals import text_signals


def measured(*texts: str) -> pl.DataFrame:
    return text_signals(pl.Series(texts))


def entropy(words: list[str]) -> float:
    """Shannon's, in bits per word."""
    return -sum(number / len(words) * math.log2(number / len(words)) for number in Counter(words).values())


@settings(deadline=None)
@given(st.lists(st.integers(0, 40).map(lambda number: f"w{number}"), min_size=1, max_size=300))
def test_the_entropy_of_words_is_shannons(words: list[str]) -> None:
    row = measured(" ".join(words)).row(0, named=True)
    assert row["word_entropy"] == pytest.approx(entropy(words), abs=1e-5)
    assert row["distinct_word_ratio"] == pytest.approx(len(set(words)) / len(words))


def test_one_word_says_nothing_however_often_it_stands_there_and_all_different_words_say_most() -> None:
    often, different = "word " * (3 * GAINS), " ".join(f"w{number}" for number in range(1024))
    assert measured(often, different)["word_entropy"].to_list() == pytest.approx([0, 10], abs=1e-5)


def test_the_gains_of_a_word_add_up_to_n_log_n() -> None:
    total = 0
    for number, gain in enumerate(repeat_gains().tolist(), start=1):
        total += gain
        assert total == round(number * math.log2(number) * FRACTION)


def test_a_word_that_stands_there_more_often_than_the_table_has_entries_is_measured_too() -> None:
    words = ["often"] * (GAINS + 500) + ["rare"] * 100
    assert measured(" ".join(words))["word_entropy"].item() == pytest.approx(entropy(words), abs=1e-5)


def test_noise_is_not_made_smaller_and_repetition_nearly_vanishes() -> None:
    chooser = random.Random(1)
    noise = "".join(chooser.choices([chr(code) for code in range(33, 127)], k=20_000))
    ratios = measured(noise, "ab" * 10_000, noise[:1000] * 20)["compression_ratio"].to_list()
    assert 0.95 < ratios[0] < 1.01, "an LZ4 block of noise has one literal run, whose length takes a byte in 255"
    assert ratios[1] == pytest.approx(1 / 255, abs=0.001), "and one of a single match as well"
    assert 1 / 20 < ratios[2] < 1 / 20 + 0.01, "and twenty times the same is hardly more than once"


@settings(deadline=None)
@given(st.text("abc ", min_size=1, max_size=400))
def test_a_text_twice_is_never_twice_as_large(text: str) -> None:
    once, twice = (ratio * size for ratio, size in zip(
        measured(text, text * 2)["compression_ratio"].to_list(), (len(text), 2 * len(text)), strict=True))  # fmt: skip
    # The second half may at worst be literals with their lengths.
    assert twice <= once + len(text) + 2 + len(text) // 255


def test_what_lies_too_far_back_is_not_matched() -> None:
    chooser = random.Random(2)
    unlike = "".join(chr(chooser.randrange(0x4E00, 0x9FFF)) for _ in range(25_000))
    passage = "".join(chooser.choices("abcdefghijklmnop", k=60))
    assert len(unlike.encode()) > 0xFFFF
    near, far = measured(passage + unlike[:100] + passage, passage + unlike + passage)["compression_ratio"].to_list()
    assert near * len((passage + unlike[:100] + passage).encode()) < 60 + 300 + 20
    assert far >= 0.95


def test_short_texts_are_literals_alone() -> None:
    for size in range(1, 13):
        assert measured("a" * size)["compression_ratio"].item() == pytest.approx((size + 1) / size)
    assert measured("")["compression_ratio"].item() == 0
