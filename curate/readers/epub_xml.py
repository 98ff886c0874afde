"""The XML in which an EPUB describes itself, read as books really write it: with a bare `&`, HTML's entities or a blank
line in front, but never with a part of the spine lost on the way.

    bytes ─▶ as they stand ─▶ with `&` mended ─▶ recovered, if no item and no reference got lost ─▶ tree, or Unreadable
"""

from __future__ import annotations

import re
from html.entities import html5
from typing import Any

import lxml.etree as etree

from curate.readers.inflate import Unreadable

OF_XML = (b"amp", b"lt", b"gt", b"quot", b"apos")
AMPERSAND = re.compile(rb"&(?:(\w+);|(#\d+;|#[xX][\da-fA-F]+;))?")
COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
ITEM = re.compile(rb"<(?:[\w.-]+:)?(?:item|itemref)[\s/>]")


def parse_xml(data: bytes, path: str) -> Any:
    """The tree. Raises Unreadable("corrupt")."""
    data = _from_first_sign(data)
    try:
        return _parse(data)
    except (etree.XMLSyntaxError, ValueError):
        pass
    try:
        return _parse(AMPERSAND.sub(_mended, data))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("corrupt", f"{path}: {error}") from error


def parse_package(data: bytes, path: str) -> Any:
    """The tree of a package document; one that is no XML is read all the same where all of its items survive that."""
    try:
        return parse_xml(data, path)
    except Unreadable:
        tree = _parse(AMPERSAND.sub(_mended, _from_first_sign(data)), recover=True)
        if tree is None or not _is_whole(tree, data):
            raise
        return tree


def _parse(data: bytes, *, recover: bool = False) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=recover)
    return etree.fromstring(data, parser)


def _is_whole(tree: Any, data: bytes) -> bool:
    """Whether all items and references that the bytes hold came through, and fit together."""
    items = {item.get("id"): item.get("href") for item in tree.iterfind(".//{*}manifest/{*}item")}
    references = [reference.get("idref") for reference in tree.iterfind(".//{*}spine/{*}itemref")]
    is_complete = len(items) + len(references) == len(ITEM.findall(COMMENT.sub(b"", data)))
    return bool(references) and is_complete and all(items.get(reference) for reference in references)


def _from_first_sign(data: bytes) -> bytes:
    """White space may stand before a root element, but not before `<?xml`."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")


def _mended(found: re.Match[bytes]) -> bytes:
    """An entity of HTML as its characters, a bare ampersand as XML writes it."""
    if found[2] or found[1] in OF_XML:
        return found[0]
    characters = html5.get(found[1].decode("latin-1") + ";") if found[1] else None
    if characters is None:
        return b"&amp;" + found[0][1:]
    return "".join(f"&#{ord(character)};" for character in characters).encode()
