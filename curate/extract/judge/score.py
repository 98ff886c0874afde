"""How good an extracted text is, by the measures of the golds.

text, reference ─▶ bags of words ─▶ precision, recall, F1 (WCXB)
                ─▶ runs of four words ─▶ precision and recall, whose means over pages give F1 (article benchmark)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from curate.extract.judge.labels import words_of_text

WORD = re.compile(r"\w+")
SHINGLE = 4


class TextScores(NamedTuple):
    precision: float
    recall: float
    f1: float


def word_scores(found: str, reference: str) -> TextScores:
    """WCXB's measure: bags of lower-cased words. Nothing found where nothing is wanted is right."""
    return _compared(Counter(words_of_text(found)), Counter(words_of_text(reference)))


def shingle_scores(found: str, reference: str) -> TextScores:
    """The article extraction benchmark's: runs of four words as they are written; a shorter text is one run."""
    return _compared(_shingles(found), _shingles(reference))


def f1_of_means(scores: Iterable[TextScores]) -> TextScores:
    """The article extraction benchmark's F1 of many pages: of their mean precision and mean recall."""
    rows = list(scores)
    precision, recall = (sum(row[number] for row in rows) / len(rows) for number in (0, 1))
    return TextScores(precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)


def kept_text(blocks: Sequence[str], keep: Iterable[Any]) -> str:
    """The blocks that are kept, each in a line of its own."""
    return "\n".join(block for block, kept in zip(blocks, keep, strict=True) if kept)


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text)
    if not words:
        return Counter()
    return Counter(tuple(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1)))


def _compared(found: Counter[Any], wanted: Counter[Any]) -> TextScores:
    if not wanted or not found:
        both = float(not wanted and not found)
        return TextScores(both, both, both)
    right = (found & wanted).total()
    precision, recall = right / found.total(), right / wanted.total()
    return TextScores(precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0)
