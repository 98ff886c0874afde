"""Secrets in code and configuration: keys and tokens of providers, private keys, passwords that stand in the text.

text ─▶ RE2: a provider's prefix ─▶ its form, no placeholder ──────────────────────┐
     ─▶ RE2: `password = "…"`, `TOKEN=…`, `https://user:…@host` ─▶ is it one? ─────┤
     ─▶ "-----BEGIN … PRIVATE KEY-----" ─▶ its lines to the end ───────────────────┴─▶ spans of the values alone

What a provider's form says is taken at its word unless it is an example. Of an assignment the name says what the value
is to be, and the value whether it is one (`curate.scrub.secret_values`): code is full of `token = next(tokens)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

from curate.scrub.entity import Entity
from curate.scrub.secret_kinds import KINDS
from curate.scrub.secret_values import is_example, is_password, is_token
from curate.scrub.spans import Span, in_characters, in_order

PASSWORD = r"pass(?:word|wd|phrase|code)|\bpass|pwd|pswd"
TOKEN = (
    r"secret|token|(?:api|access|auth|account|private|signing|encryption|master|license|client|app)[_.-]?key"
    r"|credentials?|bearer"
)
NAMED = rf"({PASSWORD}|{TOKEN})[\w.-]{{0,20}}"
"""What a secret is assigned to, from the word that says so: the first group. The value is the last."""
PAGING = r"(?i)(?:next|page|paging|continuation|forward|backward|cursor|sync)[a-z_-]*$"
"""What stands before `token` where that marks a place in a list."""
MAX_BEFORE = 24
GIVEN = r"(?:[\"'`]?\]?\s{0,3}(?::=|=>|[:=])\s{0,3}|[\"'`]\]?\)?\s{0,2},\s{0,3})"
QUOTED = r"[bru]?(?:\"([^\"\s\\]{8,})\"|'([^'\s\\]{8,})'|`([^`\s\\]{8,})`)"
ASSIGNED = rf"(?i){NAMED}{GIVEN}{QUOTED}"
BARE = (
    rf"(?im)^[ \t]*(?:export |set |setx |ENV |ARG |- |//[^ \n=]+:)?[\w.-]*?{NAMED}[ \t]*[=:][ \t]*"
    r"([^\s\"'`,;(){}\[\]]{8,})(?:[ \t]+[#;].*)?[ \t]*$"
)
"""A line of its own, as in `.env`, `.ini`, `.npmrc` and YAML."""
HEADER = r"(?i)\bauthorization[\"']?\s{0,2}[:=,]\s{0,2}[\"']?(?:bearer|basic|token)\s([A-Za-z0-9+/_.~=-]{16,})"
IN_URL = r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>?#]*:([^\s/:@\"'<>?#]{4,})@[\w.\[]"
KEY_BEGIN = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
KEY_END = r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
KEY_LINES = r"(?:\s*[\w-]+: [^\n]*\n){0,3}(?:(?:[\s\"'+,]|\\[nr])*[A-Za-z0-9+/=]{16,})+"
KEY_LINE = r"[A-Za-z0-9+/]{40}"
"""Any key has a line of 64 such signs; what only speaks of keys has none."""
MAX_KEY = 20_000
"""Bytes between both lines: more than the longest keys in use have."""

CAN_HOLD = (
    rf"(?i:pass(?:word|wd|phrase|code)?|pwd|pswd|{TOKEN})[A-Za-z0-9_.-]{{0,20}}[\"'`\])]{{0,3}}[ \t\r\n]{{0,3}}[:=,]"
    r"|(?i:authorization)|://[^ \t\r\n/@]*:[^ \t\r\n/@]+@|PRIVATE KEY|" + "|".join(kind.prefix for kind in KINDS)
)


def find_secrets(text: str) -> Iterator[Span]:
    """Where secrets start and end; overlapping ones are one."""
    data = text.encode()
    found = [*_keys_of_providers(data), *_assigned(data), *_in_urls(data), *_private_keys(data)]
    return in_characters(data, in_order(data, found))


def _keys_of_providers(data: bytes) -> Iterator[Span]:
    for match in _compiled(_providers()).finditer(data):
        start, end = _span_of(match)
        if not _is_word(data[end : end + 1]) and not is_example(_read(data, start, end)):
            yield start, end


@cache
def _providers() -> str:
    """All in one: each by itself would be a pass of its own."""
    return rf"\b(?:{'|'.join(kind.pattern for kind in KINDS)})"


def _assigned(data: bytes) -> Iterator[Span]:
    for pattern in (ASSIGNED, BARE, HEADER):
        for match in _compiled(pattern).finditer(data):
            start, end = _span_of(match)
            if _compiled(PAGING).search(data[max(0, match.start() - MAX_BEFORE) : match.start()]):
                continue
            judge = is_password if pattern != HEADER and _is_of_password(match[1]) else is_token
            if judge(_read(data, start, end)):
                yield start, end


def _is_of_password(name: bytes) -> bool:
    return _compiled(f"(?i){PASSWORD}").search(name) is not None


def _in_urls(data: bytes) -> Iterator[Span]:
    for match in _compiled(IN_URL).finditer(data):
        start, end = _span_of(match)
        value = _read(data, start, end)
        if is_password(value) or is_token(value):
            yield start, end


def _private_keys(data: bytes) -> Iterator[Span]:
    """From one line to the other; a key that is cut off goes as far as its lines look like one."""
    at, end = 0, _compiled(KEY_END).search(data)
    while begin := _compiled(KEY_BEGIN).search(data, at):
        at = begin.end()
        while end and end.start() < at:
            end = _compiled(KEY_END).search(data, at)
        if end and end.start() - at <= MAX_KEY and data.find(b"-----BEGIN", at, end.start()) < 0:
            lines, stop = end.start(), end.end()
        else:
            cut = _compiled(KEY_LINES).match(data, at, min(len(data), at + MAX_KEY))
            lines = stop = cut.end() if cut else at
        if _compiled(KEY_LINE).search(data, at, lines):
            yield begin.start(), stop
            at = stop


def _span_of(match: Any) -> Span:
    """Of the last group that has a part in the match, the value's; of the whole, if none has."""
    start, end = match.span(match.lastindex or 0)
    return start, end


def _read(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode(errors="replace")


def _is_word(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


@cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern.encode())  # type: ignore[no-untyped-call]


SECRET = Entity(
    name="SECRET",
    about="keys and tokens of some 60 providers, private keys, and passwords and tokens that are assigned to a name",
    find=find_secrets,
    can_hold=CAN_HOLD,
)
