"""E-mail addresses, and not the other things that have an `@` and a dot in them.

run around an `@` ─▶ RE2: some@thing.some ─▶ ends in a top-level domain? ─▶ no specifier, file name or code? ─▶ Entity

Everything behind RE2 looks at candidates only, and at no more than a line's piece around one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import re2

from curate.scrub.entity import Entity, Pattern
from curate.scrub.scan.shapes import MAIL
from curate.scrub.spans import Span

SPACED = (
    r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Arabic}\p{Devanagari}\p{Bengali}\p{Gujarati}"
    r"\p{Gurmukhi}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Ethiopic}\p{M}0-9"
)
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々0-9"
CANDIDATE = (
    rf"(?:[{SPACED}_%+~-][{SPACED}_%+~$-]*(?:[.'][{SPACED}_%+~$-]+)*|[{UNSPACED}]+)\\?@"
    rf"(?:(?:[{SPACED}][{SPACED}-]*\.)+[{SPACED}-]*\p{{L}}[{SPACED}]+"
    rf"|(?:[{SPACED}{UNSPACED}][{SPACED}{UNSPACED}-]*\.)+(?:[a-zA-Z]{{2,}}|[{UNSPACED}]{{2,}}))"
)
"""Local part and domain in letters of any script, after RFC 6531 without its rare characters; `\\@` is Perl's. A `$`
begins a variable, so no address does.

Scripts that put no spaces between words stand apart: an address in Latin letters ends where Chinese, Japanese, Korean
or Thai text is glued to it.
"""


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


TOP_LEVEL_DOMAINS = Path(__file__).parent / "domains" / "tlds-alpha-by-domain.txt"
GENERIC = _names("com org net edu gov info")
"""What ends in one of these, with a capital after it, is a word glued to an address: `jane@example.comTel`."""
FILE_SUFFIXES = _names(
    "ai app as bz cc cl do id im in ink int is it java la md me mk ml mm mo ms name one pl pm prof ps pub py rs sc"
    " sh so st tf to vi"
)
"""Domains that name files or attributes as well: where the line is code, an address needs evidence."""
NEVER_MAIL = _names(
    "bar cab call cat data docs dot foo group host link map mov next now open read run select style target zip"
)
"""Domains with hardly a mailbox, whose names are attributes and files: an address needs evidence anywhere."""
SECOND_LEVELS = _names("ac co com edu gob gov mil net nic or org")

RETIRED = _names("an bitnet tp um uucp yu zr")
"""What texts from before 2015 have in addresses, and the root no longer."""

SERVICES = _names("git hg")
"""Accounts of hosts, as in `git@host:path`; as somebody's mailbox they need evidence."""
QUALIFIED = _names("return super this")
"""Kotlin's words before the `@` of `this@Type.member`."""
ALGORITHMS = _names("openssh.com libssh.org lysator.liu.se")
"""Whoever adds an algorithm to SSH names it `name@domain` (RFC 4251 §6): `curve25519-sha256@libssh.org`."""
FILE_WORDS = _names(
    "app bg build config dev docs icon image img index init install latest lib logo main master module next package"
    " readme run script setup src test tests utils"
)

RETURN_PATH = re.compile(
    rb"(?<![\w.+%~=@$-])(?:(?<=<)|(?=[^=]*(?:\d|bounce|errors|owner|prvs|request|return)))[\w.+%~-]*[+-][\w.+%~-]*=$"
)
"""What stands before `jane=example.org` in the address that a list sends from, to learn whom it cannot reach."""
MAX_RETURN_PATH = 100

MAX_LINE = 60
"""How many bytes before and after a candidate are looked at."""
SPOKEN_OF = re.compile(
    r"mail|(?<![a-z])(?:contact|kontakt|correo|courriel|author|maintainer|copyright|signed-off|reported|written"
    r"|write to|send|by|from:|to:|todo|fixme|user|login|owner|account|recipient|sender)"
    r"|\(c\)|©|адрес|почт|пошт|poczt|pošt|posta|邮箱|郵箱|メール|메일",
    re.IGNORECASE,
)
CODE = re.compile(
    r"[{}`\\]|\$\w|;\s*$|[=!<>]=|=>|->|::|<-|\w\(|\w=\w|\w = |#include|\b(?:import|def|fn|func|const|let|var) ",
)
VERSION = re.compile(r"v?\d+\.\d+(?:\.|$)")
DENSITY = re.compile(r"\d+(?:\.\d+)?x\.")


def emails_within(data: bytes, first: int, last: int) -> Iterator[Span]:
    """Where addresses start and end in a part of a text that ends where no address goes on.

    Of `a@b.js@example.org`, what is behind the first `@` is tried as well.
    """
    pattern, at = _pattern(), first
    while data.find(b"@", at, last) >= 0 and (found := pattern.search(data, at, last)):
        start, end = found.span()
        sign = data.index(b"@", start)
        domain = _domain(data[sign + 1 : end].decode())
        at = sign + 1 + len(domain.encode())
        if domain and _is_address(data, start, sign, at, domain):
            yield _whole_start(data, start, sign), at
        else:
            at = sign + 1 if data[end : end + 1] == b"@" else end


