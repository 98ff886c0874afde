"""HTML to text: the main content of a web page, or all of the text of a book's chapter.

html ─┬─▶ curate's own (see `own`) ─────────────────────────────────────────────────────────┬─▶ Extraction
      └─▶ first look ─▶ rewritten where needed ─▶ resiliparse or trafilatura (the reference) ─┘
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from curate.errors import UsageError, nearest
from curate.extract.extraction import Extraction, Markup
from curate.extract.first_look import NUMBERED, PageLook, first_look
from curate.extract.lists import mark_numbers, write_numbers
from curate.extract.lone_signs import mark_lone_signs, without_marks
from curate.extract.rewrite import rewrite, without_lists_in_tables
from curate.extract.xhtml import xhtml_as_html

Engine = Literal["curate", "resiliparse", "trafilatura"]
ENGINES: tuple[Engine, ...] = ("curate", "resiliparse", "trafilatura")

MAX_LENGTH = 8_000_000
MAX_TAGS = 50_000
NO_TEXT = ("img", "area", "video", "audio", "embed", "svg title", "svg desc", "svg metadata")  # or another text for one


def extract_html(html: str, *, engine: Engine, whole: bool = False, is_xhtml: bool = False) -> Extraction:
    """The readable text of one page: paragraphs and headings on lines of their own, list items marked.

    Comments of readers, alternative texts and targets of links are left out. `whole` keeps all text, navigation
    included; there is nothing to judge then, and resiliparse does it for all engines. `is_xhtml` is what the page's
    media type says, never a guess: the syntax of XML means other things.

    The output depends on the page alone: trafilatura's duplicate cache, which lives as long as the process, is off.
    Not for several threads at once with trafilatura, whose parser is one object. Deeply nested pages (5,000 levels)
    take a time that grows with the square of their depth; the caller limits it.

    Raises:
        UsageError: `engine` is none of the three.
    """
    if engine not in ENGINES:
        raise UsageError(f'there is no extraction engine "{engine}"{nearest(engine, ENGINES)}')
    if engine == "curate" and not whole:
        from curate.extract.own import extract_pages  # hundreds of kernels, which the other engines have no use for

        return extract_pages([Markup(html, is_xhtml)])[0]
    html, utf8 = _without_surrogates(html)
    if is_xhtml:
        html = xhtml_as_html(html)
        utf8 = html.encode()
    seen = first_look(utf8)
    rewritten = rewrite(html, seen.bits, whole=whole, for_resiliparse=whole or engine == "resiliparse")
    numbered = mark_numbers(rewritten) if seen.bits & NUMBERED else rewritten
    found = _extract(numbered, seen if numbered is html else first_look(numbered.encode()), engine, whole=whole)
    return found if numbered is rewritten else replace(found, text=write_numbers(found.text))


def _extract(html: str, seen: PageLook, engine: Engine, *, whole: bool) -> Extraction:
    if whole:
        return _extract_whole(html)
    if engine == "resiliparse":
        return _extract_main_fast(html, seen)
    if _is_too_big(html):
        return replace(_extract_main_fast(html, seen), losses=("too_big",))
    return _extract_main_reference(html)


def _is_too_big(html: str) -> bool:
    """Over what trafilatura, which copies trees, does within some 500 MB; of 1,716 real pages none is."""
    return len(html) > MAX_LENGTH or html.count("<") > MAX_TAGS


def _extract_main_fast(html: str, seen: PageLook) -> Extraction:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    marked = mark_lone_signs(html, seen)
    tree = HTMLTree.parse(marked)
    title = _tidy(tree.title)
    text = extract_plain_text(
        tree, preserve_formatting=True, main_content=True, alt_texts=False, links=False, comments=False
    )
    found = Extraction(text.strip(), title)
    return found if marked is html else _without_marks(found)


def _without_marks(found: Extraction) -> Extraction:
    return replace(found, text=without_marks(found.text), title=without_marks(found.title or "") or None)


def _extract_whole(html: str) -> Extraction:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    title = _tidy(tree.title)
    # alt_texts=False would leave out the text of pictures that are drawn (svg), and much else: see docs/extraction.md.
    text = extract_plain_text(
        tree, preserve_formatting=True, main_content=False, alt_texts=True, links=False, skip_elements=NO_TEXT
    )
    return Extraction(text.strip(), title)


def _extract_main_reference(html: str) -> Extraction:
    trafilatura, parser = _load_trafilatura()
    tree = trafilatura.load_html(without_lists_in_tables(html))
    losses = _losses(parser.error_log)
    if tree is None:
        return Extraction("", None, losses)
    title = _tidy(tree.findtext(".//title"))
    _drop_empty(tree, trafilatura.settings.CUT_EMPTY_ELEMS)
    text = trafilatura.extract(
        tree, favor_precision=True, include_comments=False, deduplicate=False, with_metadata=False
    )
    return Extraction((text or "").strip(), title, losses)


def _drop_empty(tree: Any, names: Iterable[str]) -> None:
    """Without `<span id="more"></span>` and the like: favor_precision takes the rest of their paragraph with them."""
    for element in reversed(list(tree.iterdescendants(*names))):  # what is inside comes before what it is in
        if len(element) == 0 and not element.text:
            element.drop_tree()


@functools.cache
def _load_trafilatura() -> tuple[Any, Any]:
    """The module and its parser, imported when first needed: that takes half a second."""
    import trafilatura
    from lxml import etree, html
    from trafilatura.utils import HTML_PARSER

    # lxml.html asks a function of Python which class each element is to have, which is an eighth of trafilatura's time,
    # so that forms have methods of their own; it uses none of these.
    classes = {"element": html.HtmlElement, "comment": html.HtmlComment, "pi": html.HtmlProcessingInstruction}
    HTML_PARSER.set_element_class_lookup(etree.ElementDefaultClassLookup(entity=html.HtmlEntity, **classes))
    # It logs a warning for every page without content; without a handler those would go to stderr.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    return trafilatura, HTML_PARSER


def _losses(error_log: Any) -> tuple[str, ...]:
    """libxml2 recovers from its own limits, says so in the parser's log only, and drops the rest of the page."""
    limits = [entry.message for entry in error_log if entry.type_name == "ERR_RESOURCE_LIMIT"]
    return tuple(sorted({"deep_nesting" if "depth" in message else "huge_text_node" for message in limits}))


def _without_surrogates(html: str) -> tuple[str, bytes]:
    """A page, and its UTF-8. Lone surrogates are no text: both parsers fail on them or lose what follows."""
    try:
        return html, html.encode()
    except UnicodeEncodeError:
        html = html.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return html, html.encode()


def _tidy(title: str | None) -> str | None:
    return " ".join(title.split()) or None if title else None
