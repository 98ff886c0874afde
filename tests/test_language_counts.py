"""Counts of windows with a word's edges, won back from fractions of n-grams within words, against counting them."""

from __future__ import annotations

import importlib
import io
import json
import sys
import zipfile
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters.neighbor_words import windows_of

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
LEVELS = ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams")

brotli = pytest.importorskip("brotli", reason="what packs lingua's tables is not installed")
pytestmark = pytest.mark.skipif(not (BENCHMARKS / "neighbor_counts.py").exists(), reason="not in a checkout")


@pytest.fixture(scope="module")
def counts() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("neighbor_counts")
    finally:
        sys.path.remove(str(BENCHMARKS))


def wheel_of(words: list[str]) -> zipfile.ZipFile:
    """The n-grams of words as lingua gives them: fractions, in lowest terms, of the n-grams that begin alike."""
    wheel = zipfile.ZipFile(io.BytesIO(), "w")
    shorter: Counter[str] = Counter()
    for size, level in enumerate(LEVELS, start=1):
        grams = Counter(word[at : at + size] for word in words for at in range(len(word) - size + 1))
        table: dict[str, list[str]] = {}
        for gram, count in grams.items():
            fraction = Fraction(count, shorter[gram[:-1]] if size > 1 else grams.total())
            table.setdefault(f"{fraction.numerator}/{fraction.denominator}", []).append(gram)
        packed = json.dumps({"ngrams": {fraction: " ".join(grams) for fraction, grams in table.items()}})
        wheel.writestr(f"lingua/language-models/hr/{level}.json.br", brotli.compress(packed.encode()))
        shorter = grams
    return wheel


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("abcč", min_size=1, max_size=9), min_size=1, max_size=30))
def test_windows_follow_from_fractions_of_ngrams(counts: ModuleType, words: list[str]) -> None:
    words = [*words, "ž"]  # one letter that stands once, as in any large table, tells how many there are in all
    found = counts.window_counts({"lingua-language-detector": wheel_of(words)}, "hr")
    assert found == Counter(window for word in words for window in windows_of(word))


def test_a_table_whose_fractions_give_no_whole_counts_is_refused(counts: ModuleType) -> None:
    with pytest.raises(ValueError, match="no whole count"):
        counts.window_counts({"lingua-language-detector": wheel_of(["a", "bbbcccccč", *"abcč"])}, "hr")