def _whole_start(data: bytes, start: int, sign: int) -> int:
    """Where an address begins that has another in it: `list-bounce-7-jane=example.org@lists.example.net`."""
    local = data[start:sign].decode()
    if data[start - 1 : start] != b"=" or "." not in local or _domain(local) != local:
        return start
    low = max(0, start - MAX_RETURN_PATH)
    found = RETURN_PATH.search(data[low:start])
    return low + found.start() if found else start


@cache
def _pattern() -> Any:
    return re2.compile(CANDIDATE.encode())  # type: ignore[no-untyped-call]


def _domain(name: str) -> str:
    """As much of a name as ends in a top-level domain: `example.org` of `example.org.Then`; "" if nothing does.

    A last label without any Latin letter counts even if it is not on the list: code and file names have none.
    """
    labels = name.split(".")
    ends = [
        (number, known) for number in range(1, len(labels)) if (known := _top_level(*labels[number - 1 : number + 1]))
    ]
    if not ends:
        return "" if any(map(str.isascii, labels[-1])) else name
    number, known = ends[-1]
    if len(ends) > 1 and ends[-2][0] == number - 1 and labels[number].istitle() and not labels[number - 1].istitle():
        number, known = ends[-2]  # the next sentence begins with "It" or "In", and a space is missing
    return ".".join([*labels[:number], known])


def _top_level(second: str, label: str) -> str:
    """The top-level domain that a label is, or that it begins with where something is glued to it; else ""."""
    lower = label.lower()
    if lower in _top_levels():
        return label
    head = re.match(r"[a-z]+(?=-|[A-Z])", label)
    if (
        head
        and head[0] in _top_levels()
        and (label[head.end()] == "-" or head[0] in GENERIC or second in SECOND_LEVELS)
    ):
        return head[0]
    if label.isascii() or label[0].isascii():
        return ""
    longest = max(map(len, _unspaced()))
    return next((label[:size] for size in range(longest, 1, -1) if lower[:size] in _unspaced()), "")


@cache
def _top_levels() -> frozenset[str]:
    """All names, in small letters, and those in Punycode in their own letters as well."""
    lines = TOP_LEVEL_DOMAINS.read_text(encoding="ascii").lower().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    return RETIRED.union(names) | {name[4:].encode().decode("punycode") for name in names if name.startswith("xn--")}


@cache
def _unspaced() -> frozenset[str]:
    """Names in scripts without spaces, to which the rest of a sentence may be glued."""
    pattern = re2.compile(f"[{UNSPACED}]+")  # type: ignore[no-untyped-call]
    return frozenset(name for name in _top_levels() if not name.isascii() and pattern.fullmatch(name))


def _is_address(data: bytes, start: int, sign: int, end: int, domain: str) -> bool:
    local = data[start:sign].decode().rstrip("\\")
    if local in QUALIFIED or not any(map(str.isalnum, local)) or VERSION.match(domain):
        return False
    if local in SERVICES:
        return data[end : end + 1] not in (b":", b"/") and _has_evidence(data, start, end, domain)
    if domain in ALGORITHMS:
        return not any(map(str.isdigit, local)) and local != "zlib"
    top = domain.rsplit(".", 1)[1].lower()
    if top in NEVER_MAIL:
        return _has_evidence(data, start, end, domain)
    is_called = data[end : end + 1] == b"(" and len(top) > 2 and top not in GENERIC
    if top in FILE_SUFFIXES or is_called:
        return _has_evidence(data, start, end, domain) or not _is_code(data, start, end, local, domain)
    return True


def _has_evidence(data: bytes, start: int, end: int, domain: str) -> bool:
    """It is written as an address is, the line speaks of one, or the domain has a registry's second level."""
    if data[start - 1 : start] == b"<" and data[end : end + 1] == b">":
        return True
    labels = domain.lower().split(".")
    before, _ = _line(data, start, end)
    return (len(labels) > 2 and labels[-2] in SECOND_LEVELS) or bool(SPOKEN_OF.search(before))


def _is_code(data: bytes, start: int, end: int, local: str, domain: str) -> bool:
    """It is called, indexed or in a path, its names are a file's or an operand's, or the line is a line of code."""
    name = domain.rsplit(".", 1)[0].lower()
    is_path = data[start - 1 : start] in (b"/", b"\\") and data[start - 2 : start - 1] != b"/"
    if is_path or data[end : end + 1] in (b"(", b"[") or min(len(local), len(name)) == 1:
        return True
    if DENSITY.match(domain) or not FILE_WORDS.isdisjoint((local.lower(), name)):
        return True
    return any(CODE.search(side) for side in _line(data, start, end))


def _line(data: bytes, start: int, end: int) -> tuple[str, str]:
    """What stands before and after a candidate on its line, a piece of each."""
    before = data[max(0, start - MAX_LINE) : start].rpartition(b"\n")[2]
    after = data[end : end + MAX_LINE].partition(b"\n")[0]
    return before.decode(errors="ignore"), after.decode(errors="ignore")


EMAIL_ADDRESS = Entity(
    name="EMAIL_ADDRESS",
    about="`something@some.domain` in letters of any script, under a top-level domain that exists",
    find=Pattern((MAIL,), emails_within),
)
