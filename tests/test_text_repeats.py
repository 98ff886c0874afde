"""curate.text.repeats: n-grams of words that occur twice or more, against plain counting."""

from __future__ import annotations

import math
from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.information import FRACTION
from curate.text.ngrams import DUPLICATE_SIZES, TOP_SIZES
from curate.text.repeats import COUNTS, count_repeats

WORDS = st.lists(st.sampled_from(["a", "b", "é", "long", "中文"]), max_size=40)
SPACES = st.sampled_from([" ", "\n", "\t \u3000"])


def counted(text: str) -> dict[str, int]:
    row = count_repeats(pl.Series([text]))[0]
    return dict(zip(COUNTS, row.tolist(), strict=True))


def defined(text: str) -> dict[str, int]:
    words = text.split()
    counts = {"words": len(words), "characters": sum(map(len, words)), "distinct": len(set(words))}
    counts["bits"] = sum(round(number * math.log2(number) * FRACTION) for number in Counter(words).values())
    counts |= {f"top_{size}": top(words, size) for size in TOP_SIZES}
    return counts | {f"dupe_{size}": duplicate(words, size) for size in DUPLICATE_SIZES}


def ngrams(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def top(words: list[str], size: int) -> int:
    """`Counter` lists equal counts in the order in which they were first met."""
    [(ngram, number)] = Counter(ngrams(words, size)).most_common(1) or [((), 0)]
    return number * sum(map(len, ngram)) if number > 1 else 0


def duplicate(words: list[str], size: int) -> int:
    found = ngrams(words, size)
    numbers = Counter(found)
    covered = {at + step for at, ngram in enumerate(found) if numbers[ngram] > 1 for step in range(size)}
    return sum(len(words[at]) for at in covered)


@settings(deadline=None)
@given(WORDS, SPACES)
def test_every_count_is_what_its_definition_says(words: list[str], space: str) -> None:
    text = space.join(words)
    assert counted(text) == defined(text)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=5))
def test_a_row_does_not_depend_on_the_documents_before_it(batch: list[list[str]]) -> None:
    texts = [" ".join(words) for words in batch]
    rows = count_repeats(pl.Series("text", texts, dtype=pl.String))
    assert [dict(zip(COUNTS, row, strict=True)) for row in rows.tolist()] == [defined(text) for text in texts]


def test_a_passage_of_ten_words_that_comes_again_is_covered_twice() -> None:
    passage = "one two three four five six seven eight nine ten"
    counts = counted(f"{passage} and then {passage}")
    assert counts["dupe_10"] == 2 * len(passage.replace(" ", ""))
    assert counts["top_2"] == 2 * len("onetwo")
