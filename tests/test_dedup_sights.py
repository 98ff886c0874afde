"""Sights and answers by range: no window that stands twice is missed, whoever counts, and in how many ranges."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.often import Answers, hashes_by_range, often_in_range
from curate.dedup.sights import sights_of
from curate.text.buffers import text_buffers
from curate.text.units import KINDS, Span

WORDS = st.lists(st.sampled_from(["a", "b", "it", "whale"]), max_size=40).map(" ".join)
LINES = st.lists(st.sampled_from(["a line", "another line of it", "\n", "the end. Or not."]), max_size=9).map("\n".join)


@settings(deadline=None)  # the first example compiles
@given(texts=st.lists(WORDS, max_size=5), span=st.integers(1, 9))
def test_equal_runs_of_words_have_equal_sights_at_places_of_their_own(texts: list[str], span: int) -> None:
    found = sights_of(text_buffers(pl.Series(texts, dtype=pl.String)), Span("word", span, 0, "words"))
    assert len(found.of) == sum(max(len(text.split()) - span + 1, 0) for text in texts)
    seen: dict[int, set[int]] = {}
    for number, (window, sight) in enumerate(zip(found.windows.hashes.tolist(), found.of.tolist(), strict=True)):
        assert {found.hashes[other] for other in seen.get(window, ())} <= {found.hashes[sight]}, number
        assert sight not in seen.setdefault(window, set())
        seen[window].add(sight)
    assert {*found.of.tolist()} == {*range(len(found.hashes))}


@settings(deadline=None)
@given(texts=st.lists(LINES, max_size=5), kind=st.sampled_from(KINDS[1:]), span=st.integers(1, 3))
def test_lines_and_the_like_are_their_own_sights(texts: list[str], kind: str, span: int) -> None:
    buffers = text_buffers(pl.Series(texts, dtype=pl.String))
    found = sights_of(buffers, Span(kind, span, 2, "words"))  # type: ignore[arg-type]
    assert found.hashes[found.of].tolist() == found.windows.hashes.tolist()


def test_of_long_runs_few_places_are_sights() -> None:
    rng = np.random.default_rng(1)
    text = " ".join(f"w{number}" for number in rng.integers(0, 5000, 20_000))
    found = sights_of(text_buffers(pl.Series([text])), Span("word", 50, 0, "words"))
    assert 10 < len(found.of) / len(found.hashes) < 16


HASHES = st.lists(st.tuples(st.sampled_from([0, 1, 7, 1 << 31, (1 << 64) - 1, 0x9E3779B97F4A7C15]), st.booleans()))


@settings(deadline=None)
@given(splits=st.lists(HASHES, min_size=1, max_size=4), ranges=st.integers(1, 9), least=st.integers(1, 4))
def test_what_stands_often_is_counted_over_all_splits_whatever_the_ranges(
    splits: list[list[tuple[int, bool]]], ranges: int, least: int
) -> None:
    times = Counter(value for split in splits for value, counts in split if counts)
    hashes = [np.array([value for value, _ in split], dtype=np.uint64) for split in splits]
    counts = [np.array([counts for _, counts in split], dtype=bool) for split in splits]
    sent = [hashes_by_range(*pair, ranges) for pair in zip(hashes, counts, strict=True)]
    told = [often_in_range((split[number] for split in sent), least) for number in range(ranges)]
    for number, split in enumerate(hashes):
        answers = Answers.opened([of_range[number] for of_range in told])
        found = [answers.of(split[:2]), answers.of(split[2:])]
        assert np.concatenate(found).tolist() == [times[value] >= least for value in split.tolist()]
