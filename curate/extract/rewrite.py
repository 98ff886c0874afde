"""A page rewritten before an extractor sees it, so that no text is lost for the name of the element it stands in.

    html ─▶ formulas once ─▶ figures are divisions ─▶ long "controls" are, too, short ones are gone ─▶ html

What each extractor leaves out by name, and what of it is kept here, stands in docs/extraction.md. A step is taken where
the first look at the page has seen that it may be needed.
"""

from __future__ import annotations

import re

from curate.extract.elements import change_elements, start_of, text_length
from curate.extract.first_look import BLOCKS, CONTROLS, FIGURES, FORMULAS
from curate.extract.formulas import write_formulas_once

NEW_NAMES = {"figure": "div", "figcaption": "p", "object": "span", "menu": "ul", "noindex": "span"}
BLOCK_NAMES = {"summary": "div", "legend": "div", "dialog": "div", "search": "div", "dir": "ul", "listing": "pre"}
"""To resiliparse these stand in a line with what follows, and their last word would be one with its first."""
RENAMED = re.compile(rf"<(/?)(?=[fFoOmMnN])((?i:{'|'.join(NEW_NAMES)}))(?=[\s/>])")
AS_BLOCKS = re.compile(rf"<(/?)(?=[sSlLdD])((?i:{'|'.join(BLOCK_NAMES)}))(?=[\s/>])")
MANY_ATTRIBUTES = re.compile(
    r"<([a-zA-Z][^<>\s]*+)(?:\s++[^\s<>=\"']++(?:=(?:\"[^\"<]*+\"|'[^'<]*+'|[^\s<>\"']*+))?+){1000,}+"
)
LEAST_LENGTH_OF_MANY = 500_000  # below, the limit of time of a document is enough
LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{9999}")
CONTROL = start_of("(?=[bln])(?:button|label|noscript)")
TABLE = start_of("table")
LIST = re.compile(r"</?(?i:[uo]l)(?=[\s/>])[^<>]*>")
ITEM = re.compile(r"<(/?)(?i:li)(?=[\s/>])")
LABEL = re.compile(r"<(/?)(?i:label)(?=[\s/>])")
ESCAPED = re.compile(r"&lt;(?:div|img|p|a|iframe|style|link|span)\b")  # what a browser with scripts makes of a noscript
MIN_CONTENT = 200
"""Characters from which on a button, a label or a noscript is no control and no excuse, but holds the content."""


def rewrite(html: str, seen: int, *, whole: bool, for_resiliparse: bool) -> str:
    """The same page, for a parser of HTML. `seen` are the bits of the first look at it. Where the `whole` text
    is wanted, labels are text."""
    html = _without_many_attributes(html)
    if seen & FORMULAS:
        html = write_formulas_once(html)
    if seen & FIGURES:
        html = RENAMED.sub(lambda tag: f"<{tag[1]}{NEW_NAMES[tag[2].lower()]}", html)
    if for_resiliparse and seen & BLOCKS:
        html = AS_BLOCKS.sub(lambda tag: f"<{tag[1]}{BLOCK_NAMES[tag[2].lower()]}", html)
    if whole:
        html = LABEL.sub(r"<\1span", html).replace("</text>", "</text> ")  # labels of a drawing are words apart
    return change_elements(html, CONTROL, lambda start, inside: _content(inside)) if seen & CONTROLS else html


def _without_many_attributes(html: str) -> str:
    """Attributes by the thousand hold no text, and their number counts squared in both parsers."""
    if len(html) < LEAST_LENGTH_OF_MANY or not LONG_TAG.search(html):
        return html
    return MANY_ATTRIBUTES.sub(r"<\1", html)


def _content(inside: str) -> str:
    is_content = len(inside) >= MIN_CONTENT and not ESCAPED.search(inside) and text_length(inside) >= MIN_CONTENT
    return f"<div>{inside}</div>" if is_content else ""


def without_lists_in_tables(html: str) -> str:
    """Items in the cells of tables as paragraphs: trafilatura keeps those and loses lists there."""
    return change_elements(html, TABLE, _with_paragraphs) if ITEM.search(html) else html


def _with_paragraphs(start: re.Match[str], inside: str) -> str:
    return start[0] + ITEM.sub(r"<\1p", LIST.sub(" ", inside)) + "</table>"
