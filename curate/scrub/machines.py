"""What leads to a machine besides its IP address: hardware addresses, and names and passwords in the URLs of hosts.

six pairs of hexadecimal digits ─▶ no broadcast, no zeros ─▶ MAC_ADDRESS
`://name:password@` ─▶ no template's fields ─▶ URL_CREDENTIALS
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import HARDWARE, LOGIN
from curate.scrub.spans import Span

TEMPLATE = re.compile(rb"[{}<>$%\[\]()\\|\"'`*]|\.\.\.|,")
"""What stands in the place of a name or password where somebody explains how to write it; `%40` is an escape."""
ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
NOBODY = re.compile(rb"(?i)(?:user(?:name)?|usr|login|name|me)?:(?:pass(?:word|wd)?|pw|pwd|secret|token|port|\d{1,5})?")
"""Words that name the field itself, and ports."""


def hardware_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    """None is a single byte again and again (broadcast, zeros), or six numbers without a letter between hyphens."""
    written = data[start:end]
    digits = written.translate(None, b":-.").lower()
    is_varied = len({digits[place : place + 2] for place in range(0, 12, 2)}) > 1
    if is_varied and (b":" in written or not digits.isdigit()):
        yield start, end


def logins_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    login = ESCAPE.sub(b"", data[start:end])
    if not TEMPLATE.search(login) and not NOBODY.fullmatch(login):
        yield start, end


MAC_ADDRESS = Entity(
    name="MAC_ADDRESS",
    about="hardware addresses of networks, neither broadcast nor a part of a longer fingerprint",
    find=Pattern((HARDWARE,), hardware_within),
)
URL_CREDENTIALS = Entity(
    name="URL_CREDENTIALS",
    about="`name:password` before the host in a URL, without what a template has there",
    find=Pattern((LOGIN,), logins_within),
)
