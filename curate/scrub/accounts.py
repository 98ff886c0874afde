"""Account numbers of banks by their country: IBANs as long as that country's are, with right check digits.

run of letters and digits ─▶ the country's length? ─▶ modulo 97 ─▶ Entity
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.scrub.checksums import is_mod_97
from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import ACCOUNT
from curate.scrub.spans import Span

COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FK FO FI GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
LENGTHS = {country: length for length, countries in COUNTRIES.items() for country in countries.split()}
"""By country, from the registry of IBANs (ISO 13616, kept by SWIFT)."""


def accounts_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    """Letters may be small; what follows in groups of four as well is not the number's."""
    written = data[start:end]
    length = LENGTHS.get(written[:2].decode().upper(), 0)
    piece = re.match(rb"(?:[ -]?[A-Za-z0-9]){%d}" % length, written) if length else None
    if not piece or written[piece.end() : piece.end() + 1].isalnum():
        return
    letters = piece[0].translate(None, b" -").decode().upper()
    if is_mod_97(letters[4:] + letters[:4]):
        yield start, start + piece.end()


IBAN_CODE = Entity(
    name="IBAN_CODE",
    about="account numbers of a country's length with right check digits, in capitals or small letters",
    find=Pattern((ACCOUNT,), accounts_within),
)
