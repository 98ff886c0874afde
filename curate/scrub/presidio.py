"""Personal data that Presidio's pattern recognizers find, one text and one entity at a time; no model, no download.

Installed with `pip install "curate-corpus[pii]"`; nothing of it is imported before it is asked for.
"""

from __future__ import annotations

import functools
from typing import Any

from curate.errors import CurateError, UsageError

PRESIDIO_ENTITIES = (
    "CREDIT_CARD",
    "CRYPTO",
    "DATE_TIME",
    "IBAN_CODE",
    "MEDICAL_LICENSE",
    "PHONE_NUMBER",
    "URL",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "US_SSN",
)
"""Entities that rest on patterns and checksums alone; people and places need a language model and are not offered."""
MIN_SCORE = 0.4
"""Presidio's confidence from which a finding counts: below are numbers of the right length and nothing else."""


def replace_by_presidio(text: str, *, entity: str) -> tuple[str, int]:
    """The text with each finding replaced by "<ENTITY>", and how many there were; of overlapping ones, the longest.

    Raises:
        UsageError: Presidio is not installed.
        CurateError: a recognizer failed or ran out of time. Presidio would skip its pattern and let the text pass.
    """
    spans = _merge(_find(text, entity))
    parts, last = [], 0
    for start, end in spans:
        parts += [text[last:start], f"<{entity}>"]
        last = end
    return "".join([*parts, text[last:]]), len(spans)


def _find(text: str, entity: str) -> list[tuple[int, int]]:
    analyzer = _analyzer()
    with _failing_closed() as failures:
        found = analyzer.analyze(text, language="en", entities=[entity], score_threshold=MIN_SCORE)
    if failures:
        raise CurateError(f"Presidio could not look for {entity}: {failures[0]}")
    return [(result.start, result.end) for result in found]


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
