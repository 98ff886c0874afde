"""A source of books in pieces: each book extracted as a whole, and then cut as its source asks.

Record ─▶ text (charset, mark-up, framing) ─▶ chapters, or runs of words ─▶ Record "source/file#chapter-1", …
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from curate.batch import Lost, Record
from curate.passes.extract import PART_END, extract_book
from curate.readers.chapters import split_chapters, split_words
from curate.recipe import Source


def split_books(found: Iterator[Record | Lost], source: Source) -> Iterator[Record | Lost]:
    """Pieces are numbered from 1, in their order; those without any text are none."""
    for item in found:
        if isinstance(item, Lost) or source.split is None:
            yield item
        else:
            yield from _pieces(item, source)


def _pieces(record: Record, source: Source) -> Iterator[Record | Lost]:
    row = extract_book(record)
    text = row.get("text")
    if text is None:
        yield Lost(record.id, row["outcome"], row["reason"], row["value"], record.url)
        return
    name = "chapter" if source.split == "chapters" else "part"
    pieces = filter(str.strip, _cut(text, source))
    for number, piece in enumerate(pieces, 1):
        yield replace(record, id=f"{record.id}#{name}-{number}", payload=piece.strip("\n") + "\n", media="text/plain")


def _cut(text: str, source: Source) -> list[str]:
    """An EPUB tells its chapters itself: the parts of its spine."""
    if source.split == "chapters":
        return text.split(PART_END) if PART_END in text else split_chapters(text)
    return split_words(text.replace(PART_END, "\n\n"), source.split_words)
