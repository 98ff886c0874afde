"""Whether a value is somebody's secret, or what documentation, tests and templates have in its place.

value ─▶ a placeholder, a name, a path, an identifier of something public? ─▶ enough of entropy? ─▶ secret
"""

from __future__ import annotations

import math
import re
from collections import Counter

EXAMPLE = re.compile(
    r"(?i)example|x{5,}|\*{3,}|\.{3}|…|your[_-]|<\w+>|\$\{|\{\{|0{8,}|1234567|abcdefg|redacted|placeholder"
)
"""What keys of documentation have in them, whosever form they have: `AKIAIOSFODNN7EXAMPLE`."""
PLACEHOLDER = re.compile(
    r"(?i)sample|dummy|change_?me|replace|insert|removed|hidden|censored|todo|fixme|fake|mock|your|xxx|test|demo"
    r"|abc_?123|123_?abc|foo_?bar|hunter2|lorem|deadbeef|cafebabe|asdf|qwert|p[a@]ss_?w[o0]rd|s[e3]cr[e3]t"
)
"""What stands in values that are nobody's, besides."""
TEMPLATE = re.compile(r"[<>{}]|^\$\w+|\$[({]|%[(sd]|@@|\[\[|\(\)|^%\w+%$|^[:@]\w+")
"""Something is filled in: `<token>`, `${TOKEN}`, `{{ token }}`, `%(token)s`, `:token`."""
UUID = re.compile(r"(?i)\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?")
DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|\?\.)[A-Za-z_$][\w$]*)+(?:\(.*)?")
"""A name in code: `settings.SECRET_KEY`; of several parts, all of which are words."""
ADDRESS = re.compile(r"arn:aws[\w-]*:.*|[\w.-]+:\d{1,5}|\d{4}-\d\d-\d\d[T ]?[\d:.]*Z?(?:[+-]\d\d:?\d\d)?")
"""Of a resource, a host with its port, or a time."""
PATH = re.compile(
    r"(?:[a-z]+:)?(?:~|\.{1,2})?/[\w./@-]*|[A-Z]:\\.*|(?:[\w-]+/)+[\w.-]+\.\w{1,5}|\w+(?:[.-]\w+)*\.[a-z]{2,4}"
)
"""Of a file, or an address without anything to hide in it."""


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text.split())


PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
"""A word of a name, or a number: `passwordResetToken2`."""
PAIRS = _pairs(
    "te er re in st es at on se de le ti en or al co ra ar nt et ed ge it ma tr ta li ro me lo ec ri an io ch pa "
    "el pe as nd ct ne ng is fi ac pr si la no un ap ce ex di to ve ad ca ea fs oc om od na rt he th ic ck ns ll "
    "il mp ss ou nc rs am ty em ag id bl op gr im po ig ut ot ab ha ul da ol mi us rr ni fo cl lt mo ts ie va ke "
    "pl ef pt ue ur up ir yp ba su ee ze sh sy iz ep ld so ai tt um sc fa if ph ev be rm bu os ia lu sp qu oo ff "
    "rc ow eg tc"
)
"""Four fifths of the pairs of letters in the names of 12 projects in ten programming languages."""
RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "98765432109876543210", "qwertyuiopasdfghjklzxcvbnm")
HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
OPAQUE = re.compile(r"[A-Za-z0-9+/_.~:=-]+|[a-z0-9!@#$%^&*(_=+)-]{40,}")
"""What keys and tokens consist of; the second is Django's `SECRET_KEY`."""

MIN_RUN, MIN_VARIETY = 6, 0.25
MIN_HEX_ENTROPY, MIN_ENTROPY = 3.0, 3.3
"""Bits a character: 32 random hexadecimal digits have 3.6 on the average, 20 random letters and digits 4.1."""
MIN_TOKEN, MIN_HEX_TOKEN, MIN_PASSWORD = 16, 24, 8
MIN_PAIRS = 0.27
"""Pairs of letters that are common, for each sign: 97 % of the names of those projects have so many, and of what chance
writes in 16 to 32 letters and digits 1 to 5 %."""


def is_example(value: str) -> bool:
    """It says that it is one, or hardly changes from sign to sign."""
    return EXAMPLE.search(value) is not None or len(set(value.lower())) < min(10, MIN_VARIETY * len(value))


def is_token(value: str) -> bool:
    """A key or token without a form of its own: opaque, long, and as irregular as chance makes it."""
    if len(value) < MIN_TOKEN or not OPAQUE.fullmatch(value) or _is_placeholder(value) or _is_public(value):
        return False
    if HEX.fullmatch(value):
        return len(value) >= MIN_HEX_TOKEN and entropy(value.lower()) >= MIN_HEX_ENTROPY and not value.isdigit()
    return not _is_name(value) and entropy(value) >= MIN_ENTROPY


def is_password(value: str) -> bool:
    """What people would choose, and nobody would write as an example: signs of three kinds, digits among them, and no
    name in code; or a token."""
    if len(value) < MIN_PASSWORD or _is_placeholder(value) or _is_public(value):
        return False
    kinds = (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())
    has = sum(any(map(kind, value)) for kind in kinds)
    is_chosen = has >= 3 and any(map(str.isdigit, value)) and not re.fullmatch(r"[\w.-]+", value)
    return is_chosen or is_token(value) or (has >= 3 and not _is_name(value))


def entropy(value: str) -> float:
    """Shannon's, in bits a character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _is_placeholder(value: str) -> bool:
    """It is an example, something is filled into it, or it is a run of the alphabet, of digits, or of a keyboard."""
    plain, lower = value.replace("-", "_"), value.lower()
    if is_example(value) or PLACEHOLDER.search(plain) or TEMPLATE.search(value):
        return True
    pieces = {lower[at : at + MIN_RUN] for at in range(len(lower) - MIN_RUN + 1)}
    return any(piece in run for run in RUNS for piece in pieces)


def _is_public(value: str) -> bool:
    """An identifier, a name in code, a file: nothing that opens anything."""
    return any(form.fullmatch(value) for form in (UUID, PATH, ADDRESS)) or (
        DOTTED.fullmatch(value) is not None and _is_name(value)
    )


def _is_name(value: str) -> bool:
    """Words, with numbers and signs between them: `csrf-token-value`, `passwordResetToken`, `pbkdf2_sha256`."""
    words = [part.lower() for part in PART.findall(value)]
    pairs = sum(word[at : at + 2] in PAIRS for word in words for at in range(len(word) - 1))
    return pairs >= MIN_PAIRS * len(value)
