"""Text as a terminal may have it: what moves the cursor, turns the line around or is not seen is escaped.

text ─▶ printable ─▶ the same text, or with escapes in the place of some characters
"""

from __future__ import annotations

import unicodedata

HARMLESS = "\u200c\u200d"
"""They join and part letters in Persian, in Hindi and in emoji, and do nothing else."""


def printable(text: str, *, keep: str = "") -> str:
    """The text with everything escaped that is not seen where it stands: controls, line ends, what turns the direction
    of writing, what has no width, halves of characters, and what Unicode has not given out."""
    if text.isprintable():
        return text
    return "".join(each if is_seen(each) or each in keep else _escape(each) for each in text)


def is_seen(character: str) -> bool:
    return character.isprintable() or character in HARMLESS or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
