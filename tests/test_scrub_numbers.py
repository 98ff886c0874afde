"""Telephones, cards, accounts, wallets and machines: found with right check digits, or beside words, and else not."""

from __future__ import annotations

import random
import re
import string
from hashlib import sha3_256, sha256

import phonenumbers
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.scrub import keccak, phones
from curate.scrub.accounts import LENGTHS
from curate.scrub.checksums import is_luhn, is_verhoeff
from curate.scrub.pii import scrub_texts
from curate.scrub.wallets import BASE58

KINDS = ("PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "CRYPTO", "MAC_ADDRESS", "URL_CREDENTIALS")


def scrub(text: str, *kinds: str) -> str:
    return scrub_texts(pl.Series([text]), entities=kinds or KINDS)["text"][0]


@pytest.mark.parametrize(
    "text",
    [
        "+1-984-182-0190",
        "+46 (0)179 459 33",
        "+49 89 636-48018",
        "+447911123456",
        "(602) 272-9781",
        "602-272-9781",
        "1-800-327-1460",
        "01 40 20 47 24",
        "01.40.20.47.24",
        "020 7946 0018",
        "089/63648018",
        "(089) 63648018",
        "(11) 3071-2020",
        "215-735-7502 x459",
        "+1\u00a0212\u00a0736\u00a05000",
        "212‑736‑5000 ext. 12".replace("‑", "-"),
    ],
)
def test_what_is_written_as_a_telephone_number_needs_no_word(text: str) -> None:
    assert scrub(f"so {text}, he") == "so <PHONE_NUMBER>, he"


@pytest.mark.parametrize(
    "text",
    [
        "Phone: {}",
        "Phone:\n{}",
        "Mobile {} or",
        "Can someone call me on {}?",
        "{} office",
        "{}-Fax",
        "Tél. : {}",
        "Telefonnummer {}",
        "请拨打电话{}",
        "電話:{}",
        "тел. {}",
        "phone_number = {}",
    ],
)
def test_beside_a_word_a_number_in_groups_is_enough(text: str) -> None:
    assert scrub(text.format("467 3395")) == text.format("<PHONE_NUMBER>")
    assert scrub(text.replace("office", "fax").replace("call me on", "fax me:").format("46733957")) == text.replace(
        "office", "fax"
    ).replace("call me on", "fax me:").format("<PHONE_NUMBER>")


@pytest.mark.parametrize(
    "text",
    [
        "2015-12-22 04:34:22",
        "Phone: 2015-12-22",
        "1801-1809 office",
        "call 3.14159265",
        "fax 192.168.0.1",
        "467 3395",
        "5403926876",
        "2147483647",
        "02110-1301",
        "doi.org/10.1038/s41598-019-41695-z",
        "ISSN 0166-218X",
        "978-0-306-40615-7",
        "01 02 03 04 05",
        "f(1234567890)",
        "a+1234567890",
        "1 234 567 890 12 13 14 15 16 17 18 19",
        "0.2125550187",
        "id 8f2125550187",
        "call 1234567",
        "phone 1100-400=700",
        "2000 2001 2002",
        "12:04 21238613 /usr/lib",
    ],
)
def test_other_numbers_are_no_telephones(text: str) -> None:
    assert scrub(text, "PHONE_NUMBER") == text


@pytest.mark.parametrize("country", [*phones.COUNTRIES.split(), "US", "CA"])
def test_examples_of_libphonenumber_are_found_as_people_in_the_country_and_abroad_write_them(country: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        number = phonenumbers.example_number_for_type(country, kind)
        abroad = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        assert scrub(f"so {abroad}.") == "so <PHONE_NUMBER>.", abroad
        here = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        assert scrub(f"Phone: {here}.") == "Phone: <PHONE_NUMBER>.", here


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(phones.COUNTRIES.split()), st.integers(10**7, 10**10))
@example("IE", 8_800_000_000)  # voicemail
def test_the_plan_of_a_country_is_libphonenumbers(country: str, number: int) -> None:
    parsed = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country), national_number=number
    )
    is_valid = phonenumbers.is_valid_number_for_region(parsed, country)
    assert bool(phones._plan(country, "").fullmatch(str(number).encode())) >= is_valid


