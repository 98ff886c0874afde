"""Books: .txt (Project Gutenberg's framing removed), .epub and .html, alone or as members of a .tar.* or .zip.

    file ─▶ .txt            ─▶ Record "text/plain"  (str; bytes where the charset is to be guessed)
            .epub           ─▶ Record "book/html"   (the parts in reading order)
            .html .htm      ─▶ Record "book/html"   (bytes)
            .xhtml .xht     ─▶ Record "book/xhtml"  (bytes; so is what begins with "<?xml")
            .tar.* .zip     ─▶ each member as above
            anything else   ─▶ Rejected "file_type"

Ids are `source/file`, and `source/archive@member` in archives. Columns, where the book states them: `title`,
`author`, `declared_language`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from curate.batch import Pulse, Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers.archives import is_archive, members
from curate.readers.epub import is_xml, read_epub
from curate.readers.gutenberg import EmptiedBook, decode_framed, unframe
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

BOOK_SUFFIXES = (".txt", ".epub", ".html", ".htm", ".xhtml", ".xht")


def split_file(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """A book is read whole, and so is an archive: [(0, 1)]."""
    return [(0, 1)]


def read(
    range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """The books of one file: one, or as many as an archive has.

    Rejected: dropped "file_type" or "empty"; quarantined "too_big", "encrypted", "corrupt", "truncated" or "framing"
    (no text is left inside the framing of Project Gutenberg).
    """
    file, id = range.file, f"{source.name}/{range.file.name}"
    if is_archive(file.name):
        for member in members(file, id=id, wanted=_is_book, max_bytes=max_record_bytes, watch=watch):
            if isinstance(member, Rejected):
                yield member
            else:
                yield _book(member.data, member.path, id=member.id, max_bytes=max_record_bytes, pulse=watch.pulse)
    else:
        yield _read_file(file, id=id, max_bytes=max_record_bytes, watch=watch)


def own_bytes(range: FileRange) -> tuple[int, int]:
    """All of the file."""
    return 0, range.file.size


def _is_book(name: str) -> bool:
    """By its suffix; macOS puts a file of its own, "._name", beside each in an archive."""
    return name.lower().endswith(BOOK_SUFFIXES) and not name.rpartition("/")[2].startswith("._")


def _read_file(file: InputFile, *, id: str, max_bytes: int, watch: Watch) -> Record | Rejected:
    if not _is_book(file.name):
        return Rejected(id, "dropped", "file_type", file.name)
    if file.size == 0:
        return Rejected(id, "dropped", "empty")
    with watch.open(file) as raw:
        if file.name.lower().endswith(".epub"):  # may be larger than a record: most of it are pictures
            return read_epub(io.BufferedReader(raw), id=id, max_bytes=max_bytes, pulse=watch.pulse)
        if file.size > max_bytes:
            return Rejected(id, "quarantined", "too_big", f"{file.size} bytes, the limit is {max_bytes}")
        return _book(raw.read(), file.name, id=id, max_bytes=max_bytes, pulse=watch.pulse)


def _book(data: bytes, name: str, *, id: str, max_bytes: int, pulse: Pulse) -> Record | Rejected:
    suffix = name[name.rfind(".") :].lower()
    if suffix == ".epub":
        return read_epub(io.BytesIO(data), id=id, max_bytes=max_bytes, pulse=pulse)
    if suffix == ".txt":
        return _text_book(data, id=id)
    return Record(id, data, media="book/xhtml" if suffix in (".xhtml", ".xht") or is_xml(data) else "book/html")


def _text_book(data: bytes, *, id: str) -> Record | Rejected:
    text = decode_framed(data)
    if text is None:
        return Record(id, data)
    try:
        book = unframe(text)
    except EmptiedBook as error:
        return Rejected(id, "quarantined", "framing", str(error))
    if book is None:
        return Record(id, text)
    columns = {"title": book.title, "author": book.author}
    return Record(id, book.text, columns={name: value for name, value in columns.items() if value})
