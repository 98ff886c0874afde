"""Personal data that Presidio's pattern recognizers find: no language model, no download, and no silent failure.

Installed with the extra `curate-corpus[pii]`; nothing of it is imported before it is asked for.

text ─▶ pieces that can hold one ─▶ AnalyzerEngine over a blank spaCy pipeline ─▶ spans ─▶ overlapping ones as one

Presidio takes some 5 s of CPU for a megabyte, four fifths of it spaCy's words, and 70 MB of memory; pieces bound the
memory, and those without a digit are not asked about numbers.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from curate.batch import Pulse, no_pulse
from curate.errors import DocumentError, UsageError
from curate.scrub.entity import Entity, Recognizer


def _recognized(name: str, recognizer: str, about: str, *, has_digit: bool = True) -> Entity:
    return Entity(name=name, about=about, find=Recognizer(recognizer, has_digit))


RECOGNIZED = (
    _recognized("CREDIT_CARD", "CreditCardRecognizer", "numbers of 12 to 19 digits with a right check digit"),
    _recognized("CRYPTO", "CryptoRecognizer", "addresses of Bitcoin wallets", has_digit=False),
    _recognized("DATE_TIME", "DateRecognizer", "dates in figures, ISO times among them"),
    _recognized("IBAN_CODE", "IbanRecognizer", "account numbers with right check digits, in capitals"),
    _recognized("MAC_ADDRESS", "MacAddressRecognizer", "hardware addresses of networks", has_digit=False),
    _recognized("MEDICAL_LICENSE", "MedicalLicenseRecognizer", "certificate numbers of the DEA"),
    _recognized("PHONE_NUMBER", "PhoneRecognizer", "numbers that libphonenumber takes for valid"),
    _recognized("UK_NHS", "NhsRecognizer", "patient numbers of the NHS"),
    _recognized("URL", "UrlRecognizer", "addresses of web pages", has_digit=False),
    _recognized("US_BANK_NUMBER", "UsBankRecognizer", "account numbers that the text speaks of as such"),
    _recognized("US_DRIVER_LICENSE", "UsLicenseRecognizer", "license numbers that are spoken of", has_digit=False),
    _recognized("US_ITIN", "UsItinRecognizer", "taxpayer numbers that begin with 9"),
    _recognized("US_PASSPORT", "UsPassportRecognizer", "passport numbers that the text speaks of as such"),
    _recognized("US_SSN", "UsSsnRecognizer", "social security numbers"),
)
"""Known gaps of presidio-analyzer 2.2.366: an IBAN in small letters, and phone numbers in many national spellings."""
MIN_SCORE = 0.4
"""The confidence from which a finding counts; below it are numbers of the right length and nothing else."""

MAX_PIECE = 10_000
OVERLAP = 500
"""Characters of a text that Presidio sees at once, and how many more before and behind: longer than any entity, and the
words around one that raise its score. A long address of a web page may end at the overlap's end."""


class Finding(NamedTuple):
    start: int
    end: int
    score: float
    entity: str


def find_by_presidio(text: str, *, entities: Sequence[Entity], pulse: Pulse = no_pulse) -> list[tuple[int, int, str]]:
    """Where findings start and end, and what they are, in order.

    Findings that overlap are one, under the name of the one with the highest score. `pulse` is called after every
    piece.

    Raises:
        UsageError: Presidio is not installed.
        DocumentError: a pattern ran out of time or failed. Presidio would skip it and let the text pass.
    """
    return _merge(_find_in_pieces(text, entities, pulse))


def _find_in_pieces(text: str, entities: Sequence[Entity], pulse: Pulse) -> Iterator[Finding]:
    """A finding belongs to the piece in which it starts; the overlap lets a piece see it whole."""
    analyzer = _analyzer()
    names = [entity.name for entity in entities]
    needs_digit = all(isinstance(entity.find, Recognizer) and entity.find.has_digit for entity in entities)
    for first in range(0, len(text), MAX_PIECE):
        start = max(0, first - OVERLAP)
        piece = text[start : first + MAX_PIECE + OVERLAP]
        if needs_digit and not re.search(r"\d", piece):
            continue
        for found in _find(analyzer, piece, names):
            if first <= start + found.start < first + MAX_PIECE:
                yield Finding(start + found.start, start + found.end, found.score, found.entity_type)
        pulse()


def _find(analyzer: Any, piece: str, names: list[str]) -> list[Any]:
    with _failing_closed():
        found: list[Any] = analyzer.analyze(piece, language="en", entities=names, score_threshold=MIN_SCORE)
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
    names = [entity.find.name for entity in RECOGNIZED if isinstance(entity.find, Recognizer)]
    recognizers = [getattr(predefined_recognizers, name)() for name in names]
    registry = presidio_analyzer.RecognizerRegistry(recognizers=recognizers, supported_languages=["en"])
    return presidio_analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
