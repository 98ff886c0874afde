"""An EPUB as one record: its parts in reading order, with title, author and language as the book declares them.

    zip ─▶ META-INF/container.xml ─▶ package (OPF) ─▶ spine ─▶ parts, as they stand, each with its type
           META-INF/encryption.xml ─▶ Rejected "encrypted", if a part of the spine is among what it names

The spine decides what is a chapter; a book of which one cannot be read is none. EPUB 3.3,
https://www.w3.org/TR/epub-33/ (sections 4 and 5). Nothing is unpacked to disk, entities are not resolved.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from curate.batch import Media, Part, Pulse, Record, Rejected, no_pulse
from curate.readers.archives import open_zip, read_zip_member
from curate.readers.epub_names import Names
from curate.readers.epub_xml import parse_package, parse_xml
from curate.readers.inflate import Unreadable

DC = "{http://purl.org/dc/elements/1.1/}"
XML_TYPES = ("application/xhtml+xml", "application/xml", "text/xml", "text/x-oeb1-document", "application/x-dtbook+xml")
NO_TEXT = ("image/", "audio/", "video/", "font/")
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
MAX_DIRECTORY_BYTES = 4 << 20
MAX_DESCRIPTION_BYTES = 8 << 20
MAX_PARTS = 20_000
MAX_FALLBACKS = 16


class _Chapter(NamedTuple):
    entry: zipfile.ZipInfo
    media: str


def read_epub(stream: Any, *, id: str, max_bytes: int, pulse: Pulse = no_pulse) -> Record | Rejected:
    """`stream` is a seekable binary file; `max_bytes` bounds all parts together.

    Rejected: quarantined "corrupt" (also where a part of the spine is missing: half a book is none), "media_type"
    (a part of the spine is of a type that holds no text that we know), "encrypted", "too_many" or "too_big";
    dropped "empty" (a spine without text).
    """
    try:
        with open_zip(stream, max_directory_bytes=MAX_DIRECTORY_BYTES) as archive:
            return _read_book(archive, id=id, max_bytes=max_bytes, pulse=pulse)
    except Unreadable as error:
        return Rejected(id, "quarantined", error.reason, error.detail)


def _read_book(archive: zipfile.ZipFile, *, id: str, max_bytes: int, pulse: Pulse) -> Record | Rejected:
    names = Names(archive)
    package_entry = _package_entry(archive, names)
    package = parse_package(_description(archive, package_entry), package_entry.filename)
    folder = posixpath.dirname(package_entry.filename)
    if len(package.findall(".//{*}spine/{*}itemref")) > MAX_PARTS:
        raise Unreadable("too_many", f"the spine has over {MAX_PARTS} parts")
    by_file = {item.entry.filename: item for item in _chapters(package, folder, names)}
    chapters = list(by_file.values())  # each file once, however often the spine names it
    _refuse_encrypted(archive, names, {package_entry.filename, *(chapter.entry.filename for chapter in chapters)})
    parts = tuple(_read_parts(archive, chapters, max_bytes, pulse))
    if not parts:
        texts = [
            item for item in package.iterfind(".//{*}manifest/{*}item") if _is_text(item) and not _is_contents(item)
        ]
        if texts:
            raise Unreadable("corrupt", f"the spine names none of the {len(texts)} texts of the book")
        return Rejected(id, "dropped", "empty", "the spine names no text")
    return Record(id, parts, media="book/html", columns=_metadata(package))


def _read_parts(archive: zipfile.ZipFile, chapters: list[_Chapter], max_bytes: int, pulse: Pulse) -> Iterator[Part]:
    left = max_bytes
    for chapter in chapters:
        data = read_zip_member(archive, chapter.entry, max_bytes=left)
        left -= len(data)
        pulse()
        yield Part(data, _media(chapter, data))


def _package_entry(archive: zipfile.ZipFile, names: Names) -> zipfile.ZipInfo:
    path = "META-INF/container.xml"
    rootfile = parse_xml(_description(archive, _entry(names, path)), path).find(".//{*}rootfile[@full-path]")
    if rootfile is None:
        raise Unreadable("corrupt", f"{path} names no package")
    return _entry(names, str(rootfile.get("full-path")))


def _spine(package: Any) -> Iterator[Any]:
    """Items with text in reading order, each once; no table of contents, no pictures, no references to nothing."""
    seen: set[str] = set()
    items = {(item.get("id") or "").strip(): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = _with_text(items.get((reference.get("idref") or "").strip()), items)
        if item is None or item.get("id") in seen or _is_contents(item):
            continue
        seen.add(item.get("id"))
        yield item


def _chapters(package: Any, folder: str, names: Names) -> Iterator[_Chapter]:
    for item in _spine(package):
        yield _chapter(item, folder, names)


def _chapter(item: Any, folder: str, names: Names) -> _Chapter:
    href = (item.get("href") or "").partition("#")[0]
    return _Chapter(_entry(names, posixpath.join(folder, href)), _type_of(item))


def _with_text(item: Any, items: dict[str, Any]) -> Any:
    """The item, or the one that stands for it (`fallback`) where it is a picture or of another type that is no text;
    None for a picture without one."""
    chain: list[Any] = []
    while item is not None and len(chain) < MAX_FALLBACKS:  # they may run in a circle
        chain.append(item)
        item = items.get((item.get("fallback") or "").strip())
    others = (item for item in chain if not _type_of(item).startswith(NO_TEXT))
    return next(filter(_is_text, chain), next(others, None))


def _is_text(item: Any) -> bool:
    return _type_of(item) in ("", "text/plain", "text/html", *XML_TYPES)


def _is_contents(item: Any) -> bool:
    return "nav" in (item.get("properties") or "").split()


def _type_of(item: Any) -> str:
    """As it is compared: without parameters, in small letters."""
    return str(item.get("media-type") or "").partition(";")[0].strip().lower()


def _media(chapter: _Chapter, data: bytes) -> Media:
    """How a part of the spine is to be read. Where its type says nothing, its name does, and last its first sign."""
    if chapter.media == "text/plain" or (not chapter.media and chapter.entry.filename.lower().endswith(".txt")):
        return "text/plain"
    if chapter.media == "text/html":
        return "book/xhtml" if is_xml(data) else "book/html"
    if chapter.media in XML_TYPES or data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<") or not data.strip():
        return "book/xhtml"
    raise Unreadable(
        "media_type", f"{chapter.entry.filename}, which the spine names, is {chapter.media or 'of no type'}"
    )


def is_xml(data: bytes) -> bool:
    """Whether a document says so itself, in its first line."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<?xml")


