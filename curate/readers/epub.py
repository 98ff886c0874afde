"""An EPUB as one record: its parts in reading order, with title, author and language as the book declares them.

    zip ─▶ META-INF/container.xml ─▶ package (OPF) ─▶ spine ─▶ XHTML parts, as they stand
           META-INF/encryption.xml ─▶ Lost "encrypted"

EPUB 3.3, https://www.w3.org/TR/epub-33/ (sections 4 and 5). Nothing is unpacked to disk, entities are not resolved.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import lxml.etree as etree

from curate.batch import Lost, Record
from curate.readers.archives import open_zip, read_zip_member
from curate.readers.inflate import Unreadable

DC = "{http://purl.org/dc/elements/1.1/}"
TEXT_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_epub(stream: Any, *, id: str, max_bytes: int) -> Record | Lost:
    """`stream` is a seekable binary file; `max_bytes` bounds all parts together.

    Lost: quarantined "corrupt" (also where a part of the spine is missing: half a book is none), "encrypted" or
    "too_big"; dropped "empty" (a spine without text).
    """
    try:
        with open_zip(stream) as book:
            return _read_book(book, id=id, max_bytes=max_bytes)
    except Unreadable as error:
        return Lost(id, "quarantined", error.reason, error.detail)


def _read_book(book: zipfile.ZipFile, *, id: str, max_bytes: int) -> Record | Lost:
    _refuse_encrypted(book, max_bytes)
    package_path = _package_path(book, max_bytes)
    package = _parse(_read(book, package_path, max_bytes), package_path)
    parts, left = [], max_bytes
    for path in _spine(package, posixpath.dirname(package_path)):
        parts.append(_read(book, path, left))
        left -= len(parts[-1])
    if not parts:
        return Lost(id, "dropped", "empty", "the spine names no text")
    return Record(id, tuple(parts), media="book/html", columns=_metadata(package))


def _refuse_encrypted(book: zipfile.ZipFile, max_bytes: int) -> None:
    path = "META-INF/encryption.xml"
    if path not in book.NameToInfo:
        return
    methods = _parse(_read(book, path, max_bytes), path).iterfind(".//{*}EncryptedData/{*}EncryptionMethod")
    for algorithm in (method.get("Algorithm", "") for method in methods):
        if algorithm not in FONT_OBFUSCATION:
            raise Unreadable("encrypted", f"{path} names {algorithm}")


def _package_path(book: zipfile.ZipFile, max_bytes: int) -> str:
    path = "META-INF/container.xml"
    rootfile = _parse(_read(book, path, max_bytes), path).find(".//{*}rootfile[@full-path]")
    if rootfile is None:
        raise Unreadable("corrupt", f"{path} names no package")
    return str(rootfile.get("full-path"))


def _spine(package: Any, folder: str) -> Iterator[str]:
    """Paths of the text parts in reading order, the table of contents left out."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None:
            raise Unreadable("corrupt", f"the spine names {reference.get('idref')!r}, which the manifest does not have")
        is_contents = "nav" in (item.get("properties") or "").split()
        if item.get("media-type") in TEXT_TYPES and not is_contents:
            href = unquote((item.get("href") or "").partition("#")[0])
            yield posixpath.normpath(posixpath.join(folder, href))


def _metadata(package: Any) -> dict[str, str]:
    found = {
        "title": [package.findtext(f".//{DC}title")],
        "author": [element.text for element in package.iterfind(f".//{DC}creator")],
        "declared_language": [package.findtext(f".//{DC}language")],
    }
    joined = {name: "; ".join(" ".join(value.split()) for value in values if value) for name, values in found.items()}
    return {name: value for name, value in joined.items() if value}


def _read(book: zipfile.ZipFile, path: str, max_bytes: int) -> bytes:
    info = book.NameToInfo.get(path)
    if info is None:
        raise Unreadable("corrupt", f"{path!r} is missing")
    return read_zip_member(book, info, max_bytes=max_bytes)


def _parse(data: bytes, path: str) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("corrupt", f"{path}: {error}") from error
