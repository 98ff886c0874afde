"""What an entity of personal data must answer: it is one object, and a row of `curate.scrub.entities`.

text ─▶ Entity.find(text) ─▶ spans ─▶ its mark in their place
        Pattern: one scan finds the candidates of all, and its check looks at these alone
        Recognizer: Presidio finds it, with others
        Labels: a model of language finds it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

Find = Callable[[str], Iterable[tuple[int, int]]]
"""From a text to where findings start and end in it, in characters."""
Check = Callable[[bytes, int, int], Iterable[tuple[int, int]]]
"""From a text in UTF-8, and where a candidate starts and ends in it, to where findings do, in bytes and in order."""


@dataclass(frozen=True, slots=True)
class Recognizer:
    """One of Presidio's, by the name of its class: by patterns and checksums, as others need a language model."""

    name: str
    has_digit: bool = True
    """Whether a finding has a digit in it; texts without one are not looked at, then."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Candidates of some shapes that `curate.scrub.scan.texts` finds in a batch, and what of them counts."""

    shapes: tuple[int, ...]
    check: Check
    sizes: tuple[int, ...] = ()
    """How long those are that are DIGITS or CODE."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What models of spaCy call it; the recipe says which model is asked."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One kind of personal data, and what finds it."""

    name: str
    """In capitals; documents have a count `pii_<name in small letters>`."""
    about: str
    """What counts as one, as docs/scrub.md says it."""
    find: Find | Pattern | Recognizer | Labels
    can_hold: str = ""
    """A regular expression that every text with such an entity matches; the others are not looked at."""
    replacement: str = ""
    """What stands in its place; by default its name in angle brackets."""
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    """Where `find` is called: a user's function may import what lies beside it."""

    @property
    def engine(self) -> Literal["patterns", "presidio"]:
        return "presidio" if isinstance(self.find, Recognizer | Labels) else "patterns"

    @property
    def mark(self) -> str:
        return self.replacement or f"<{self.name}>"

    @property
    def column(self) -> str:
        return f"pii_{self.name.lower()}"