def _refuse_encrypted(archive: zipfile.ZipFile, names: Names, needed: set[str]) -> None:
    """Fonts may be encrypted, and are no obstacle; chapters may not."""
    path = "META-INF/encryption.xml"
    entry = names.find(path)
    if entry is None:
        return
    for encrypted in parse_xml(_description(archive, entry), path).iterfind(".//{*}EncryptedData"):
        method = encrypted.find("{*}EncryptionMethod")
        algorithm = "" if method is None else method.get("Algorithm", "")
        found = [names.find(reference.get("URI", "")) for reference in encrypted.iterfind(".//{*}CipherReference")]
        hidden = {entry.filename for entry in found if entry is not None}
        if hidden & needed or (not found and algorithm not in FONT_OBFUSCATION):
            raise Unreadable("encrypted", f"{path} names {algorithm or 'a chapter'}")


def _metadata(package: Any) -> dict[str, str]:
    found = {
        "title": [package.findtext(f".//{DC}title")],
        "author": [element.text for element in package.iterfind(f".//{DC}creator")],
        "declared_language": [package.findtext(f".//{DC}language")],
    }
    joined = {name: "; ".join(" ".join(value.split()) for value in values if value) for name, values in found.items()}
    return {name: value for name, value in joined.items() if value}


def _description(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    return read_zip_member(archive, entry, max_bytes=MAX_DESCRIPTION_BYTES)


def _entry(names: Names, path: str) -> zipfile.ZipInfo:
    entry = names.find(path)
    if entry is None:
        raise Unreadable("corrupt", f"{unquote(path)!r} is missing")
    return entry
