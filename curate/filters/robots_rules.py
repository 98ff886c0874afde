"""What a robots.txt allows whom, as RFC 9309 has it: groups by user agent, the longest rule that matches decides.

text ─▶ parse_robots ─▶ agent ─▶ rules      "/a?b=c" ─▶ refused_agents ─▶ ["gptbot"]
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

EVERYBODY = "*"
MAX_RULES = 50_000
"""Of one file: more are no statement that anybody reads."""
LINE = re.compile(r"\s*([A-Za-z-]+)\s*:\s*([^#]*)")
PRODUCT = re.compile(r"[^\s/;]+")
UNRESERVED = frozenset(f"{string.ascii_letters}{string.digits}-._~")
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
SAFE = "/?=&;:@!$'()*+,~%[]#-._"
"""Left as they are when paths are brought to one form; all else is written in percents."""


class PathRule(NamedTuple):
    """`pieces` are what stands between the "*" of its path."""

    allows: bool
    length: int
    pieces: tuple[str, ...]
    is_end: bool

    def matches(self, path: str) -> bool:
        """Whether a path, in the one form, begins as the rule says; in time linear in the path for each piece."""
        first, *rest = self.pieces
        if not path.startswith(first):
            return False
        if not rest:
            return not self.is_end or len(path) == len(first)
        at = len(first)
        for piece in rest[:-1]:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        last = rest[-1]
        return path.endswith(last) and len(path) - len(last) >= at if self.is_end else path.find(last, at) >= 0


Groups = Mapping[str, tuple[PathRule, ...]]
"""By user agent in small letters, the rules of all its groups, the longest first and of equals those that allow."""


@lru_cache(maxsize=4096)
def parse_robots(text: str) -> Groups:
    """Lines that are no rule, and keys that nobody knows, are passed over, as crawlers do."""
    found: dict[str, list[PathRule]] = {}
    agents: list[str] = []
    has_rules, count = False, 0
    for line in text.removeprefix("\ufeff").splitlines():
        key, value = _line(line)
        if key == "user-agent":
            agents = [] if has_rules else agents
            has_rules = False
            agents.append(_agent(value))
            found.setdefault(agents[-1], [])
        elif key in ("allow", "disallow"):
            has_rules = True
            count += 1
            if value and count <= MAX_RULES:
                rule = _rule(value, allows=key == "allow")
                for agent in agents:
                    found[agent].append(rule)
    return {agent: tuple(sorted(rules, key=_precedence)) for agent, rules in found.items()}


def _precedence(rule: PathRule) -> tuple[int, bool]:
    return -rule.length, not rule.allows


def refused_agents(text: str, path: str, agents: Sequence[str]) -> list[str]:
    """Of crawlers, by their names in small letters, those that may not fetch a path with its query."""
    groups, plain = parse_robots(text), normal_path(path)
    named = {group: _allows(rules, plain) for group, rules in groups.items() if group in (EVERYBODY, *agents)}
    return [agent for agent in agents if not named.get(agent, named.get(EVERYBODY, True))]


def _allows(rules: Sequence[PathRule], path: str) -> bool:
    return next((rule.allows for rule in rules if rule.matches(path)), True)


def normal_path(path: str) -> str:
    """Letters, digits and "-._~" as they are, all beyond ASCII in percents, percents in capitals: so paths and rules of
    any spelling can be compared."""
    if path.isascii() and "%" not in path and " " not in path:
        return path
    return ENCODED.sub(_normal_percent, quote(path, safe=SAFE))


def _normal_percent(match: re.Match[str]) -> str:
    character = chr(int(match.group()[1:], 16))
    return character if character in UNRESERVED else match.group().upper()


def _line(line: str) -> tuple[str, str]:
    match = LINE.match(line)
    return (match[1].lower(), match[2].strip()) if match else ("", "")


def _agent(value: str) -> str:
    """The product's name: "GPTBot/1.2" is "gptbot"."""
    name = PRODUCT.match(value)
    return name.group().lower() if name else ""


def _rule(value: str, *, allows: bool) -> PathRule:
    path = normal_path(value)
    body = path.removesuffix("$")
    return PathRule(allows, len(path), tuple(re.sub(r"\*+", "*", body).split("*")), body != path)
