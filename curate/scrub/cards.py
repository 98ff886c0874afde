"""Numbers of payment cards: as long as an issuer's are, with a right check digit.

digits in groups ─▶ issuer's prefix and length? ─▶ Luhn? ─▶ common issuer, or spoken of as a card ─▶ Entity
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.scrub.checksums import digits_of, is_luhn
from curate.scrub.context import is_spoken_of
from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import DIGITS
from curate.scrub.spans import Span

COMMON = re.compile(
    rb"4\d{15}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14}"
)
"""Visa, Mastercard, American Express, Diners Club, Discover, JCB and UnionPay, as their numbers are given out today."""
RARE = re.compile(
    rb"4\d{12}(?:\d{6})?|(?:5[0-9]|6[0-9])\d{10,17}|3(?:0[0-5]|[689]\d)\d{11,16}|(?:1800|2131)\d{11}"
    rb"|35\d{14,17}|220[0-4]\d{12,15}|9792\d{12}"
)
"""Older and longer ones, Maestro, Mir and Troy: one of ten numbers of such a form has a right check digit."""
WORDS = (
    r"(?:credit|debit|bank|payment|atm)?[ _]?cards?|cc|ccn|card[ _-]?(?:no|num|number|nr)|visa|master ?card|maestro"
    r"|amex|american express|diners(?: club)?|discover|jcb|union ?pay|pan|kredit(?:karte|kort)|karten?(?:nummer)?"
    r"|tarjeta|carte|cartão|carta|karta|karty|карта|карты|卡号|信用卡|カード|카드"
)
SHAPES = re.compile(rb"\d+|(\d{4}([ -])\d{4}\2\d{4}\2\d{4}(\2\d{3})?)|\d{4}([ -])\d{6}\4\d{4,5}")


def cards_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    written = data[start:end]
    number = written.translate(None, b" -")
    is_common = COMMON.fullmatch(number)
    if not (is_common or RARE.fullmatch(number)) or not SHAPES.fullmatch(written) or not is_luhn(digits_of(number)):
        return
    if (is_common and data[start - 1 : start] != b"/") or is_spoken_of(WORDS, data, start, end):
        yield start, end


CREDIT_CARD = Entity(
    name="CREDIT_CARD",
    about="numbers with an issuer's prefix, length and a right check digit; of rare ones beside a word for cards",
    find=Pattern((DIGITS,), cards_within, sizes=tuple(range(12, 20))),
)
