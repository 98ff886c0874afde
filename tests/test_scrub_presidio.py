"""Presidio's recognizers: they find what they should, and no timeout lets a text pass."""

from __future__ import annotations

import functools
import itertools
import json
import sys
from pathlib import Path

import polars as pl
import pytest

from curate.errors import DocumentError, UsageError
from curate.scrub import presidio
from curate.scrub.pii import scrub_texts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def installed() -> None:
    """Skips where the extra is missing; its own warnings at import are not ours."""
    pytest.importorskip("presidio_analyzer", reason="needs the extra curate-corpus[pii]")
    pytest.importorskip("spacy", reason="needs the extra curate-corpus[pii]")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_each_finding_is_replaced_by_its_name_and_counted() -> None:
    texts = pl.Series(
        [
            "card 4111 1111 1111 1111, me@example.org",
            "pay to DE89370400440532013000 today",
            "call +1 212 555 0187",
            "none",
        ]
    )
    entities = ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER")
    found = scrub_texts(texts, entities=entities, engine="presidio")
    assert found["text"].to_list() == [
        "card <CREDIT_CARD>, <EMAIL_ADDRESS>",
        "pay to <IBAN_CODE> today",
        "call <PHONE_NUMBER>",
        "none",
    ]
    assert found.columns == ["text", *(f"pii_{entity.lower()}" for entity in entities)]
    assert found.drop("text").sum().row(0) == (1, 1, 1, 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_every_recognizer_that_is_offered_is_there() -> None:
    offered = {
        entity for recognizer in presidio._analyzer().registry.recognizers for entity in recognizer.supported_entities
    }
    assert offered >= {entity.name for entity in presidio.RECOGNIZED}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_every_labeled_social_security_number_and_iban_in_capitals_is_found() -> None:
    path = SHARED / "pii" / "synth-sentences.json"
    if not path.is_file():
        pytest.skip("needs ../shared/data/pii/synth-sentences.json")
    wanted = ("IBAN_CODE", "US_SSN")
    sentences = [
        sentence
        for sentence in json.loads(path.read_text(encoding="utf-8"))
        if any(span["entity_type"] in wanted for span in sentence["spans"])
    ]
    texts = pl.Series([sentence["full_text"] for sentence in sentences])
    found = scrub_texts(texts, entities=wanted, engine="presidio")
    for sentence, clean in zip(sentences, found["text"], strict=True):
        values = [span["entity_value"] for span in sentence["spans"] if span["entity_type"] in wanted]
        assert not [value for value in values if value in clean and value == value.upper()]
    assert found.drop("text").sum().row(0) == (11, 6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_a_pattern_that_runs_out_of_time_is_an_error_and_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from presidio_analyzer import pattern_recognizer

    monkeypatch.setattr(pattern_recognizer, "REGEX_TIMEOUT_SECONDS", 1e-9)
    text = "card 4111 1111 1111 1111 " * 20_000
    with pytest.raises(DocumentError, match="text 1 of 500,000 characters cannot be scrubbed: Presidio did not finish"):
        scrub_texts(pl.Series(["none", text]), entities=("CREDIT_CARD",), engine="presidio")
    assert scrub_texts(pl.Series(["none"]), entities=("CREDIT_CARD",), engine="presidio")["text"].to_list() == ["none"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_a_long_text_is_asked_in_pieces_and_nothing_on_their_borders_is_missed() -> None:
    filler = "plain words and nothing else in them "
    for place in range(9_970, 10_020, 7):
        before = (filler * 300)[:place]
        text = f"{before} 4111 1111 1111 1111 {filler * 600} call +1 212 555 0187 now"
        pulses = itertools.count()
        wanted = ("CREDIT_CARD", "PHONE_NUMBER")
        found = scrub_texts(
            pl.Series([text]), entities=wanted, engine="presidio", pulse=functools.partial(next, pulses)
        )
        assert found.rows() == [(f"{before} <CREDIT_CARD> {filler * 600} call <PHONE_NUMBER> now", 1, 1)]
        assert 2 <= next(pulses) <= 4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("installed")
def test_a_missing_text_stays_missing() -> None:
    found = scrub_texts(pl.Series([None, "call +1 212 555 0187"]), entities=("PHONE_NUMBER",), engine="presidio")
    assert found.rows() == [(None, 0), ("call <PHONE_NUMBER>", 1)]


def test_a_missing_presidio_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    presidio._analyzer.cache_clear()
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(UsageError, match="curate-corpus\\[pii\\]"):
        scrub_texts(pl.Series(["x"]), entities=("URL",), engine="presidio")
