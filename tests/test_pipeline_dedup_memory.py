"""What is foretold of deduplication's memory: in parts it hardly grows, and where it is not, the reason is named."""

from __future__ import annotations

import pytest

from curate.dedup.meeting import has_parts, of_all_at_once
from curate.pipeline.dedup_memory import expected_memory
from curate.pipeline.parts import MIN_DOCUMENTS
from curate.recipe_dedup import Dedup

MANY = 1_000_000_000


@pytest.mark.parametrize("method", [("exact", "minhash"), ("lines",), ("exact", "lines", "substring"), ("url",)])
def test_in_parts_a_billion_documents_take_12_bytes_each(method: tuple[str, ...]) -> None:
    expected = expected_memory(Dedup(method=method), MANY, 1000 * MANY)
    assert expected.bytes == 350_000_000 + 12 * MANY
    assert expected.told == "12.3 GB of memory in each process at most, for about 1,000,000,000 documents in parts"


def test_the_bloom_filter_counts_where_it_is_larger() -> None:
    expected = expected_memory(Dedup(method=("minhash", "ngrams")), MIN_DOCUMENTS, 8 * MANY)
    assert expected.bytes == 350_000_000 + (1 << 37) // 8  # 9.6 bits of each of eight billion, as a power of two


@pytest.mark.parametrize(
    ("method", "why"),
    [
        (("exact", "semantic"), '"semantic" looks at all of them at once'),
        (("lines", "exact"), "methods that cut texts must come last to be done in parts"),
        (("exact", "minhash", "exact"), "a method that is asked twice looks at all of them at once"),
    ],
)
def test_what_is_one_process_says_why(method: tuple[str, ...], why: str) -> None:
    dedup = Dedup(method=method)
    assert not has_parts(dedup)
    assert of_all_at_once(dedup) == why
    expected = expected_memory(dedup, MANY, MANY)
    assert expected.bytes > 600 * MANY
    assert expected.told.endswith(f"GB of memory in one process, for about 1,000,000,000 documents; {why}")


def test_few_documents_are_one_process_and_nobody_asks_why() -> None:
    told = expected_memory(Dedup(method=("exact", "semantic")), 1000, 1_000_000).told
    assert told == "0.4 GB of memory in one process, for about 1,000 documents"


def test_runs_of_words_take_more_than_lines_up_to_what_is_allowed() -> None:
    def needed(method: str, tokens: int) -> int:
        return expected_memory(Dedup(method=(method,)), 1000, tokens).bytes

    assert needed("exact", 10**9) < needed("lines", 10**7) < needed("substring", 10**7)
    assert needed("substring", 10**10) == needed("substring", 10**11)
