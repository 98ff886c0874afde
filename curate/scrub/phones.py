"""Telephone numbers: written as one is, or spoken of as one.

number in groups ─▶ no date, decimal, IP address ─▶ "+" and a country's code ─────────────────▶ Entity
                                                 ─▶ a country's way to write it, valid there ─▶
                                                 ─▶ beside a word: "phone", "fax", "call" ────▶

What is valid is libphonenumber's to say: its plans of numbers, by country, as `phonenumbers` has them. Numbers that
people write are often none of a plan (left out area codes, fictional ones), and count beside a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from curate.scrub.context import words_pattern
from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import PHONE
from curate.scrub.spans import Span

COUNTRIES = "AT AU BE CH DE FI FR GB ID IE IL IN IT JP KR NL NZ PH RO SE TH TR TW UA VN ZA"
"""Where a number within the country begins with 0, so that it is told from others without a word."""
KINDS = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("personal_number", "voip", "pager", "uan", "voicemail"),
)
MAX_BEFORE, MAX_PLAIN, MAX_AFTER, MAX_EXTENSION = 32, 24, 12, 12
"""How many bytes are looked at before a number, before one without groups, behind it, and for an extension."""

NOUNS = (
    r"(?:tele|cell|smart)?[ -]?phones?(?:[ _]?(?:no|number|nr|num))?|tel|tél|telephone|téléphone|telefon\w*|teléfonos?"
    r"|telefone|telefono|móvil|celular|cellulare|mobile|mobil|mob|handy|cell|fax|telefax|whats ?app|hotline|helpline"
    r"|toll[- ]free|pager|puh|тел|телефон\w*|факс|電話|电话|手机|傳真|传真|携帯|전화|휴대폰|핸드폰|טלפון|هاتف|फ़ोन|फोन"
    r"|โทร"
)
VERBS = (
    r"call(?:s|ed|ing)?|dial|ring|rufen|anruf\w*|reach|texts?|sms|contact|(?:answer\w*|messages?) (?:on|to|at)|desk"
    r"|office|home|work"
)
"""What is said of other numbers as well: beside these, a number has to stand in groups."""
PLACES = "office|desk|home|work|direct"
BEHIND = r"[\s(/-]{0,2}(?:%s)"
WORDS = (f"{NOUNS}|{VERBS}", BEHIND % f"{NOUNS}|{PLACES}")
"""What stands before a number or behind it."""
STRONG_WORDS = (NOUNS, BEHIND % NOUNS)
"""The same for one without groups, or in those of something else."""

PLAIN = re.compile(rb"\d+")
YEAR = rb"(?:1\d|20)\d\d"
OTHER = re.compile(
    rb"\(?(?:%(year)b([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:\d\d|%(year)b))(?: \d\d?)?|\(?%(year)b[- ./]+%(year)b"
    rb"|\(?\d+\.\d+|\(?[1-9][\d.]*/[\d.]+|\(?\d{1,3}(?:\.\d{1,3}){3}|97[89][- ]\d+[- ]\d+[- ]\d+[- ]\d|(\d)\3*"
    % {b"year": YEAR}
)
"""Dates with an hour or without, spans of years, decimals, fractions, IP addresses, ISBNs, and one digit alone."""
SSN = re.compile(rb"\d{3}-\d\d-\d{4}")
AMERICAN = re.compile(
    rb"(?<!\d)(?<!\d[-.])(?:\+?1[-. ]?)?(?:\(([2-9]\d\d)\)[ -]?|(?<!\()([2-9]\d\d)[-.])([2-9]\d\d)[-.](\d{4})"
    rb"(?![-.]?\d)"
)
BRAZILIAN = re.compile(rb"\((\d\d)\) ?(9?\d{4})-(\d{4})")
TRUNK = re.compile(
    rb"(?:0\d{1,4}|\(0\d{1,4}\))(?:[ /-]{1,3}|(?<=\)))\d{2,8}(?:[ -]\d{2,7}){0,3}|0\d(?:([. -])\d\d)(?:\1\d\d){3}"
)
"""An area code with the 0 before it, and groups."""
POSTAL = re.compile(rb"\d{5}-\d{4}")
MIN_TRUNK = 9
"""Digits, the 0 among them; shorter ones are numbers of working papers and serials as well."""
COUNTING = re.compile(rb"0?1\D+0?2\D+0?3\D|0\d\d(?: 0\d\d)+ ")
EXTENSION = re.compile(rb"(?i) ?(?:x|ext\.?|extension) ?\d{1,6}\b")


def phones_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    """What the run is, or holds: numbers may stand beside others in it."""
    written = data[start:end]
    if written[:1] == b"+" and (size := _international_size(written, _is_spoken_of(data, start, end, written))):
        yield start, _with_extension(data, start + size)
    elif OTHER.fullmatch(written) or data[end : end + 1] == b"=":
        return
    elif not SSN.fullmatch(written) and (found := _national(written)):
        yield start + found[0], _with_extension(data, start + found[1])
    elif _is_spoken_of(data, start, end, written):
        yield start, _with_extension(data, end)


def _with_extension(data: bytes, end: int) -> int:
    found = EXTENSION.match(data, end, end + MAX_EXTENSION)
    return found.end() if found else end


def _is_spoken_of(data: bytes, start: int, end: int, written: bytes) -> bool:
    is_plain = PLAIN.fullmatch(written)
    before, behind = STRONG_WORDS if is_plain or SSN.fullmatch(written) else WORDS
    return bool(
        words_pattern(before).search(data[max(0, start - (MAX_PLAIN if is_plain else MAX_BEFORE)) : start])
        or words_pattern(behind).match(data[end : end + MAX_AFTER])
    )


def _international_size(written: bytes, is_spoken_of: bool) -> int:
    """How much of it is a number with its country's code; what follows after a space may be no part of it.

    One in groups, or beside a word, only has to be as long as numbers of the country are.
    """
    import phonenumbers

    while True:
        try:
            number = phonenumbers.parse(written.decode())
        except phonenumbers.NumberParseException:
            return 0
        is_loose = is_spoken_of or not PLAIN.fullmatch(written[1:])
        if phonenumbers.is_valid_number(number) or (is_loose and phonenumbers.is_possible_number(number)):
            return len(written)
        written = written.rpartition(b" ")[0]
        if len(written) < 8:
            return 0


def _national(written: bytes) -> Span | None:
    """A number as it is written in North America, Brazil, or one of COUNTRIES, and valid there."""
    if found := AMERICAN.search(written):
        area = found[1] or found[2]
        return found.span() if _plan("US CA", "").fullmatch(area + found[3] + found[4]) else None
    if found := BRAZILIAN.search(written):
        return found.span() if _plan("BR", "").fullmatch(b"".join(found.groups())) else None
    is_trunk = written[:2].strip(b"(")[:1] == b"0" and TRUNK.fullmatch(written)
    if is_trunk and not POSTAL.fullmatch(written) and not COUNTING.match(written):
        digits = re.sub(rb"\D", b"", written)
        return (0, len(written)) if len(digits) >= MIN_TRUNK and _plan(COUNTRIES, "0").fullmatch(digits) else None
    return None


@cache
def _plan(countries: str, prefix: str) -> Any:
    """All numbers of some countries' plans as one expression, with what stands before them within the country."""
    import re2
    from phonenumbers import PhoneMetadata

    plans = [PhoneMetadata.metadata_for_region(country) for country in countries.split()]
    kinds = [kind for plan in plans for name in KINDS if (kind := getattr(plan, name))]
    numbers = {re.sub(r"\s", "", kind.national_number_pattern) for kind in kinds if kind.national_number_pattern}
    every = "|".join(sorted(numbers))
    return re2.compile(f"{prefix}(?:{every})".encode())  # type: ignore[no-untyped-call]


PHONE_NUMBER = Entity(
    name="PHONE_NUMBER",
    about="numbers with a country's code, valid ones as their country writes them, and others beside a word",
    find=Pattern((PHONE,), phones_within),
)
