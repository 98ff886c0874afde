"""Numbers of ordered lists that their authors set: `<ol start=5>`, `<ol type=a>`, `<ol reversed>`, `<li value=9>`.

    html ─▶ a mark with the number in each such item ─▶ an extractor, which counts from 1 or not at all
    text ─▶ "1. ⟦5⟧ text" or "- ⟦5⟧ text" ─▶ "5. text"

The marks are two signs of a script that died out in the third century; a page that holds them stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from curate.extract.elements import ATTRIBUTES, attribute

BEGIN, END = "\N{KHAROSHTHI PUNCTUATION DOT}\N{KHAROSHTHI PUNCTUATION LOTUS}", "\N{KHAROSHTHI PUNCTUATION LOTUS}"
WRITTEN_BEGIN, WRITTEN_END = ("".join(f"&#{ord(sign)};" for sign in mark) for mark in (BEGIN, END))
"""As they are written into a page: the signs themselves would make Python hold all of it in four bytes a sign."""
IS_NUMBERED = re.compile(r"<(?:[oO][lL]\b[^<>]*?\s(?i:start|reversed|type)|[lL][iI]\b[^<>]*?\s(?i:value)\s*=)")
REVERSED = re.compile(r"\sreversed\b", re.IGNORECASE)
TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>ol|ul|li)(?=[\s/>]){ATTRIBUTES}>(?P<inner>(?:\s*<(?:p|div|span|a|b|strong|em|i)\b[^<>]*>)*+)",
    re.IGNORECASE,
)
MARKED = re.compile(rf"(?:\d+\.|[•\-*])?[^\S\n]*{BEGIN}(-?\w+){END}\s*")
ROMAN = [(1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")]
ROMAN += [(9, "ix"), (5, "v"), (4, "iv"), (1, "i")]


@dataclass(slots=True)
class _List:
    """Where a list's numbers are, and where the extractor's own are."""

    is_ordered: bool
    kind: str
    step: int
    number: int
    counted: int = 0


def mark_numbers(html: str) -> str:
    """The page with a mark in each item whose number is not the one that counting from 1 gives."""
    if not IS_NUMBERED.search(html) or END in html or WRITTEN_END in html:
        return html
    lists, pieces, position = list[_List](), list[str](), 0
    sizes = _sizes(html) if REVERSED.search(html) else {}
    for tag in TAG.finditer(html):
        label = _follow(tag, lists, sizes)
        if label is not None:
            pieces += [html[position : tag.end()], WRITTEN_BEGIN, label, WRITTEN_END]
            position = tag.end()
    return "".join([*pieces, html[position:]])


def write_numbers(text: str) -> str:
    """The text of a page with marks, with the numbers where they are."""
    return MARKED.sub(r"\1. ", text)


def _follow(tag: re.Match[str], lists: list[_List], sizes: dict[int, int]) -> str | None:
    """Enter or leave a list; the label of an item that needs a mark."""
    name, is_end = tag["name"].lower(), bool(tag["end"])
    if name != "li":
        if not is_end:
            lists.append(_begin(name, tag["attributes"], sizes.get(tag.start(), 1)))
        elif lists:
            lists.pop()
        return None
    return None if is_end or not lists or not lists[-1].is_ordered else _count(lists[-1], tag["attributes"])


def _begin(name: str, attributes: str, size: int) -> _List:
    is_reversed = REVERSED.search(attributes) is not None
    first = _number(attribute(attributes, "start"))
    if first is None:
        first = size if is_reversed else 1
    return _List(name == "ol", attribute(attributes, "type") or "1", -1 if is_reversed else 1, first)


def _count(current: _List, attributes: str) -> str | None:
    current.counted += 1
    value = _number(attribute(attributes, "value"))
    number = current.number if value is None else value
    current.number = number + current.step
    label = _label(number, current.kind)
    return None if label == str(current.counted) else label


def _number(written: str | None) -> int | None:
    found = re.match(r"\s*([+-]?\d{1,9})", written or "")
    return int(found[1]) if found else None


def _sizes(html: str) -> dict[int, int]:
    """How many items each list has, by where it begins."""
    sizes: dict[int, int] = {}
    lists: list[int] = []
    for tag in TAG.finditer(html):
        if tag["name"].lower() == "li":
            if lists and not tag["end"]:
                sizes[lists[-1]] = sizes.get(lists[-1], 0) + 1
        elif not tag["end"]:
            lists.append(tag.start())
        elif lists:
            lists.pop()
    return sizes


def _label(number: int, kind: str) -> str:
    if kind in ("a", "A") and number > 0:
        return _letters(number) if kind == "a" else _letters(number).upper()
    if kind in ("i", "I") and 0 < number < 4000:
        return _roman(number) if kind == "i" else _roman(number).upper()
    return str(number)


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def _roman(number: int) -> str:
    numeral = ""
    for value, letters in ROMAN:
        numeral += letters * (number // value)
        number %= value
    return numeral
