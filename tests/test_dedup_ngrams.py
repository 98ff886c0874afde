"""Lines and documents whose n-grams were seen before: against the rule in plain Python, with a set for the filter."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.bloom import bytes_needed, false_positive_share, new_bloom
from curate.dedup.cuts import Cuts, cut_texts, join_cuts
from curate.dedup.ngrams import cut_seen

PAGE = "The quick brown fox jumps over the lazy dog and runs away from here\nAnother line that nobody wrote before"


def cut(texts: list[str], *, ngram: int = 5, max_seen: float = 0.8, batch: int = 100) -> Cuts:
    bloom = new_bloom(10_000, 1e-6)
    found = []
    for first in range(0, len(texts), batch):
        part = pl.Series(texts[first : first + batch])
        documents = np.arange(first, first + len(part))
        found.append(cut_seen(bloom, documents, part, ngram=ngram, max_seen=max_seen, normalize="words", method=6).cuts)
    return join_cuts(found)


def left(texts: list[str], cuts: Cuts) -> list[str]:
    return cut_texts(pl.Series(texts), cuts, np.arange(len(texts))).to_list()


def old_both(texts: list[str], ngram: int, max_seen: float) -> list[str]:
    """BFF's rule "old-both", for texts in lower case without marks."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for text in texts:
        rest, total, contained = "", 0, 0
        for line in text.splitlines(keepends=True):
            words = line.split()
            grams = [tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)]
            known = sum(gram in seen for gram in grams)
            total, contained = total + len(grams), contained + known
            if not grams or known / len(grams) <= max_seen:
                rest += line
                seen |= set(grams)
        kept.append("" if total and contained / total > max_seen else rest)
    return kept


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.lists(st.lists(st.sampled_from("abc"), max_size=8).map(" ".join), max_size=4).map("\n".join), max_size=5
    ),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 0.8]),
    st.integers(1, 5),
)
def test_what_is_left_is_what_the_rule_leaves(texts: list[str], ngram: int, max_seen: float, batch: int) -> None:
    assert left(texts, cut(texts, ngram=ngram, max_seen=max_seen, batch=batch)) == old_both(texts, ngram, max_seen)


def test_a_copy_goes_as_a_whole_and_a_repeated_line_alone() -> None:
    texts = [
        PAGE,
        PAGE.upper(),
        PAGE.splitlines()[1] + "!\n" + "And something that is new to everybody who reads it now",
    ]
    assert left(texts, cut(texts)) == [PAGE, "", texts[2].splitlines()[1]]


def test_lines_shorter_than_an_ngram_stay() -> None:
    assert left(["a b c", "a b c"], cut(["a b c", "a b c"])) == ["a b c", "a b c"]


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_a_filter_finds_what_was_added_and_about_as_much_else_as_it_says(share: float) -> None:
    bloom = new_bloom(20_000, share)
    assert len(bloom.words) * 8 == bytes_needed(20_000, share)
    texts = pl.Series([f"w{number}" for number in range(20_000)])
    how = {"ngram": 1, "max_seen": 0.5, "normalize": "words", "method": 0}
    first = cut_seen(bloom, np.arange(20_000), texts, **how)  # type: ignore[arg-type]
    again = cut_seen(bloom, np.arange(20_000), texts, **how)  # type: ignore[arg-type]
    assert len(again.cuts.document) == 20_000
    assert len(first.cuts.document) == 20_000 - first.added < share * 20_000
    few = pl.Series([f"x{number}" for number in range(1000)])  # these are added, too
    others = cut_seen(bloom, np.arange(1000), few, **how)  # type: ignore[arg-type]
    expected = false_positive_share(first.added, 64 * len(bloom.words), bloom.probes)
    assert len(others.cuts.document) < 3 * expected * 1000 + 10
    assert expected <= share
