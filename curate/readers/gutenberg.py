"""Project Gutenberg's framing: the header, the credits and the license that stand around a book are cut away.

    1991–2000   header · ***START**THE SMALL PRINT … *END* · BOOK · End of The Project Gutenberg Etext …
    2001–2003   header · (*** START OF …) · BOOK · *** END OF … · ***START**THE SMALL PRINT … *END*
    since       header · *** START OF … *** · credits · BOOK · *** END OF … *** · license

                text ─▶ marks, in their order ─▶ stretches between them: framing, or a body ─▶ Unframed

Marks are told in English, German, French and their neighbors. No framing is longer than `MAX_FRAMING`: what is, is
text, so that a mark in the wrong place never costs a book.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from curate.errors import CurateError

MAX_FRAMING = 60_000  # characters; the longest old header with its small print is a third of this, the license, too
MAX_TRAILER = 1_000  # behind the small print at the end of a file
MAX_GAP = 3  # short paragraphs of a header that say nothing of the project: a title, a name, a date
MAX_GAP_CHARACTERS = 200

PROJECT = r"(?:Project|Projekt|Projet|Projeto|Projecto|Proyecto|Progetto)[ \t-]+Gutenberg"
START_WORD = r"(?:START|BEGIN\w*|ANFANG|D[ÉE]BUT|INICIO|COMIENZO|INIZIO|IN[ÍI]CIO)"
END_WORD = r"(?:END|ENDE|FIN|FINE|FIM|EINDE|SLUT)"
LAST_WORD = r"(?-i:End|END|Ende|ENDE|Fine?|FINE?|Fim|FIM|Einde|EINDE|Slut)"  # with a capital: it opens a sentence
MARK = re.compile(
    rf"""
    ^[ \t]*(?:
      (?P<start>\*{{3}}[ \t]?{START_WORD}\b[^*\n]{{0,80}}{PROJECT}(?:[^*]{{0,500}}\*{{3}})?[^\n]*$)
    | (?P<small_start>\*+(?:START)?\**[ \t]*(?:THE[ ])?(?:LEGAL[ ])?SMALL[ ]PRINT\b[^\n]*$)
    | (?P<small_end>\*END[* ][ \t]?(?:OF[ ])?THE[ ]SMALL[ ]PRINT\b[^\n]*$)
    | (?P<end>\*{{3}}[ \t]?{END_WORD}\b[^*\n]{{0,80}}{PROJECT})
    )
    | ^[ \t]*(?P<last>{LAST_WORD}\b
      (?: [^\n]{{0,60}}?{PROJECT}(?:['’]s\b|[ \t]+E-?(?:text|book)) | [ ]dieses[ ]E-?(?:text|book)es\b
    ))
    | (?<=\n\n)[ \t]*(?P<paragraph>{LAST_WORD}\b[^\n]{{0,60}}?{PROJECT})
    """,
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
HEADER_SIGN = re.compile(
    r"^(?:Title|Release Date|Posting Date):|\[E-?(?:text|book) ?#|Gutenberg(?:['’]s)? E-?(?:text|book) of\b"
    r"|should be the first thing seen",
    re.MULTILINE | re.IGNORECASE,
)
OF_HEADER = re.compile(
    r"Gutenberg|\bE-?(?:text|book)s?\b|\bdonations?\b|Copyright laws are changing|^[ \t]*\*{2,}[^\n]*[a-z]{4}"
    r"|^(?:Title|Subtitle|Author|Editor|Translator|Illustrator|Contributor|Release Date|Posting Date|Last Updated|"
    r"Edition|Language|Character set encoding)[ \t]*:",
    re.MULTILINE | re.IGNORECASE,
)
CREDITS = re.compile(
    r"\s*\[?(?:(?:Produced|Scanned|Proofread|E-?text prepared|Transcribed|HTML version|"
    r"(?:This|The) (?:Project Gutenberg )?(?:e-?text|e-?book|file|edition) was"
    r" (?:produced|prepared|scanned|transcribed))"
    r" (?:by|from)\b|Dieses Buch wurde uns freundlicherweise vom)(?:[^\n]+(?:\n|$))+",
    re.IGNORECASE,
)
PARAGRAPH = re.compile(r"(?:[ \t]*\S[^\n]*(?:\n|\Z))+")
FIELD = re.compile(r"^(Title|Author):[ \t]*(\S[^\n]*(?:\n[ \t]+\S[^\n]*)*)", re.MULTILINE)
CHARSET = re.compile(rb"Character set encoding:[ \t]*([\w.:-]+)", re.IGNORECASE)


class EmptiedBook(CurateError):
    """Between the marks of the framing stands nothing: they are not what they seem, and the book is set aside."""


class Unframed(NamedTuple):
    """A book without its framing; title and author as its header states them, where it does."""

    text: str
    title: str | None
    author: str | None


class _Mark(NamedTuple):
    kind: str
    """"start" and "end" of the book; "small_start" and "small_end" of the small print."""
    start: int
    end: int


def unframe(text: str) -> Unframed | None:
    """The book inside the framing, or None where there is none.

    Line ends become "\\n". Several books one behind the other, each in its framing, become one text.

    Raises:
        EmptiedBook: the framing is there, and no text inside it.
    """
    if "Gutenberg" not in text and "GUTENBERG" not in text:  # ten times as fast as the patterns
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    marks = [_mark(match) for match in MARK.finditer(text)]
    length = _trailing_small_print(text, marks)
    stretches = list(_bodies(text[:length], [mark for mark in marks if mark.start < length]))
    if stretches == [(0, len(text))]:
        return None
    body = "\n\n".join(filter(None, (_without_credits(text[start:end]).strip("\n") for start, end in stretches)))
    if not body.strip():
        raise EmptiedBook("nothing stands between Project Gutenberg's markers")
    header = text[: stretches[0][0]]
    fields = {name: " ".join(value.split()) for name, value in FIELD.findall(header)}
    return Unframed(body + "\n", fields.get("Title"), fields.get("Author"))


def decode_framed(data: bytes) -> str | None:
    """Text of a book: UTF-8, else, where the header says so or a marker shows that it is one of theirs, as it
    declares or windows-1252 (their old texts are Latin). None: the charset is to be guessed by others, as where zeros
    or escapes show that valid UTF-8 is none (UTF-16, ISO-2022)."""
    if b"\0" in data or b"\x1b" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    declared = CHARSET.search(data[:MAX_FRAMING])
    text = _decode(data, declared.group(1).decode() if declared else "windows-1252")
    return text if declared or _is_framed(text) else None


def _is_framed(text: str) -> bool:
    try:
        return unframe(text) is not None
    except EmptiedBook:
        return True


def _mark(match: re.Match[str]) -> _Mark:
    kind = "end" if match.lastgroup in ("last", "paragraph") else str(match.lastgroup)
    return _Mark(kind, *match.span())


def _trailing_small_print(text: str, marks: list[_Mark]) -> int:
    """Where it begins, or the length of the text. From 2001 to 2003 the small print stood at the end of the file,
    before that at the beginning."""
    if not marks or marks[-1].kind != "small_end":
        return len(text)
    before = [mark for mark in marks if not mark.kind.startswith("small")]
    print_starts = [mark.start for mark in marks if mark.kind == "small_start"]
    rest = text[marks[-1].end :]
    is_trailer = not rest.strip("\x1a \n") or (before and before[-1].kind == "end" and len(rest) <= MAX_TRAILER)
    behind = max((mark.end for mark in before), default=0)
    return next((start for start in print_starts if is_trailer and start > behind), len(text))


def _bodies(text: str, marks: list[_Mark]) -> Iterator[tuple[int, int]]:
    """Stretches that are no framing, at least one; it may be empty."""
    state: Literal["header", "body", "trailer"] = "header"
    begin, is_found = 0, False
    for mark in marks:
        if mark.kind == "small_start" and state != "body":
            continue  # a part of the framing that is open already
        opens = mark.kind in ("start", "small_end")
        is_framing = state == "trailer" or (state == "header" and opens)
        if not is_framing or mark.start - begin > MAX_FRAMING:
            yield begin + (_header_length(text[begin : mark.start]) if state == "header" else 0), mark.start
            is_found = True
        state, begin = ("body" if opens else "trailer"), mark.end
    if state == "header":
        yield _header_length(text), len(text)
    elif state == "body" or len(text) - begin > MAX_FRAMING or not is_found:
        yield begin, len(text)


def _header_length(text: str) -> int:
    """Where a header without a start marker ends: behind the last paragraph that speaks of the project or is a field
    of its own. Body paragraphs, which are long or many, end it."""
    if "Gutenberg" not in text[:2000] or not HEADER_SIGN.search(text[:2000]):
        return 0
    end = gap = 0
    for paragraph in PARAGRAPH.finditer(text, 0, MAX_FRAMING):
        if OF_HEADER.search(paragraph[0]):
            end, gap = paragraph.end(), 0
        else:
            gap += 1
            if gap > MAX_GAP or len(paragraph[0]) > MAX_GAP_CHARACTERS:
                break
    return end


def _without_credits(body: str) -> str:
    while credits := CREDITS.match(body):
        body = body[credits.end() :]
    return body


def _decode(data: bytes, charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = "cp1252"
    if name in ("ascii", "utf-8", "iso8859-1"):
        name = "cp1252"  # a wrong claim for the first two; for Latin-1 the superset that is meant
    try:
        return data.decode(name)
    except (UnicodeDecodeError, LookupError):  # a codec of Python's that gives no text is no charset either
        return data.decode("latin-1")
