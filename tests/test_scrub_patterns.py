"""One scan for all pattern entities: it hands on all that there is, in linear time, and findings become one each."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.errors import DocumentError
from curate.scrub.emails import emails_within
from curate.scrub.entities import ENTITIES, PATTERNS, PRESIDIO, find_entities
from curate.scrub.entity import Entity, Pattern
from curate.scrub.ips import IPV4, IPV6, _find
from curate.scrub.patterns import find_by_patterns
from curate.scrub.pii import scrub_texts
from curate.scrub.scan.shapes import DIGITS, LOGIN, MAIL, PHONE
from curate.scrub.scan.texts import scan_texts
from curate.scrub.spans import in_characters, in_order
from curate.text.buffers import text_buffers

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ALL = tuple(entity.name for entity in PATTERNS)
SHAPES = frozenset(range(LOGIN + 1))

SENTENCES = {
    "EMAIL_ADDRESS": "Write to jane@example.com today.",
    "IP_ADDRESS": "It came from 86.121.97.248 again.",
    "PHONE_NUMBER": "Call me on (602) 272-9781 then.",
    "CREDIT_CARD": "I pay with 4111 1111 1111 1111 then.",
    "IBAN_CODE": "Send it to GB29 NWBK 6016 1331 9268 19 then.",
    "CRYPTO": "Send it to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 then.",
    "MAC_ADDRESS": "hardware ethernet 00:16:3E:C2:07:EE;",
    "URL_CREDENTIALS": "git clone https://jane:sesame42@localhost/x.git",
    "US_SSN": "It is 125-17-4954, he said.",
    "FR_NIR": "Le numéro 2 55 08 14 168 025 38 est le sien.",
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_each_kind_is_found_by_itself_and_beside_all_others(kind: str) -> None:
    text = SENTENCES[kind]
    alone = scrub_texts(pl.Series([text]), entities=(kind,))
    assert alone.columns == ["text", f"pii_{kind.lower()}"]
    assert (alone["text"][0].count(f"<{kind}>"), alone[f"pii_{kind.lower()}"][0]) == (1, 1)
    assert scrub_texts(pl.Series([text]), entities=ALL).select(alone.columns).equals(alone)


def test_every_pattern_is_offered_by_both_engines_and_its_name_is_there_once() -> None:
    assert len(set(ALL)) == len(ALL) >= 35
    assert find_entities(ALL, "patterns") == PATTERNS
    assert find_entities(ALL, "presidio") == tuple(PRESIDIO.get(name, ENTITIES[name]) for name in ALL)


def test_texts_of_a_batch_never_meet_and_missing_ones_stay_missing() -> None:
    texts = ["jane@example", None, ".com and 125-17-", "4954", "", *SENTENCES.values(), None]
    found = scrub_texts(pl.Series(texts), entities=ALL)
    assert found["text"].to_list()[:5] == texts[:5]
    assert found["text"][-1] is None
    apart = [scrub_texts(pl.Series([text], dtype=pl.String), entities=ALL) for text in texts]
    assert found.equals(pl.concat(apart))


def test_findings_that_overlap_are_one_under_the_name_that_was_asked_for_first() -> None:
    text = "https://jane:sesame42@example.com/x"
    kinds = ("URL_CREDENTIALS", "EMAIL_ADDRESS")
    assert scrub_texts(pl.Series([text]), entities=kinds).row(0) == ("https://<URL_CREDENTIALS>/x", 1, 0)
    assert scrub_texts(pl.Series([text]), entities=kinds[::-1]).row(0) == ("https://<EMAIL_ADDRESS>/x", 1, 0)


def test_a_check_that_fails_names_the_text_and_lets_none_pass() -> None:
    def fail(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        raise ZeroDivisionError("of course")

    entity = Entity(name="X", about="", find=Pattern((MAIL,), fail))
    with pytest.raises(DocumentError, match="text 1 of 11 bytes cannot be scrubbed: ZeroDivisionError: of course"):
        scrub_texts(pl.Series(["none", "a@b.example"]), entities=(entity,))


PARTS = [
    *"ab@@..-_=$\\1234567890/:'+é中כД\n (),<>",
    "com",
    "owner-a=b.com",
    ".py",
    "Mail ",
    "2001:db8",
    "::ffff:",
    "91.2.3.4",
    "::",
    " 12",
    "0x",
]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_addresses_within_the_scans_runs_are_those_of_the_whole_text(text: str) -> None:
    data = text.encode()
    whole = {
        "EMAIL_ADDRESS": [*emails_within(data, 0, len(data))],
        "IP_ADDRESS": in_order(data, [*_find(data, 0, len(data), IPV6), *_find(data, 0, len(data), IPV4)]),
    }
    for kind, spans in whole.items():
        found = find_by_patterns(pl.Series([text]), [ENTITIES[kind]]).get(0, [])
        assert found == [(start, end, kind) for start, end in in_characters(data, spans)]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789 -.+()x/,:a@", max_size=60))
@example("(/0000000")
@example("((0000000")
@example("+( 0000000")
def test_rows_lie_within_the_text_and_begin_and_end_with_what_their_shape_has(text: str) -> None:
    for shape, size, start, end in scan_texts(text_buffers(pl.Series([text])), SHAPES).tolist():
        written = text[start:end]
        assert 0 <= start < end <= len(text)
        if shape in (DIGITS, PHONE):
            assert sum(map(str.isdecimal, written)) == size
            assert re.fullmatch(r"(\+|\+?\( ?)?\d.*\d", written)


UNITS = [
    *(
        "a@b.c",
        "x@y.com-",
        "1.2.3.4 ",
        "1.",
        "a:",
        "f:",
        "2001:",
        "::",
        "://",
        "://a:b",
        "(",
        "+",
        "+1 ",
        "1 ",
        "12-",
        "0",
    ),
    *(
        "123-45-",
        "4111 1111 ",
        "4111111111111111 ",
        "GB29 NWBK ",
        "GB29",
        "AB 12 ",
        "00:",
        "00:16-",
        "0000.",
        "1a",
        "bc1q",
    ),
    *(
        "0x",
        "1BvBMSEYst",
        "99999999A",
        "(602) 272-9781 ",
        "phone ",
        "x1",
        "9" * 40 + " ",
        "07 ",
        "+49 (0)",
        "é1",
        "\u00a01",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
def test_no_pattern_is_asked_about_more_than_in_proportion_to_the_text(unit: str) -> None:
    """Work is counted: the rows of the scan, and the bytes that they hand on."""
    texts = [unit * (size // len(unit)) for size in (20_000, 40_000)]
    (half, handed), (whole, twice) = (
        (len(rows), int((rows[:, 3] - rows[:, 2]).sum()))
        for rows in (scan_texts(text_buffers(pl.Series([text])), SHAPES) for text in texts)
    )
    assert whole <= 2 * half + 50
    assert twice <= 2 * handed + 1_000
    assert twice <= 12 * len(texts[1])
    scrub_texts(pl.Series([texts[1]]), entities=ALL)


def test_more_candidates_than_there_was_room_for_are_all_found() -> None:
    text = "125-17-4954 " * 5_000
    rows = scan_texts(text_buffers(pl.Series([text])), frozenset({DIGITS}))
    assert len(np.unique(rows[:, 2])) >= 5_000
    assert scrub_texts(pl.Series([text]), entities=("US_SSN",))["pii_us_ssn"][0] == 5_000


def test_labeled_sentences_lose_all_that_is_labeled_and_nothing_else() -> None:
    path = SHARED / "pii" / "synth-sentences.json"
    if not path.is_file():
        pytest.skip("needs ../shared/data/pii/synth-sentences.json")
    sentences = json.loads(path.read_text(encoding="utf-8"))
    found = find_by_patterns(pl.Series([sentence["full_text"] for sentence in sentences]), PATTERNS)
    for number, sentence in enumerate(sentences):
        labels = {
            (span["start_position"], span["end_position"], span["entity_type"])
            for span in sentence["spans"]
            if span["entity_type"] in ALL
        }
        assert {*found.get(number, [])} == labels, sentence["full_text"]


def test_real_code_and_books_lose_no_numbers_but_telephones() -> None:
    path = SHARED / "code.tar.gz"
    if not path.is_file():
        pytest.skip("needs ../shared/data/code.tar.gz")
    texts = [*read(path, ""), *read(SHARED / "books.tar.gz", ".txt")]
    found = scrub_texts(pl.Series(texts), entities=ALL).drop("text").sum().row(0, named=True)
    assert {kind: count for kind, count in found.items() if count} == {
        "pii_email_address": 627,
        "pii_ip_address": 4,
        "pii_phone_number": 17,
        "pii_mac_address": 3,
    }


def read(path: Path, suffix: str) -> list[str]:
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile() and member.name.endswith(suffix)]
        files = [archive.extractfile(member) or io.BytesIO() for member in members]
        return [file.read().decode("utf-8", errors="replace") for file in files]
