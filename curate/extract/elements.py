"""Elements found in the text of a page, before any parser: tags in a row, and where an element ends.

A tag is read with its quoted attributes, but no "<" stands in it: so looking for tags is linear in the page, and a tag
that is written otherwise is not found, which costs no text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

ATTRIBUTES = r"(?P<attributes>(?:[^\"'<>]|\"[^\"<]*\"|'[^'<]*')*+)"
MARK_UP = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^<>]*>", re.DOTALL | re.IGNORECASE)

Change = Callable[[re.Match[str], str], str]
"""What an element becomes, by its start tag and all that stands in it."""


@cache
def start_of(names: str) -> re.Pattern[str]:
    """The start tag of elements: `names` as alternatives of a regular expression."""
    return re.compile(rf"<(?P<name>(?i:{names}))(?=[\s/>]){ATTRIBUTES}>")  # begins with a letter as it is: fast


@cache
def tags_of(name: str) -> re.Pattern[str]:
    return re.compile(rf"<(?P<end>/?)(?i:{name})(?=[\s/>]){ATTRIBUTES}>")


def change_elements(html: str, start: re.Pattern[str], change: Change) -> str:
    """The page with each outermost element that begins with a match of `start` changed; one without an end stays."""
    pieces, position, unclosed = [], 0, set[str]()
    while found := start.search(html, position):
        name = found["name"].lower()
        end = None if name in unclosed else find_end(html, name, found.end())
        pieces.append(html[position : found.start()])
        if end is None:
            unclosed.add(name)
            pieces.append(found[0])
            position = found.end()
        else:
            pieces.append(change(found, html[found.end() : end[0]]))
            position = end[1]
    return "".join([*pieces, html[position:]])


def find_end(html: str, name: str, position: int) -> tuple[int, int] | None:
    """Where the end tag stands that belongs to an element whose start tag ends here."""
    depth = 1
    for tag in tags_of(name).finditer(html, position):
        depth += -1 if tag["end"] else 1
        if not depth:
            return tag.start(), tag.end()
    return None


def attribute(attributes: str, name: str) -> str | None:
    """The value of an attribute, as it is written."""
    found = re.search(rf"(?<![\w-]){name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", attributes, re.IGNORECASE)
    return None if found is None else next(value for value in found.groups() if value is not None)


def text_length(mark_up: str) -> int:
    """About as many characters as a reader sees."""
    return len(" ".join(MARK_UP.sub(" ", mark_up).split()))
