"""Personal data out of texts: each finding becomes its entity's name in angle brackets, and is counted.

texts ─▶ documents that can hold one (a cheap test) ─▶ RE2 in one linear pass ─▶ "<EMAIL_ADDRESS>", "<IP_ADDRESS>"
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import polars as pl
import re2

from curate.errors import UsageError, nearest
from curate.scrub.presidio import RECOGNIZERS, replace_by_presidio

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

Scripts that put no spaces between words stand apart: an address in Latin letters ends where Chinese, Japanese, Korean
or Thai text is glued to it. The `password@host` of a URL and `git@host` count as addresses.
"""
IPV6 = r"(?i:[0-9a-f]{0,4}(?::[0-9a-f.]*){2,})"
IPV4 = r"[0-9]+(?:\.[0-9]+){3,}"
"""Longest runs that may be an address; `ipaddress` decides on them."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

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
    counts = {}
    for entity in (name for name in entities if name in REPLACERS):
        texts, counts[entity] = _replace_pattern(texts, entity)
    others = tuple(name for name in entities if name not in REPLACERS)
    if others:
        texts, found = _replace_others(texts, others)
        counts |= found
    return pl.DataFrame({"text": texts} | {f"pii_{entity.lower()}": counts[entity] for entity in entities})


def _check_entity(entity: str, engine: str) -> None:
    if engine not in ("patterns", "presidio"):
        raise UsageError(f'no engine "{engine}" finds personal data{nearest(engine, ("patterns", "presidio"))}')
    known = {*REPLACERS, *RECOGNIZERS} if engine == "presidio" else {*REPLACERS}
    if entity in known:
        return
    if entity in RECOGNIZERS:
        raise UsageError(
            f'the engine "{engine}" does not find {entity}; "presidio" does (known: {", ".join(REPLACERS)})'
        )
    raise UsageError(f'the engine "{engine}" does not find "{entity}"{nearest(entity, known)}')


def _replace_pattern(texts: pl.Series, entity: str) -> tuple[pl.Series, pl.Series]:
    """The texts without one entity, and counts; only documents that can hold it leave the column."""
    places = texts.str.contains(CAN_HOLD[entity]).fill_null(False).arg_true()
    replaced = [REPLACERS[entity](text) for text in texts.gather(places)]
    counts = pl.zeros(len(texts), dtype=pl.UInt32, eager=True)
    if not any(count for _, count in replaced):
        return texts, counts
    found = pl.Series([count for _, count in replaced], dtype=pl.UInt32)
    return _put(texts, places, pl.Series([text for text, _ in replaced])), _put(counts, places, found)


def _put(column: pl.Series, places: pl.Series, values: pl.Series) -> pl.Series:
    return column.clone().scatter(places, values)


def _replace_others(texts: pl.Series, entities: tuple[str, ...]) -> tuple[pl.Series, dict[str, pl.Series]]:
    replaced = [replace_by_presidio(text or "", entities=entities) for text in texts]
    clean = pl.Series(texts.name, [text for text, _ in replaced], dtype=pl.String)
    return clean, {name: pl.Series([found[name] for _, found in replaced], dtype=pl.UInt32) for name in entities}


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


@cache
def _pattern(pattern: str) -> Any:
    return re2.compile(pattern.encode())  # type: ignore[no-untyped-call]


REPLACERS: dict[str, Callable[[str], tuple[str, int]]] = {
    "EMAIL_ADDRESS": _replace_emails,
    "IP_ADDRESS": _replace_ips,
}
"""Entity -> the function from a text to the text without it, and how many there were."""
