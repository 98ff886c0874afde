"""How much memory `dedup` will take, said before anything runs: of its one process, or in parts of the largest of them.

methods, documents and tokens to expect ─▶ in parts? ─▶ bytes ─▶ a line of `curate plan`, a doubt of `curate check`

The numbers are those that benchmarks/dedup_methods.py measures, rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.dedup.bloom import bytes_needed
from curate.dedup.meeting import has_parts, of_all_at_once
from curate.dedup.methods import passage_methods
from curate.pipeline.parts import MIN_DOCUMENTS
from curate.recipe_dedup import Dedup

PROGRAM = 350_000_000
"""The program with its libraries, and what it holds of a part."""
DOCUMENT = 600
"""Of each document, where one process does all: its account, and what the methods note of it."""
COMPONENT = 12
"""Of each document in the one part that knows all of them."""
WORDS_A_LINE = 10
SKETCH = 2
"""Of each window: eight slots of two bits."""
ROW, MOST_ROWS = 13, 600_000_000
"""Of each window in the part of them that is sorted at once, and of all of these."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Bytes of the largest process, and `told`: how that comes about."""

    bytes: int
    told: str


def expected_memory(dedup: Dedup, documents: int, tokens: int) -> Expected:
    """For about so many documents that come to deduplication, and tokens in them."""
    words = f"about {documents:,} documents"
    is_large = documents >= MIN_DOCUMENTS
    if is_large and has_parts(dedup):
        needed = PROGRAM + max(COMPONENT * documents, _filter(dedup, tokens))
        return Expected(needed, f"{_size(needed)} of memory in each process at most, for {words} in parts")
    needed = PROGRAM + DOCUMENT * documents + max(_filter(dedup, tokens), _windows(dedup, tokens))
    told = f"{_size(needed)} of memory in one process, for {words}"
    return Expected(needed, f"{told}; {of_all_at_once(dedup)}" if is_large else told)


def _filter(dedup: Dedup, tokens: int) -> int:
    """Of the methods that take documents one after the other."""
    in_order = any(method.in_order is not None for method in passage_methods(dedup))
    return bytes_needed(dedup.ngrams.capacity or tokens, dedup.ngrams.max_false_positives) if in_order else 0


def _windows(dedup: Dedup, tokens: int) -> int:
    spans = [method.span(dedup) for method in passage_methods(dedup) if method.span is not None]
    counts = (tokens if span.kind == "word" else tokens // WORDS_A_LINE for span in spans)
    return max((min(SKETCH * count, dedup.max_memory) + min(ROW * count, MOST_ROWS) for count in counts), default=0)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
