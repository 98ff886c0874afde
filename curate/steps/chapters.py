"""The records of a split as the steps get them; books in pieces, each extracted whole and then cut as the source asks.

FileRange ─▶ reader ─▶ Record ─▶ text (charset, mark-up, framing) ─▶ chapters, or runs of words ─▶ Record "…#chapter-1"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, Split
from curate.readers.chapters import split_chapters, split_words
from curate.readers.inputs import read_range, reader_of
from curate.readers.reader import Reader
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Recipe, Source
from curate.steps.extract import PART_END, extract_book


def read_split(split: Split, source: Source, recipe: Recipe) -> Iterator[Record | Rejected]:
    """All records of a split, in order.

    Raises:
        RunConflict: an input is not the one that was planned.
    """
    reader = reader_of(source, recipe)
    for piece in split.ranges:
        yield from read_piece(reader, piece, source, recipe)


def read_piece(
    reader: Reader,
    piece: FileRange,
    source: Source,
    recipe: Recipe,
    *,
    watch: Watch = UNWATCHED,
) -> Iterator[Record | Rejected]:
    """All records of a file, or of a range of it, in order; the reader pulses while it works on a long one.

    Raises:
        RunConflict: the input is not the one that was planned.
    """
    found = read_range(reader, piece, source, recipe.limits.max_record_bytes, watch=watch)
    yield from split_books(found, source) if source.split else found


def split_books(found: Iterator[Record | Rejected], source: Source) -> Iterator[Record | Rejected]:
    """Pieces are numbered from 1, in their order; those without any text are none."""
    for item in found:
        if isinstance(item, Rejected) or source.split is None:
            yield item
        else:
            yield from _pieces(item, source)


def _pieces(record: Record, source: Source) -> Iterator[Record | Rejected]:
    row = extract_book(record)
    text = row.get("text")
    if text is None:
        yield Rejected(record.id, row["outcome"], row["reason"], row["value"], record.url)
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
