"""Pseudonyms: values that nobody has, of the kind of those that they stand for.

"jane@firma.de" ─▶ keyed draw ─▶ "tamiro@example.org"     PERSON "Jane Doe" ─▶ "<PERSON_1>"

Where standards reserve values for examples, one of these takes the place, so that a text stays what a reader, and a
model, would expect to see; elsewhere any plausible value may be somebody's own, and the entity's name gets a number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

Draw = Callable[[int], int]
"""A number from 0 up to, and without, the one that is given."""
Make = Callable[[str, Draw], str | None]
"""From a value to one that is nobody's; None: there is none of this form."""

DOMAINS = ("example.com", "example.net", "example.org")
"""RFC 2606 §3."""
CONSONANTS, VOWELS, SYLLABLES = "bdfgklmnprstvz", "aeiou", 3
DOCUMENTATION = tuple(map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
"""RFC 5737; of version 6 it is 2001:db8::/32 (RFC 3849)."""
AREAS = ("202", "303", "404", "505", "606", "707", "808", "909")
"""555-0100 to 555-0199 are for fiction in every area of North America's numbering plan."""
AMERICAN = re.compile("1?[2-9][0-9]{2}[2-9][0-9]{6}")
MADE = re.compile(
    rf"(?:[{CONSONANTS}][{VOWELS}]){{{SYLLABLES}}}@example\.(?:com|net|org)"
    r"|192\.0\.2\.\d{1,3}|198\.51\.100\.\d{1,3}|203\.0\.113\.\d{1,3}|2001:db8::[0-9a-f:]+"
    r"|\D*1?\D*(?:202|303|404|505|606|707|808|909)\D*555\D*01\d\d|(?i:00(?P<sign>[:-])00(?P=sign)5E(?P=sign)00(?P=sign)53(?P=sign)[0-9a-f]{2})"
)


def is_pseudonym(value: str) -> bool:
    """Whether a value has the form of one that is made here: nobody's e-mail address, network address or number."""
    return MADE.fullmatch(value) is not None


def _email(value: str, draw: Draw) -> str:
    letters = [(CONSONANTS[draw(len(CONSONANTS))], VOWELS[draw(len(VOWELS))]) for _ in range(SYLLABLES)]
    return "".join(map("".join, letters)) + "@" + DOMAINS[draw(len(DOMAINS))]


def _ip(value: str, draw: Draw) -> str:
    if ":" in value:
        return f"2001:db8::{draw(1 << 16):x}:{draw(1 << 16):x}"
    return str(DOCUMENTATION[draw(len(DOCUMENTATION))][1 + draw(254)])


def _mac(value: str, draw: Draw) -> str | None:
    """Of the block 00-00-5E-00-53 (RFC 7042 §2.1.2)."""
    if not (match := re.fullmatch(r"(?i)[0-9a-f]{2}([:-])(?:[0-9a-f]{2}[:-]){4}[0-9a-f]{2}", value)):
        return None
    made = match[1].join(("00", "00", "5e", "00", "53", f"{draw(256):02x}"))
    return made.upper() if value.upper() == value else made


def _phone(value: str, draw: Draw) -> str | None:
    """In the spelling of the number, if that is one of North America's."""
    digits = re.sub(r"\D", "", value)
    if not AMERICAN.fullmatch(digits) or not re.fullmatch(r"(?:\+?1)?[0-9 ().-]*", value):
        return None
    made = iter(digits[:-10] + AREAS[draw(len(AREAS))] + f"55501{draw(100):02d}")
    return re.sub(r"\d", lambda _: next(made), value)


PSEUDONYMS: Mapping[str, Make] = {
    "EMAIL_ADDRESS": _email,
    "IP_ADDRESS": _ip,
    "MAC_ADDRESS": _mac,
    "PHONE_NUMBER": _phone,
}
"""By entity; the others are numbered."""
