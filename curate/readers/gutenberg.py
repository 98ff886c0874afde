"""Project Gutenberg's framing: the header, the credits and the licence that stand around a book are cut away.

    header · *** START OF THE PROJECT GUTENBERG EBOOK … *** · credits · BOOK · *** END OF … *** · licence

The markers changed over the years; the patterns cover those of 1991 ("small print") to today's.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

HEADER_CHARACTERS = 60_000  # the longest old header with its small print is a third of this
START = re.compile(
    r"^[ \t]*\*{3}[ \t]?START OF (?:THE|THIS) PROJECT GUTENBERG[^*]{0,500}\*{3}[^\n]*$"
    r"|^[ \t]*\*END[* ][ \t]?THE SMALL PRINT![^\n]*\*END\*[^\n]*$",
    re.MULTILINE | re.IGNORECASE,
)
END = re.compile(
    r"^[ \t]*\*{3}[ \t]?END OF (?:THE|THIS) PROJECT GUTENBERG"
    r"|^[ \t]*End of (?:The |This )?Project Gutenberg(?:['’]s)?[ \t]",
    re.MULTILINE | re.IGNORECASE,
)
CREDITS = re.compile(
    r"\s*\[?(?:Produced|E-?text prepared|This e?-?(?:text|book) was (?:produced|prepared)|Transcribed) (?:by|from)\b"
    r"(?:[^\n]+(?:\n|$))+",
    re.IGNORECASE,
)
FIELD = re.compile(r"^(Title|Author):[ \t]*(\S[^\n]*(?:\n[ \t]+\S[^\n]*)*)", re.MULTILINE)
CHARSET = re.compile(rb"Character set encoding:[ \t]*([\w.:-]+)", re.IGNORECASE)


class Unframed(NamedTuple):
    """A book without its framing; title and author as its header states them, where it does."""

    text: str
    title: str | None
    author: str | None


def unframe(text: str) -> Unframed | None:
    """The book inside the framing, or None where no start or end marker is found.

    Line ends become "\\n". Of several start markers in the header the last counts, of several ends the first.
    """
    if "Gutenberg" not in text and "GUTENBERG" not in text:  # ten times as fast as the patterns
        return None
    text = text.replace("\r\n", "\n")
    starts = [match.end() for match in START.finditer(text, 0, HEADER_CHARACTERS)]
    start = max(starts, default=0)
    end = END.search(text, start)
    if not starts and end is None:
        return None
    body = text[start : end.start() if end else len(text)]
    if credits := CREDITS.match(body):
        body = body[credits.end() :]
    fields = {name: " ".join(value.split()) for name, value in FIELD.findall(text[:start])}
    return Unframed(body.strip("\n") + "\n", fields.get("Title"), fields.get("Author"))


def decode_framed(data: bytes) -> str | None:
    """Text of a book: UTF-8, else, where the header says so or a marker shows that it is one of theirs, as it
    declares or windows-1252 (their old texts are Latin). None: the charset is to be guessed by others."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    declared = CHARSET.search(data[:HEADER_CHARACTERS])
    text = _decode(data, declared.group(1).decode() if declared else "windows-1252")
    return text if declared or unframe(text) else None


def _decode(data: bytes, charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = "cp1252"
    if name in ("ascii", "utf-8", "iso8859-1"):
        name = "cp1252"  # a wrong claim for the first two; for Latin-1 the superset that is meant
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return data.decode("latin-1")
