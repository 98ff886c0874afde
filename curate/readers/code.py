"""Source code: files of folders, and members of .tar.* and .zip archives; each is a document with its license.

    file ─▶ may its name be code? ─▶ binary? ─▶ charset as declared ─▶ language (name, content) ─▶ license ─▶ Record

Ids are `source/file`, and `source/archive@path` in archives. Columns: `programming_language` (GitHub Linguist's
name) and `license` (an SPDX expression, or null where no license text is recognized).
"""

from __future__ import annotations

import codecs
import functools
from collections import deque
from collections.abc import Callable, Iterator

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers.archives import ArchiveMember, Aside, is_archive, members
from curate.readers.declared import declared_charset
from curate.readers.languages import language_of, may_be_code
from curate.readers.licenses import (
    MAX_LICENSE_BYTES,
    folder_licenses,
    is_license_name,
    license_in,
    local_license,
    nearest_license,
)
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

HEAD_BYTES = 8192
VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", "CVS"))
CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\v\f\r\x1b"})
MAX_CONTROL_SHARE = 0.01
HELD_BYTES = 64 << 20
"""Of the members of an archive, while its licenses are looked for."""
MEMBER_BYTES = 1 << 10
"""What a member takes in memory beside its content, and more."""


def split_file(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """A file is one document, and an archive is read from its beginning: [(0, 1)]."""
    return [(0, 1)]


def read(
    range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """The source files of one input: one, or as many as an archive has. A license may stand behind what it is for, so
    an archive is held as a whole; one with over `HELD_BYTES` of source is read twice.

    Rejected: dropped "file_type" (no known language, links, what belongs to version control), "binary" or "empty";
    quarantined "too_big", "encrypted", "corrupt" or "truncated".
    """
    file, id = range.file, f"{source.name}/{range.file.name}"
    if not is_archive(file.name):
        yield _read_file(file, id=id, max_bytes=max_record_bytes, watch=watch)
        return
    every = functools.partial(members, file, id=id, wanted=_is_wanted, max_bytes=max_record_bytes, watch=watch)
    aside = Aside(is_license_name, MAX_LICENSE_BYTES)
    held = _held(every(aside=aside))
    licenses = folder_licenses(aside.found)
    for member in every() if held is None else _released(held):
        if isinstance(member, Rejected):
            yield member
        else:
            above = functools.partial(nearest_license, member.path, licenses)
            yield _source_file(member.data, member.path, id=member.id, license_above=above)


def _held(every: Iterator[ArchiveMember | Rejected]) -> deque[ArchiveMember | Rejected] | None:
    """All of them, or None where they are too much to hold; either way all have gone by."""
    held: deque[ArchiveMember | Rejected] = deque()
    size = 0
    for member in every:
        size += MEMBER_BYTES + (0 if isinstance(member, Rejected) else len(member.data))
        if size <= HELD_BYTES:
            held.append(member)
        else:
            held.clear()
    return held if size <= HELD_BYTES else None


def _released(held: deque[ArchiveMember | Rejected]) -> Iterator[ArchiveMember | Rejected]:
    """One after the other, so that nobody holds one that has been dealt with."""
    while held:
        yield held.popleft()


def own_bytes(range: FileRange) -> tuple[int, int]:
    """All of the file."""
    return 0, range.file.size


def _is_wanted(path: str) -> bool:
    return may_be_code(path) and VERSION_CONTROL.isdisjoint(path.split("/"))


def _read_file(file: InputFile, *, id: str, max_bytes: int, watch: Watch) -> Record | Rejected:
    if not _is_wanted(file.name):
        return Rejected(id, "dropped", "file_type", file.name)
    if file.size == 0:
        return Rejected(id, "dropped", "empty")
    if file.size > max_bytes:
        return Rejected(id, "quarantined", "too_big", f"{file.size} bytes, the limit is {max_bytes}")
    with watch.open(file) as raw:
        data = raw.read()
    return _source_file(data, file.name, id=id, license_above=functools.partial(local_license, file))


def _source_file(data: bytes, path: str, *, id: str, license_above: Callable[[], str | None]) -> Record | Rejected:
    charset = declared_charset(data)
    text = _decode(data, charset)
    if text is None:
        return Rejected(id, "dropped", "binary", path)
    head = data[:HEAD_BYTES]
    language = language_of(path, head)
    if language is None:
        return Rejected(id, "dropped", "file_type", path)
    columns = {"programming_language": language, "license": license_in(head) or license_above()}
    return Record(id, text, charset=charset, columns=columns)


def _decode(data: bytes, charset: str | None) -> str | bytes | None:
    """Text where the charset is certain, bytes where it is as declared or to be guessed, None for what is no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_utf16(data)
    head = data[:HEAD_BYTES]
    if 0 in head:
        return None
    if charset is not None and data.isascii() and (b"\x1b" in data or b"~{" in data):
        return data  # ISO-2022 and HZ write other alphabets in ASCII
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        controls = len(head) - len(head.translate(None, CONTROLS))
        return data if controls <= MAX_CONTROL_SHARE * len(head) else None


def _decode_utf16(data: bytes) -> str | None:
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError:
        return None
