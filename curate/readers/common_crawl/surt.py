"""Patterns of addresses, as ranges of an index that is sorted by SURT keys, and as tests of whole addresses.

"*.example.org/blog/*" ─┬▶ "org,example)/blog" … and "org,example," …      where in the index
                        └▶ a regular expression over "host/path?query"       whether it is one

Keys have the labels of the host in reverse order, no "www.", and the path in lower case (Sort-friendly URI Reordering
Transform, as the Wayback Machine canonicalizes). A range may hold more than is wanted, never less; the address itself
decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

from curate.errors import UsageError

KeyRange = tuple[bytes, bytes]
"""[first, end) of keys."""
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
WWW = re.compile(r"^www\d*\.")
PLAIN_PATH = re.compile(r"(?:/(?!\.)[A-Za-z0-9_.-]*)*?(?=/[./]|/?[^A-Za-z0-9_./-]|/?$)")
"""The beginning of a path that canonicalization leaves as it is, but for capitals."""


@dataclass(frozen=True)
class AddressPattern:
    """A host, or with a leading "*." a domain and all below it; and a path, whose "*" stand for any characters."""

    host: str
    path: str

    def ranges(self) -> Iterator[KeyRange]:
        """Where in the index its addresses stand.

        Raises:
            UsageError: anywhere.
        """
        labels = self._fixed_labels()
        if not labels:
            told = "it names no domain, so all of the index would have to be read"
            raise UsageError(f'the pattern "{self.host}{self.path}" is too wide: {told}')
        is_whole = "*" not in self.host
        path = _canonical_begin(self.path) if is_whole or self.host.startswith("*.") else ""
        # A key is without the first "www.", be it one that is fixed or one that a "*" stands for.
        for bare in {labels, WWW.sub("", labels, count=1)}:
            yield _beginning_with(f"{_reversed(bare)}){path}")
            yield _beginning_with(f"{_reversed(bare)}:")
        if not is_whole:
            yield _beginning_with(f"{_reversed(labels)},")

    def matches(self, url: str) -> bool:
        """Whether an address is one."""
        scheme = SCHEME.match(url)
        rest = url[scheme.end() :] if scheme else url
        cut = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        authority, path = rest[:cut], rest[cut:] or "/"
        host = authority.rpartition("@")[2].partition(":")[0].lower()
        return bool(self._host.fullmatch(host) and self._path.fullmatch(path if path[0] == "/" else f"/{path}"))

    def _fixed_labels(self) -> str:
        """What all hosts end with."""
        return self.host.rpartition("*")[2].partition(".")[2] if "*" in self.host else self.host

    @cached_property
    def _host(self) -> Any:
        if self.host.startswith("*."):
            return _compiled(f"(?:.*\\.)?{_star_to_regex(self.host[2:])}")
        return _compiled(_star_to_regex(self.host))

    @cached_property
    def _path(self) -> Any:
        return _compiled(f"(?s){_star_to_regex(self.path)}")


def address_pattern(text: str) -> AddressPattern:
    """
    Raises:
        UsageError: it is no address.
    """
    scheme = SCHEME.match(text)
    host, slash, path = text[scheme.end() if scheme else 0 :].partition("/")
    if not host or any(character in host for character in "?#@ "):
        raise UsageError(f'"{text}" is no pattern of addresses; one is written as "example.org/blog/*" or "*.gov/*"')
    return AddressPattern(_ascii(host.partition(":")[0].lower()), f"/{path}" if slash else "/*")


def domain_pattern(domain: str) -> AddressPattern:
    """All addresses of a domain and of those below it.

    Raises:
        UsageError: it is none.
    """
    name = domain.strip().strip(".").lower()
    if not name or any(character in name for character in "*/?#@: "):
        raise UsageError(f'"{domain}" is no domain; one is written as "example.org"')
    return AddressPattern(f"*.{_ascii(name)}", "/*")


def merged(ranges: Iterator[KeyRange]) -> list[KeyRange]:
    """Sorted, and those that overlap as one."""
    found: list[KeyRange] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise UsageError(f'"{host}" is no name of a host') from None


def _reversed(host: str) -> str:
    return ",".join(reversed(host.split(".")))


def _beginning_with(prefix: str) -> KeyRange:
    first = prefix.encode()
    return first, first[:-1] + bytes([first[-1] + 1])


def _canonical_begin(path: str) -> str:
    plain = PLAIN_PATH.match(path.partition("*")[0])
    return (plain.group() if plain else "").rstrip("/").lower()


def _compiled(pattern: str) -> Any:
    """Without backtracking, however many stars there are."""
    return re2.compile(pattern)  # type: ignore[no-untyped-call]


def _star_to_regex(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))
