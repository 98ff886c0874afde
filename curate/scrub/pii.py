"""Personal data out of texts: each finding becomes its entity's name in angle brackets, and is counted.

texts ─▶ documents that can hold one (a cheap test) ─▶ RE2 in one linear pass ─▶ "<EMAIL_ADDRESS>", "<IP_ADDRESS>"
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import Any, Literal

import polars as pl
import re2

from curate.errors import UsageError, nearest
from curate.scrub.presidio import PRESIDIO_ENTITIES, replace_by_presidio

SPACED = (
    r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Arabic}\p{Devanagari}\p{Bengali}\p{Gujarati}"
    r"\p{Gurmukhi}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Ethiopic}\p{M}0-9"
)
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々0-9"
EMAIL = (
    rf"(?:[{SPACED}_%+~-]+(?:[.'][{SPACED}_%+~-]+)*|[{UNSPACED}]+)@"
    rf"(?:(?:[{SPACED}][{SPACED}-]*\.)+[{SPACED}-]*\p{{L}}[{SPACED}]+"
    rf"|(?:[{SPACED}{UNSPACED}][{SPACED}{UNSPACED}-]*\.)+(?:[a-zA-Z]{{2,}}|[{UNSPACED}]{{2,}}))"
)
"""Local part and domain in letters of any script, after RFC 6531 without its rare characters.

Scripts that put no spaces between words stand apart: an address in Latin letters ends where Chinese, Japanese, Korean or
Thai text is glued to it. The `password@host` of a URL and `git@host` count as addresses.
"""
IPV6 = r"(?i:[0-9a-f]{0,4}(?::[0-9a-f.]*){2,})"
IPV4 = r"[0-9]+(?:\.[0-9]+){3,}"
"""Longest runs that may be an address; `ipaddress` decides on them."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

Replace = Callable[[str], tuple[str, int]]
"""A text -> the text without the entity, and how many there were."""

CAN_HOLD = {
    "EMAIL_ADDRESS": r"@",
    "IP_ADDRESS": r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]|::[fF]{4}:",
}
"""What every document with such an entity matches; the others are not looked at again."""


def scrub_texts(
    texts: pl.Series, *, entities: tuple[str, ...], engine: Literal["patterns", "presidio"] = "patterns"
) -> pl.DataFrame:
    """A frame with `text` (String) and a count `pii_<entity>` (UInt32, name in lower case) for each entity.

    "patterns" knows EMAIL_ADDRESS and IP_ADDRESS: valid public addresses, version 4 or 6 (`ipaddress.is_global`; of
    version 6, global unicast, so that `a::b` in code stays). Four numbers with dots are an address wherever they are
    one on their own, so "version 4.10.2.1" is replaced and "v4.10.2.1" is not. "presidio" finds these two in the same
    way, and the other entities by Presidio's pattern recognizers.

    Raises:
        UsageError: an entity that the engine does not know, or Presidio is asked for and not installed.
        CurateError: Presidio could not finish a text; such a document must not pass.
    """
    for entity in entities:
        _check_entity(entity, engine)
    columns = {}
    for entity in entities:
        texts, counts = _scrub_entity(texts, entity)
        columns[f"pii_{entity.lower()}"] = counts
    return pl.DataFrame({"text": texts, **columns})


def _check_entity(entity: str, engine: str) -> None:
    if engine not in ("patterns", "presidio"):
        raise UsageError(f'no engine "{engine}" finds personal data{nearest(engine, ("patterns", "presidio"))}')
    if entity in CAN_HOLD or (engine == "presidio" and entity in PRESIDIO_ENTITIES):
        return
    if entity in PRESIDIO_ENTITIES:
        raise UsageError(f'the engine "patterns" does not find {entity}; "presidio" does (known: {", ".join(CAN_HOLD)})')
    known = CAN_HOLD if engine == "patterns" else {*CAN_HOLD, *PRESIDIO_ENTITIES}
    raise UsageError(f'the engine "{engine}" does not find "{entity}"{nearest(entity, known)}')


def _scrub_entity(texts: pl.Series, entity: str) -> tuple[pl.Series, pl.Series]:
    """The texts without one entity, and counts; only documents that can hold it leave the column."""
    if entity in CAN_HOLD:
        places = texts.str.contains(CAN_HOLD[entity]).fill_null(False).arg_true()
    else:
        places = texts.is_not_null().arg_true()
    replace: Replace = {"EMAIL_ADDRESS": _replace_emails, "IP_ADDRESS": _replace_ips}.get(
        entity, functools.partial(replace_by_presidio, entity=entity)
    )
    found = [replace(text) for text in texts.gather(places)]
    counts = pl.zeros(len(texts), dtype=pl.UInt32, eager=True)
    if not any(count for _, count in found):
        return texts, counts
    texts = texts.clone().scatter(places, [text for text, _ in found])
    return texts, counts.scatter(places, pl.Series([count for _, count in found], dtype=pl.UInt32))


def _replace_emails(text: str) -> tuple[str, int]:
    clean, count = _pattern(EMAIL).subn(b"<EMAIL_ADDRESS>", text.encode())
    return clean.decode(), count


def _replace_ips(text: str) -> tuple[str, int]:
    data, longer = _replace_public(text.encode(), IPV6)
    data, shorter = _replace_public(data, IPV4)
    return data.decode(), longer + shorter


def _replace_public(data: bytes, pattern: str) -> tuple[bytes, int]:
    parts, last = [], 0
    for match in _pattern(pattern).finditer(data):
        start, end = match.start(), _address_end(data, match.start(), match.end())
        if end:
            parts += [data[last:start], b"<IP_ADDRESS>"]
            last = end
    return b"".join([*parts, data[last:]]), len(parts) // 2


def _address_end(data: bytes, start: int, end: int) -> int:
    """Where the public address ends that starts there; 0 where there is none, or it is a part of a longer word."""
    while data[end - 1 : end] == b"." or (data[end - 1 : end] == b":" and data[end - 2 : end] != b"::"):
        end -= 1  # the sentence's, not the address's
    is_apart = not _is_word(data[start - 1 : start]) and not _is_word(data[end : end + 1])
    return end if is_apart and _is_public(data[start:end]) else 0


def _is_word(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


def _is_public(candidate: bytes) -> bool:
    try:
        address = ipaddress.ip_address(candidate.decode())
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return mapped.is_global if mapped else address.is_global and address in GLOBAL_UNICAST
    return address.is_global


@functools.cache
def _pattern(pattern: str) -> Any:
    return re2.compile(pattern.encode())
