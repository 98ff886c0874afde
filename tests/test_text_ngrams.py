"""Repeated n-grams as Gopher's rules count them, against datatrove's functions written down again, on texts that repeat
themselves in every way."""

from __future__ import annotations

import random
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.ngrams import DUPLICATE_SIZES, TOP_SIZES
from curate.text.signals import text_signals

FEW = st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=60)
BLOCKS = st.lists(st.lists(st.sampled_from(["u", "vv", "www", "x"]), min_size=4, max_size=12), min_size=1, max_size=3)


def top_share(words: list[str], size: int) -> float:
    """datatrove's `find_top_duplicate`: characters of the most frequent n-gram, with its spaces, times its number."""
    ngrams = Counter(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
    [(ngram, number)] = ngrams.most_common(1) or [("", 0)]  # of equals the first, as a dictionary keeps their order
    return len(ngram) * number / max(len(" ".join(words)), 1)


def duplicate_share(words: list[str], size: int) -> float:
    """datatrove's `find_all_duplicate`: characters of n-grams that were seen; the search goes on behind one."""
    seen: set[tuple[str, ...]] = set()
    characters = at = 0
    while at < len(words) - size + 1:
        ngram = tuple(words[at : at + size])
        if ngram in seen:
            characters += sum(map(len, ngram))
            at += size
        else:
            seen.add(ngram)
            at += 1
    return characters / max(len(" ".join(words)), 1)


def assert_as_defined(words: list[str]) -> None:
    found = text_signals(pl.Series([" ".join(words)])).row(0, named=True)
    for size in TOP_SIZES:
        assert found[f"top_{size}gram_ratio"] == top_share(words, size), size
    for size in DUPLICATE_SIZES:
        assert found[f"duplicate_{size}gram_ratio"] == duplicate_share(words, size), size


@settings(deadline=None, max_examples=150)
@given(FEW)
def test_every_size_is_counted_in_texts_of_three_words(words: list[str]) -> None:
    assert_as_defined(words)


@settings(deadline=None, max_examples=150)
@given(BLOCKS, st.lists(st.integers(0, 2), max_size=8))
def test_every_size_is_counted_in_texts_of_blocks_that_come_again(blocks: list[list[str]], order: list[int]) -> None:
    assert_as_defined([word for number in order for word in blocks[number % len(blocks)]])


def test_ten_thousand_words_in_which_passages_come_again() -> None:
    chooser = random.Random(3)
    words = [f"w{chooser.randrange(2000)}" for _ in range(9000)]
    for _ in range(40):
        start, size = chooser.randrange(8000), chooser.randrange(3, 40)
        at = chooser.randrange(len(words))
        words[at:at] = words[start : start + size]
    assert_as_defined(words)


@pytest.mark.parametrize("size", DUPLICATE_SIZES)
def test_a_passage_of_n_words_that_comes_twice_counts_once_and_for_no_longer_ngram(size: int) -> None:
    passage = [f"p{number}" for number in range(size)]
    words = [*passage, "between", *passage, "behind"]
    found = text_signals(pl.Series([" ".join(words)])).row(0, named=True)
    characters = len(" ".join(words))
    assert found[f"duplicate_{size}gram_ratio"] == len("".join(passage)) / characters
    for longer in range(size + 1, DUPLICATE_SIZES[-1] + 1):
        assert found[f"duplicate_{longer}gram_ratio"] == 0


def test_where_words_begin_counts_to_a_repeated_ngram() -> None:
    """datatrove joins the words of one without a space, and would take these for the same five."""
    assert text_signals(pl.Series(["ab c d e f - a bc d e f"]))["duplicate_5gram_ratio"].item() == 0


def test_the_most_frequent_of_equals_is_the_first() -> None:
    found = text_signals(pl.Series(["long-word b x y short a x2 y2"])).row(0, named=True)
    assert found["top_2gram_ratio"] == len("long -") / len("long-word b x y short a x2 y2")
