"""Public IP addresses, and not the other things that are four numbers with dots.

run of digits, dots, colons ─▶ RE2 ─▶ `ipaddress`: public? ─▶ no version, section or OID? ─▶ Entity

Most groups of four small numbers are no addresses: manuals number their sections so, programs their versions, and X.509
its attributes. An address has four numbers under 50 in one of 690 cases, so such a group must be spoken of as one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import HOST
from curate.scrub.spans import Span, in_order

IPV6 = r"(?i:[0-9a-f]{0,4}(?::[0-9a-f.]*){2,})"
IPV4 = r"[0-9]+(?:\.[0-9]+){3,}"
"""Longest runs that may be an address; `ipaddress` decides on them."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
SPECIAL_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/29", "192.0.0.170/31", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "240.0.0.0/4"),
        ),
    )
)
SPECIAL_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32")))
"""Networks that the registries of IANA set apart (RFC 6890), of version 6 among global unicast. Written down, as the
`is_global` of `ipaddress` is another one in Python 3.13, and what is found is not to depend on that: 2002::/16 holds
somebody's address of version 4."""

MAX_SMALL = 49
RESOLVERS = frozenset({"1.0.0.1", "1.1.1.1", "8.8.4.4", "8.8.8.8", "9.9.9.9"})
"""Addresses of small numbers that are better known than any section 8.8.8.8."""

MAX_BEFORE, MAX_AFTER, MAX_SPOKEN = 32, 16, 20
"""How many bytes before and after a run are looked at, on its line, and in how many it is spoken of."""
NUMBERED = (
    r"(?i)(?:\b(?:v|ver|versions?|versión|versão|versione|wersja|release|rev|revision|upgrad\w+|updat\w+|patch|bump|v8"
    r"|sections?|sec|chapter|clause|appendix|table|figure|fig|rfc\s?\d+|oid)|версия|версии|バージョン|版本|버전|§)"
    r"[\s\"'=:(\[.#-]{0,4}(?:v8\s)?(?:(?:to|from|of|than|is)\s(?:v8\s|version\s)?)?$"
    r"|\d\.\d+\s(?:to|from|and|or)\s$|(?:[=<>~]=|[~^<>])\s?[\"']?$|\b(?-i:[A-Z][A-Za-z]+)/$"
)
"""What stands directly before a version, a section or an object identifier."""
ARCHIVE = r"\.(?:apk|deb|dll|dmg|exe|gem|jar|msi|pkg|rpm|tar|tgz|whl|zip)\b"
NAME_BEFORE = r"[A-Za-z][.-]$"
NAME_AFTER = r"-[A-Za-z]|\.[a-z]|[+~][a-z\d]"
"""Where the numbers are a part of a longer name: `libssl.so.1.1.0.5`, `1.2.3.4.dfsg`, `1.2.13.1-motley`."""
PATH_DATA = r"\d-\.\d|(?:^|[^a-zA-Z])[a-zA-Z]-?\.\d"
"""SVG writes numbers without what separates them: `c0 1.52-.87 3.51.98.32`."""
ADDRESSED = (
    r"(?i)(?:^|[^a-z])(?:ips?|ipv4|hosts?|hostname|servers?|name ?servers?|resolvers?|dns|addr(?:ess)?|adresse?"
    r"|adres\w?|indirizzo|dirección|endereço|ping|telnet|curl|dig|nslookup|traceroute|route[rd]?|gateway|via|netmask"
    r"|broadcast|subnet|net|network|peer|client|remote|listen\w*|bind|connect\w*|from|src|dst|source|proxy|logged|allow|deny"
    r"|mapped)(?:[^a-z]|$)|://|адрес|сервер|хост|服务器|伺服器|主机|地址|位址|サーバ|アドレス|서버|주소"
)
SENDER = r"(?i)[a-z\d-]\.[a-z]{2,} \(?\[$"
"""A host's name and the bracket before its address, as mails say who brought them: `(mx.example.org [18.29.0.27])`."""
PORT_OR_MASK = r":\d|/\d{1,2}\b|,? - - \["
REVERSE = b".in-addr.arpa"


def ips_within(data: bytes, first: int, last: int) -> list[Span]:
    """Where addresses start and end in a whole run; four numbers within an address of version 6 are a part of it."""
    colons, dots = data.count(b":", first, last) > 1, data.count(b".", first, last) > 2
    found = [*_find(data, first, last, IPV6)] if colons else []
    return in_order(data, [*found, *_find(data, first, last, IPV4)] if dots else found)


def _find(data: bytes, first: int, last: int, pattern: str) -> Iterator[Span]:
    for match in _compiled(pattern).finditer(data, first, last):
        if end := _address_end(data, match.start(), match.end()):
            yield match.start(), end


@cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern.encode())  # type: ignore[no-untyped-call]


def _address_end(data: bytes, start: int, end: int) -> int:
    """Where the public address ends that starts there; 0 where there is none, or it is a part of a longer word."""
    while data[end - 1 : end] == b"." or (data[end - 1 : end] == b":" and data[end - 2 : end] != b"::"):
        end -= 1  # the sentence's, not the address's
    is_apart = not _is_word(data[start - 1 : start]) and not _is_word(data[end : end + 1])
    if not is_apart or not (address := _public(data[start:end])):
        return 0
    return end if address.version == 6 or _is_address(data, start, end, address) else 0


def _is_word(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


def _public(candidate: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(candidate.decode())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        is_public = _is_public_v4(mapped) if mapped else _is_public_v6(address)
        return address if is_public else None
    return address if _is_public_v4(address) else None


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in network for network in SPECIAL_V4)


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    return address in GLOBAL_UNICAST and not any(address in network for network in SPECIAL_V6)


def _is_address(data: bytes, start: int, end: int, address: ipaddress.IPv4Address) -> bool:
    """Four numbers are an address unless something says otherwise; small ones only where something says so."""
    before = data[max(0, start - MAX_BEFORE) : start].rpartition(b"\n")[2]
    after = data[end : end + MAX_AFTER].partition(b"\n")[0]
    if _has(NUMBERED, before) or _has(PATH_DATA, before) or _has(PATH_DATA, after) or _begins(ARCHIVE, after):
        return False
    if max(address.packed) > MAX_SMALL and address.packed[1:] != b"\0\0\0":
        return True
    if after.startswith(REVERSE):
        return True
    if _has(NAME_BEFORE, before) or _begins(NAME_AFTER, after):
        return False
    if _has(SENDER, before) and after.startswith(b"]"):
        return True
    return str(address) in RESOLVERS or _has(ADDRESSED, before[-MAX_SPOKEN:]) or _begins(PORT_OR_MASK, after)


def _has(pattern: str, piece: bytes) -> bool:
    return _compiled(pattern).search(piece) is not None


def _begins(pattern: str, piece: bytes) -> bool:
    return _compiled(pattern).match(piece) is not None


IP_ADDRESS = Entity(
    name="IP_ADDRESS",
    about="public addresses, version 4 and 6, that are no version, section or object identifier",
    find=Pattern((HOST,), ips_within),
)
