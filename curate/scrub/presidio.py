"""Personal data that Presidio's pattern recognizers find: no language model, no download, and no silent failure.

Installed with the extra `curate-corpus[pii]`; nothing of it is imported before it is asked for.

text ─▶ pieces that can hold one ─▶ AnalyzerEngine over a blank spaCy pipeline ─▶ spans ─▶ overlapping ones as one
                                                                                              └──▶ "<PHONE_NUMBER>"

Presidio takes some 5 s of CPU for a megabyte, four fifths of it spaCy's words, and 70 MB of memory; pieces bound the
memory, and those without a digit are not asked about numbers.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from curate.batch import Pulse, no_pulse
from curate.errors import DocumentError, UsageError

RECOGNIZERS: Mapping[str, str] = {
    "CREDIT_CARD": "CreditCardRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "DATE_TIME": "DateRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "MEDICAL_LICENSE": "MedicalLicenseRecognizer",
    "PHONE_NUMBER": "PhoneRecognizer",
    "UK_NHS": "NhsRecognizer",
    "URL": "UrlRecognizer",
    "US_BANK_NUMBER": "UsBankRecognizer",
    "US_DRIVER_LICENSE": "UsLicenseRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_PASSPORT": "UsPassportRecognizer",
    "US_SSN": "UsSsnRecognizer",
}
"""Entity -> its recognizer by patterns and checksums. People and places need a language model and are not offered.

Known gaps of presidio-analyzer 2.2.366: an IBAN in small letters, and phone numbers in many national spellings.
"""
MIN_SCORE = 0.4
"""The confidence from which a finding counts; below it are numbers of the right length and nothing else."""
WITHOUT_DIGIT = frozenset({"CRYPTO", "MAC_ADDRESS", "URL", "US_DRIVER_LICENSE"})
"""Entities that may consist of letters alone."""

MAX_PIECE = 10_000
OVERLAP = 500
"""Characters of a text that Presidio sees at once, and how many more before and behind: longer than any entity, and the
words around one that raise its score. A long address of a web page may end at the overlap's end."""


class Finding(NamedTuple):
    start: int
    end: int
    score: float
    entity: str


def replace_by_presidio(text: str, *, entities: tuple[str, ...], pulse: Pulse = no_pulse) -> tuple[str, Counter[str]]:
    """The text with each finding replaced by "<ENTITY>", and how many there were of each.

    Findings that overlap are replaced as one, under the name of the one with the highest score. `pulse` is called
    after every piece.

    Raises:
        UsageError: Presidio is not installed.
        DocumentError: a pattern ran out of time or failed. Presidio would skip it and let the text pass.
    """
    parts, last = [], 0
    counts: Counter[str] = Counter()
    for start, end, entity in _merge(_find_in_pieces(text, entities, pulse)):
        parts += [text[last:start], f"<{entity}>"]
        last = end
        counts[entity] += 1
    return "".join([*parts, text[last:]]), counts


def _find_in_pieces(text: str, entities: tuple[str, ...], pulse: Pulse) -> Iterator[Finding]:
    """A finding belongs to the piece in which it starts; the overlap lets a piece see it whole."""
    analyzer = _analyzer()
    needs_digit = WITHOUT_DIGIT.isdisjoint(entities)
    for first in range(0, len(text), MAX_PIECE):
        start = max(0, first - OVERLAP)
        piece = text[start : first + MAX_PIECE + OVERLAP]
        if needs_digit and not re.search(r"\d", piece):
            continue
        for found in _find(analyzer, piece, entities):
            if first <= start + found.start < first + MAX_PIECE:
                yield Finding(start + found.start, start + found.end, found.score, found.entity_type)
        pulse()


def _find(analyzer: Any, piece: str, entities: tuple[str, ...]) -> list[Any]:
    with _failing_closed():
        found: list[Any] = analyzer.analyze(piece, language="en", entities=list(entities), score_threshold=MIN_SCORE)
        return found


def _merge(found: Iterator[Finding]) -> list[tuple[int, int, str]]:
    """Spans in order, those that overlap as one."""
    merged: list[tuple[int, int, str]] = []
    best = 0.0
    for result in sorted(found, key=lambda one: (one.start, -one.end, -one.score, one.entity)):
        if merged and result.start < merged[-1][1]:
            start, end, name = merged[-1]
            name = result.entity if result.score > best else name
            merged[-1] = (start, max(end, result.end), name)
            best = max(best, result.score)
        else:
            merged.append((result.start, result.end, result.entity))
            best = result.score
    return merged


@contextmanager
def _failing_closed() -> Iterator[None]:
    """Turn what Presidio only logs into an error.

    On a timeout its recognizers warn, with the exception in the record, and go on without the pattern
    (`PatternRecognizer.__analyze_patterns` and `IbanRecognizer` in presidio-analyzer 2.2.366).
    """
    logger = logging.getLogger("presidio-analyzer")
    caught = _Failures()
    logger.addHandler(caught)
    try:
        yield
    except Exception as error:
        raise DocumentError(f"Presidio failed: {type(error).__name__}: {error}") from error
    finally:
        logger.removeHandler(caught)
    if caught.messages:
        raise DocumentError(f"Presidio did not finish: {caught.messages[0]}")


class _Failures(logging.Handler):
    """Collects the warnings that come with an exception."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.messages.append(record.getMessage())


@functools.cache
def _analyzer() -> Any:
    """Presidio's engine over spaCy's tokenizer alone: its default would download a language model."""
    try:
        import presidio_analyzer
        import spacy
        from presidio_analyzer import predefined_recognizers
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise UsageError(
            f'the engine "presidio" is not installed ({error}): pip install "curate-corpus[pii]"'
        ) from error
    pipeline = spacy.blank("en")
    pipeline.max_length = sys.maxsize  # the limit guards the memory of parsers, and there is none here
    engine: Any = SpacyNlpEngine()
    engine.nlp = {"en": pipeline}
    recognizers = [getattr(predefined_recognizers, name)() for name in RECOGNIZERS.values()]
    registry = presidio_analyzer.RecognizerRegistry(recognizers=recognizers, supported_languages=["en"])
    return presidio_analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
