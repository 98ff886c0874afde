"""E-mail and IP addresses: found in any script, not found where there are none, in linear time."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from pydoc_data import topics

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.scrub.pii import scrub_texts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BOTH = ("EMAIL_ADDRESS", "IP_ADDRESS")


def scrub(text: str) -> tuple[str, int, int]:
    """The clean text, and how many addresses of each kind were in it."""
    return scrub_texts(pl.Series([text]), entities=BOTH).row(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+list@example.co.uk.", "Write to <EMAIL_ADDRESS>."),
        ("<o'brien_7@mail-server.example.org>", "<<EMAIL_ADDRESS>>"),
        ("请联系我们foo@example.com谢谢", "请联系我们<EMAIL_ADDRESS>谢谢"),
        ("문의는 help@example.kr로 보내세요", "문의는 <EMAIL_ADDRESS>로 보내세요"),
        ("メールはinfo@example.jpまで", "メールは<EMAIL_ADDRESS>まで"),
        ("ติดต่อadmin@example.co.thได้", "ติดต่อ<EMAIL_ADDRESS>ได้"),
        ("Пишите на почта@пример.рф, пожалуйста", "Пишите на <EMAIL_ADDRESS>, пожалуйста"),
        ("jürgen@bücher.de und andré@café.fr", "<EMAIL_ADDRESS> und <EMAIL_ADDRESS>"),
        ("δοκιμή@παράδειγμα.δοκιμή", "<EMAIL_ADDRESS>"),
        ("راسلنا user@example.com الآن", "راسلنا <EMAIL_ADDRESS> الآن"),
        ("用户@例子.广告", "<EMAIL_ADDRESS>"),
        ("mailto:a@example.com?subject=x", "mailto:<EMAIL_ADDRESS>?subject=x"),
        ("see...bob@example.com", "see...<EMAIL_ADDRESS>"),
        ("To: e$@example.com, <00003e20$00002f2f@mx.example.com>", "To: <EMAIL_ADDRESS>, <<EMAIL_ADDRESS>>"),
        ("<sentto-2242-zzzz=jane.example.org@returns.example.net>", "<<EMAIL_ADDRESS>>"),
        ("Return-Path: <news-zzzz=jane.example.org@example.net>", "Return-Path: <<EMAIL_ADDRESS>>"),
        ("email=jane.me@example.org, dev-mail=joe@example.org", "email=<EMAIL_ADDRESS>, dev-mail=<EMAIL_ADDRESS>"),
        ("$USER@example.org ${host}$x@example.org", "$<EMAIL_ADDRESS> ${host}$<EMAIL_ADDRESS>"),
        ("a@x.com,b@y.org;c@z.net", "<EMAIL_ADDRESS>,<EMAIL_ADDRESS>;<EMAIL_ADDRESS>"),
    ],
)
def test_an_email_address_is_found_in_any_script(text: str, expected: str) -> None:
    clean, emails, ips = scrub(text)
    assert (clean, emails, ips) == (expected, expected.count("<EMAIL_ADDRESS>"), 0)


@pytest.mark.parametrize(
    "text", ["user@localhost", "@handle and @other.name", "x = a @ b.c", "@property", "3@5", "half@", "see @ 5.30 p.m."]
)
def test_other_uses_of_the_sign_stay(text: str) -> None:
    assert scrub(text) == (text, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 8.8.8.8.", "from <IP_ADDRESS>."),
        ("8.8.8.8:443, 1.1.1.1/24", "<IP_ADDRESS>:443, <IP_ADDRESS>/24"),
        ("src:9.9.9.9:53", "src:<IP_ADDRESS>:53"),
        ("from tux (tux.example.org [18.29.0.27]) by", "from tux (tux.example.org [<IP_ADDRESS>]) by"),
        ("服务器8.8.4.4。", "服务器<IP_ADDRESS>。"),
        ("[2001:4860:4860::8888]:53", "[<IP_ADDRESS>]:53"),
        ("at 2606:4700:4700::1111: ok", "at <IP_ADDRESS>: ok"),
        ("2a00:1450:4001:0830:0000:0000:0000:200e", "<IP_ADDRESS>"),
        ("net 2a00:1450::", "net <IP_ADDRESS>"),
        ("mapped ::ffff:8.8.8.8", "mapped <IP_ADDRESS>"),
    ],
)
def test_a_public_ip_address_is_found(text: str, expected: str) -> None:
    assert scrub(text) == (expected, 0, expected.count("<IP_ADDRESS>"))


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.1 10.0.0.1 127.0.0.1 0.0.0.0 255.255.255.255 172.16.3.4",
        "fe80::1 ::1 fd00::8 2001:db8::1 ::ffff:10.0.0.1",
        "[18.29.0.27] and see chapter [3.1.4.2], lib.so [1.2.3.4",
        "v4.10.2.1 and 1.2.3.4.5 and 300.1.2.3 and 08.8.8.8",
        "std::add(a::b) at 12:30:45 on 2024:01:02, ab:cd:ef:01:23:45",
        "sections 3.1.4 and 2.10",
    ],
)
def test_what_is_no_public_ip_address_stays(text: str) -> None:
    assert scrub(text) == (text, 0, 0)


DISPUTED = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "2001::/23", "2002::/16", "3fff::/20")))
"""Of these Python 3.11 and 3.13 do not say the same."""


@pytest.mark.parametrize(
    ("address", "is_public"),
    [("2002:102:304:f101::1", True), ("2001:20::1", False), ("2001:4:112::1", False), ("192.0.0.5", False)],
)
def test_what_is_public_is_the_same_in_every_python(address: str, is_public: bool) -> None:
    assert scrub(f"host {address} up") == ("host <IP_ADDRESS> up" if is_public else f"host {address} up", 0, is_public)


@settings(deadline=None, max_examples=60)
@given(st.ip_addresses())
def test_the_standard_library_decides_what_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(not any(address in network for network in DISPUTED))
    clean, _, count = scrub(f"host {address} up")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    is_unicast = address.version == 4 or address in ipaddress.IPv6Network("2000::/3")
    expected = mapped.is_global if mapped else address.is_global and is_unicast
    assert count == int(expected)
    assert clean == ("host <IP_ADDRESS> up" if expected else f"host {address} up")


def test_labeled_sentences_are_found_all_and_nothing_else() -> None:
    path = SHARED / "pii" / "synth-sentences.json"
    if not path.is_file():
        pytest.skip("needs ../shared/data/pii/synth-sentences.json")
    sentences = json.loads(path.read_text(encoding="utf-8"))
    found = scrub_texts(pl.Series([sentence["full_text"] for sentence in sentences]), entities=BOTH)
    total = 0
    for sentence, clean, emails, ips in zip(sentences, *found.get_columns(), strict=True):
        spans = [span for span in sentence["spans"] if span["entity_type"] in BOTH]
        expected = sentence["full_text"]
        for span in sorted(spans, key=lambda span: -span["start_position"]):
            start, end = span["start_position"], span["end_position"]
            expected = f"{expected[:start]}<{span['entity_type']}>{expected[end:]}"
        assert (clean, emails + ips) == (expected, len(spans))
        total += len(spans)
    assert total > 20


def test_real_documentation_without_addresses_is_left_alone() -> None:
    texts = pl.Series([text for text in topics.topics.values() if "@" not in text])
    found = scrub_texts(texts, entities=BOTH)
    assert found["text"].to_list() == texts.to_list()
    assert found.schema == {"text": pl.String, "pii_email_address": pl.UInt32, "pii_ip_address": pl.UInt32}


@pytest.mark.parametrize("unit", ["a.", "1.", "a-", "a@", "a.a@", ":", "1:", "日", "2001:", "a'", " "])
def test_hostile_repetition_is_searched_in_linear_time(unit: str) -> None:
    text = unit * 200_000 + "@"  # quadratic engines take minutes here
    assert scrub(text)[0] == text


def test_columns_of_documents_keep_their_order_and_nulls_stay_null() -> None:
    texts = pl.Series("text", ["a", None, "b@x.org 8.8.8.8", "", "c@x.org d@x.org"])
    found = scrub_texts(texts, entities=("IP_ADDRESS", "EMAIL_ADDRESS"))
    assert found.columns == ["text", "pii_ip_address", "pii_email_address"]
    assert found["text"].to_list() == ["a", None, "<EMAIL_ADDRESS> <IP_ADDRESS>", "", "<EMAIL_ADDRESS> <EMAIL_ADDRESS>"]
    assert found["pii_email_address"].to_list() == [0, 0, 1, 0, 2]
    assert found["pii_ip_address"].to_list() == [0, 0, 1, 0, 0]
    assert texts[2] == "b@x.org 8.8.8.8"


def test_without_entities_or_texts_there_is_nothing_to_do() -> None:
    assert scrub_texts(pl.Series(["a@b.org"]), entities=())["text"].to_list() == ["a@b.org"]
    assert scrub_texts(pl.Series([], dtype=pl.String), entities=BOTH).height == 0


@pytest.mark.parametrize(
    ("entity", "engine", "message"),
    [
        ("EMAIL_ADRESS", "patterns", 'did you mean "EMAIL_ADDRESS"'),
        ("MEDICAL_LICENSE", "patterns", '"presidio" does'),
        ("PHONE_NUMBR", "presidio", 'did you mean "PHONE_NUMBER"'),
        ("IP_ADDRESS", "pattern", 'did you mean "patterns"'),
    ],
)
def test_an_unknown_entity_or_engine_is_refused(entity: str, engine: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scrub_texts(pl.Series(["x"]), entities=(entity,), engine=engine)  # type: ignore[arg-type]