def luhn_digit(number: str) -> str:
    """By the definition: from the right, every second digit twice, of two digits their sum."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["4", "51", "2221", "37", "6011", "3528"]), st.randoms(use_true_random=False), st.data())
def test_a_card_is_found_and_with_another_digit_it_is_not(
    prefix: str, chance: random.Random, data: st.DataObject
) -> None:
    size = 15 if prefix == "37" else 16
    number = prefix + "".join(chance.choices(string.digits, k=size - 1 - len(prefix)))
    number += luhn_digit(number)
    assert is_luhn([int(digit) for digit in number])
    groups = [number, re.sub(r"(\d{4})(?=\d)", r"\1 ", number) if size == 16 else number]
    for text in groups:
        assert scrub(f"paid by {text}.", "CREDIT_CARD") == "paid by <CREDIT_CARD>."
    place = data.draw(st.integers(len(prefix), size - 1))
    other = data.draw(st.sampled_from([digit for digit in string.digits if digit != number[place]]))
    broken = number[:place] + other + number[place + 1 :]
    assert scrub(f"my card {broken}.", "CREDIT_CARD") == f"my card {broken}."


def test_rare_issuers_count_beside_a_word_alone() -> None:
    for stem in ("422222222222", "21310000000000", "675964982643845", "18001607042045", "403087439774060378"):
        number = stem + luhn_digit(stem)
        assert scrub(f"see {number}") == f"see {number}"
        assert scrub(f"my card {number}") == "my card <CREDIT_CARD>"
        assert scrub(f"cardNumber={number}") == "cardNumber=<CREDIT_CARD>"
    assert scrub("see 0.4111111111111111, x4111111111111111, 4111111111111111-2, /4111111111111111") == (
        "see 0.4111111111111111, x4111111111111111, 4111111111111111-2, /4111111111111111"
    )
    assert scrub("4111 1111-1111 1111, 411111 1111111111") == "4111 1111-1111 1111, 411111 1111111111"


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(LENGTHS)), st.randoms(use_true_random=False), st.data())
def test_an_iban_is_found_in_any_spelling_and_with_another_digit_it_is_not(
    country: str, chance: random.Random, data: st.DataObject
) -> None:
    account = "".join(chance.choices(string.digits, k=LENGTHS[country] - 4))
    rest = int(account + str(int(country[0], 36)) + str(int(country[1], 36)) + "00") % 97
    number = f"{country}{98 - rest:02}{account}"
    for text in (number, number.lower(), re.sub(r"(.{4})(?=.)", r"\1 ", number)):
        assert scrub(f"pay to {text} now", "IBAN_CODE") == "pay to <IBAN_CODE> now"
    place = data.draw(st.integers(4, len(number) - 1))
    broken = number[:place] + str((int(number[place]) + data.draw(st.integers(1, 9))) % 10) + number[place + 1 :]
    assert scrub(f"pay to {broken} now", "IBAN_CODE") == f"pay to {broken} now"


@pytest.mark.parametrize(
    "address",
    [
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ],
)
def test_published_addresses_of_wallets_are_found_and_with_another_letter_they_are_not(address: str) -> None:
    assert scrub(f"to {address}.") == "to <CRYPTO>."
    for place in range(4, len(address)):
        broken = address[:place] + ("q" if address[place] != "q" else "p") + address[place + 1 :]
        if broken[:2] == "0x" and address[place].isdigit():
            continue
        assert scrub(f"to {broken}.") == f"to {broken}."


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=20, max_size=20), st.sampled_from([b"\0", b"\5"]))
def test_any_address_in_base58_is_found(key: bytes, version: bytes) -> None:
    payload = version + key
    payload += sha256(sha256(payload).digest()).digest()[:4]
    number, letters = int.from_bytes(payload, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        letters = BASE58[rest] + letters
    address = "1" * (len(payload) - len(payload.lstrip(b"\0"))) + letters
    assert scrub(f"to {address} now") == "to <CRYPTO> now"


def test_keccak_is_the_sponge_of_sha_3_with_ethereums_padding() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak.keccak_256(b"").hex() == empty
    assert keccak.keccak_256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    long = b"x" * 500
    assert keccak.keccak_256(long) != sha3_256(long).digest()


def test_an_address_of_ethereum_without_a_checksum_needs_a_word() -> None:
    address = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    assert scrub(f"commit {address}") == f"commit {address}"
    assert scrub(f"my wallet: {address}") == "my wallet: <CRYPTO>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ether 00:16:3E:C2:07:EE up", "ether <MAC_ADDRESS> up"),
        ("ether 2d-48-d6-fc-7a-05 up", "ether <MAC_ADDRESS> up"),
        ("ether 0016.3ec2.07ee up", "ether <MAC_ADDRESS> up"),
        ("ff:ff:ff:ff:ff:ff and 00:00:00:00:00:00", None),
        ("drawn: 37-13-34-85-56-42", None),
        ("SHA1 00:16:3E:C2:07:EE:2d:48:d6:fc:7a:05:00:16:3E:C2", None),
        ("x00:16:3E:C2:07:EE and 00:16:3E:C2:07:EEE", None),
        ("postgres://jane:s3s%40me@db.example.com/x", "postgres://<URL_CREDENTIALS>@db.example.com/x"),
        ("redis://:hunter2hunter@cache:6379", None),
        ("https://user:password@host/ and ftp://{user}:{pass}@h and http://$U:$P@h", None),
        ("https://example.com:8080/@jane and http://a/b:c@d", None),
    ],
)
def test_machines_and_their_logins(text: str, expected: str | None) -> None:
    assert scrub(text) == (expected or text)


def test_verhoeff_finds_every_wrong_digit_and_every_swap_of_neighbors() -> None:
    number = [2, 3, 6]  # Verhoeff's own example: 236 has the check digit 3
    assert is_verhoeff([*number, 3])
    assert not any(is_verhoeff([*number, digit]) for digit in range(10) if digit != 3)
    assert not is_verhoeff([3, 2, 6, 3])
    assert not is_verhoeff([2, 6, 3, 3])


def test_a_number_ends_where_a_word_begins_with_digits() -> None:
    assert scrub("Call 1-888-888-4532 (8am to 5pm)") == "Call <PHONE_NUMBER> (8am to 5pm)"
    assert scrub("phone 555 123 4567 2nd floor") == "phone <PHONE_NUMBER> 2nd floor"
    assert scrub("phone 5551234abc") == "phone 5551234abc"
    assert scrub("Tel. +33 (0)1 40 20 50 50Fax") == "Tel. <PHONE_NUMBER>Fax"
    assert scrub("Phone: +43-1-514 44Email:") == "Phone: <PHONE_NUMBER>Email:"


def test_numbers_that_stand_in_a_row_are_found_each() -> None:
    assert scrub("Specialists at (800) 995-5003 (866) 761-6071") == "Specialists at <PHONE_NUMBER> <PHONE_NUMBER>"
    assert scrub("602-272-9781 602-272-9782 602-272-9783") == "<PHONE_NUMBER> <PHONE_NUMBER> <PHONE_NUMBER>"
    assert scrub("1-602-272-9781 (602) 272-9782") == "<PHONE_NUMBER> <PHONE_NUMBER>"
    assert scrub("+44 (0)20 7946 0018 or 0049 (0)89 63648018") == "<PHONE_NUMBER> or 0049 (0)89 63648018"
