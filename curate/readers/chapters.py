"""A book's text in pieces: its chapters, or runs of about so many words that end where a paragraph does.

    text ─▶ headings on lines of their own ─▶ chapters, each with its heading      text ─▶ paragraphs ─▶ runs of them

Nothing is lost: the pieces, one behind the other, are the text. Headings are known in the languages of Europe; a book
without any is one piece.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache

WORDS = (
    "chapters?|books?|parts?|volumes?|acts?|scenes?|cantos?|letters?|kapitel|teil|buch|band|akt|aufzug|szene|brief"
    "|chapitres?|livres?|parties?|tomes?|actes?|scènes?|lettres?|capítulos?|capitulos?|libros?|partes?|capitoli|capitolo"
    "|libro|atto|scena|hoofdstuk|deel|boek|capítol|kapitola|rozdział|rozdzial|księga|fejezet|luku|глава|часть|книга|том"
)
NUMBER = r"(?:[IVXLCDM]+|\d{1,3}|[A-Z])\b"
ORDINAL = (
    "the|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|one|two|three|four|five|six|seven|eight"
    "|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|premi[eè]re?|second[eo]?|troisi[eè]me|primero?|prima|primo|segund[oa]|terzo|terza|перв\w+|втор\w+|треть\w+"
)
ALONE = "prologue|prolog|prólogo|epilogue|epilog|épilogue|preface|foreword|introduction|vorwort|einleitung|préface"
HEADING = (
    rf"^[ \t*_]*(?:(?:{WORDS})[ \t]+(?-i:{NUMBER})|(?:{WORDS})[ \t]+(?:{ORDINAL})\b"
    rf"|(?:\w+(?:es|er|te|ter|tes))[ \t]+(?:kapitel|buch|teil|akt|aufzug)\b|\d{{1,3}}\.[ \t]+(?:kapitel|teil|buch)\b"
    rf"|(?:{ALONE})\b)[^\n]{{0,80}}$"
)
MIN_CHAPTER_CHARACTERS = 200  # a heading under a heading, or a line of a table of contents, is no chapter
PARAGRAPH_END = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
WORD = re.compile(r"\S+")


@cache
def _heading() -> re.Pattern[str]:
    """Compiled where there is a book: it takes longer than any other expression."""
    return re.compile(HEADING, re.MULTILINE | re.IGNORECASE)


def split_chapters(text: str) -> list[str]:
    """Pieces that begin with a heading, the first with whatever stands in front of it."""
    starts = [0, *(match.start() for match in _heading().finditer(text) if _stands_alone(text, match)), len(text)]
    pieces: list[str] = []
    held = ""
    for start, end in itertools.pairwise(starts):
        held += text[start:end]
        if len(held.strip()) >= MIN_CHAPTER_CHARACTERS:
            pieces.append(held)
            held = ""
    return _with_rest(pieces, held)


def split_words(text: str, words: int) -> list[str]:
    """Pieces of whole paragraphs, of at least so many words each; a last one of less than half is the end of the one
    before."""
    pieces: list[str] = []
    begin = count = 0
    for start, end in _paragraphs(text):
        count += sum(1 for _ in WORD.finditer(text, start, end))
        if count >= words:
            pieces.append(text[begin:end])
            begin, count = end, 0
    if 2 * count >= words:
        return [*pieces, text[begin:]]
    return _with_rest(pieces, text[begin:])


def _stands_alone(text: str, heading: re.Match[str]) -> bool:
    """A blank line is in front of it, or nothing is; so it is no part of a paragraph."""
    before = text[max(heading.start() - 100, 0) : heading.start()]
    return not before.strip(" \t\n\f") or before.rstrip(" \t\f")[-2:] == "\n\n" or before.endswith("\f")


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Each with the blank lines behind it."""
    ends = [match.end() for match in PARAGRAPH_END.finditer(text)]
    return itertools.pairwise([0, *(end for end in ends if end < len(text)), len(text)])


def _with_rest(pieces: list[str], rest: str) -> list[str]:
    return [*pieces[:-1], pieces[-1] + rest] if pieces else [rest]
