"""Lines of text by language from translations and manuals in Debian packages.

package ─▶ files ─┬▶ LC_MESSAGES/*.mo ─▶ translations ─┐
                  ├▶ i18n/*.json ──────▶ messages ─────┼▶ without places for values ─▶ long enough? ─▶ by language, once
                  └▶ help/*.html ──────▶ paragraphs ───┘
"""

from __future__ import annotations

import gzip
import html
import json
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from language_packages import members

CODE = r"(?P<code>[a-z]{2,3}(?:[_-][A-Z][A-Za-z]{1,3})?(?:@[A-Za-z]+)?)"
CATALOG = re.compile(
    rf"/{CODE}/LC_MESSAGES/[^/]+\.mo$|/wp-content/languages/(?:[a-z-]+/)*(?:[a-z-]*-)?(?P<wp>[a-z]{{2,3}}(?:_[A-Z]{{2}})?)\.mo$"
)
MESSAGES = re.compile(r"/i18n/(?P<code>[a-z]{2,3}(?:-[a-z]+)?)\.json$")
HELP = re.compile(r"/help/(?P<code>[a-z]{2,3}(?:[_-][A-Z]{2})?)/.+\.html(?:\.gz)?$")
WANTED = re.compile(r"/LC_MESSAGES/[^/]+\.mo$|/wp-content/.*\.mo$|/i18n/[^/]+\.json$|/help/.*\.html(?:\.gz)?$")

OTHER_NAMES = {
    "nb": "no", "iw": "he", "in": "id", "fil": "tl", "kmr": "ku", "gug": "gn", "gsw": "als",
    "sr@latin": "sr", "sr@Latn": "sr", "sr-el": "sr", "sr-ec": "sr", "zh-hans": "zh", "zh-hant": "zh",
    "be-tarask": "be", "pt-br": "pt", "en-gb": "en", "ca@valencia": "ca", "uz@cyrillic": "uz",
    "de-formal": "de", "de-at": "de", "es-formal": "es", "hu-formal": "hu", "nl-informal": "nl",
    "ku-latn": "ku", "tt-cyrl": "tt", "tt-latn": "tt", "ug-arab": "ug", "kk-cyrl": "kk",
}  # fmt: skip
NO_NAMES = {"als", "aa", "sh", "qqq"}
"""Codes that mean different languages in different places, mixtures, and what is no language."""

PLACES = re.compile(
    r"<[^>]{0,200}>|\{\{[^{}]*\|?|\}\}|\{[^{}]*\}|\[\[[^\[\]|]*\|?|\]\]|%\(?[-+ #0-9.]*l?[a-zA-Z]\)?(?:\$s)?"
    r"|%\d+\$?[sdu]?|\$\w+|&\w+;|https?://\S+|\S+@\S+|\\[nt\"]|~(?=\w)|[_&](?=\w)|''+|[|=<>{}\[\]*#\\]"
)
"""Where programs put values, mark-up, addresses, and the marks of keys for menus."""
MIN_LETTERS, MIN_SHARE = 12, 0.65


def lines_by_language(packages: Iterable[Path]) -> dict[str, list[str]]:
    """Each line once, in the order in which they are met; languages by lid.176's names."""
    lines: dict[str, dict[str, None]] = {}
    for package in packages:
        for code, text in texts_of(package):
            language = name_of(code)
            if language:
                lines.setdefault(language, {}).update(dict.fromkeys(filter(is_text, map(clean, text.split("\n\n")))))
    return {language: list(found) for language, found in sorted(lines.items())}


def name_of(code: str) -> str | None:
    """lid.176's name of a locale's language; None for a variety that would blur two languages, as Serbian with the
    vowels of Bosnian does."""
    code = code if "@" in code else code.replace("_", "-")
    if code in OTHER_NAMES or code in NO_NAMES:
        return OTHER_NAMES.get(code)
    language, variety = re.fullmatch(r"([a-z]+)(.*)", code).groups()
    if variety.startswith("@") or variety in ("-latn", "-arab", "-cyrl", "-tara"):
        return None
    return None if language in NO_NAMES else OTHER_NAMES.get(language, language)


def texts_of(package: Path) -> Iterator[tuple[str, str]]:
    for path, data in members(package, WANTED):
        if at := CATALOG.search(path):
            yield from ((at["code"] or at["wp"], text) for text in translations(data))
        elif at := MESSAGES.search(path):
            yield from ((at["code"], text) for text in json.loads(data).values() if isinstance(text, str))
        elif at := HELP.search(path):
            page = gzip.decompress(data) if path.endswith(".gz") else data
            yield from ((at["code"], text) for text in paragraphs(page.decode("utf-8", "replace")))


def translations(data: bytes) -> Iterator[str]:
    """Of a GNU catalog, without those that are as in English."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    _, count, *tables = struct.unpack_from(order + "4I", data, 4)
    for number in range(count):
        source, text = (
            data[start : start + size].rpartition(b"\x04")[2].split(b"\0")[0]
            for size, start in (struct.unpack_from(order + "2I", data, table + 8 * number) for table in tables)
        )
        if source and text != source:
            yield text.decode("utf-8", "ignore")


def paragraphs(page: str) -> Iterator[str]:
    page = re.sub(r"(?is)<(script|style|pre|code|kbd)\b.*?</\1>", " ", page)
    for block in re.split(r"(?i)</?(?:p|td|th|li|h\d|div|dt|dd|table|br)\b[^>]*>", page):
        yield html.unescape(re.sub(r"<[^>]+>", "", block))


def clean(line: str) -> str:
    line = PLACES.sub(lambda found: "" if found[0] in "_&~" else " ", html.unescape(line))
    return " ".join(line.split())


def is_text(line: str) -> bool:
    letters = sum(map(str.isalpha, line))
    return letters >= MIN_LETTERS and letters >= MIN_SHARE * len(line.replace(" ", ""))
