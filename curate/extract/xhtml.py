"""XHTML as HTML: what only XML's syntax says is written so that a parser of HTML reads the same page.

    <title/> ─▶ <title></title>    <![CDATA[a < b]]> ─▶ a &lt; b    <h:p> ─▶ <p>    <?…?>, <!--…--> ─▶ nothing

For a parser of HTML `<title/>`, `<script/>` or `<style/>` begin an element that swallows the rest of the page. This
is rewriting, not parsing: a page that is XHTML but for an unclosed element or a bare `&` is read to its end, too.
"""

from __future__ import annotations

import re
from html import escape

VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
# No "<" stands inside a tag of XML, not even in quotes: so each attempt ends at the next one, and all take linear time.
ONLY_IN_XML = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<characters>.*?)(?:\]\]>|\Z)"
    r"|<\?.*?(?:\?>|\Z)"
    rf"|<(?P<name>(?!(?:{VOID})[\s/])[^\W\d][\w:.-]*+)(?P<attributes>(?:[^\"'<>/]|\"[^\"<]*\"|'[^'<]*'|/(?!>))*+)/>"
    rf"|</(?:{VOID})\s*+>",
    re.DOTALL,
)
DOCTYPE = re.compile(
    r"<!DOCTYPE\b(?:[^\[<>\"']|\"[^\"]*\"|'[^']*')*+"
    r"(?:\[(?:<!--.*?-->|<\?.*?\?>|[^\]\"']|\"[^\"]*\"|'[^']*')*+\])?\s*>",
    re.DOTALL,
)
ENTITY = re.compile(r"<!ENTITY\s+([\w.-]+)\s+(?:\"([^\"<%]{1,100})\"|'([^'<%]{1,100})')\s*>")
OTHER_ENTITY = re.compile(r"&(?!#)")
NAMESPACES = "1999/xhtml|1998/Math/MathML|2000/svg"
PREFIX = re.compile(rf"\bxmlns:([\w.-]+)\s*=\s*[\"']http://www\.w3\.org/(?:{NAMESPACES})[\"']")


def xhtml_as_html(xhtml: str) -> str:
    """The page with the syntax of HTML. Entities are left to the parser, which knows HTML's own; short ones
    that the page declares are written out."""
    return _without_prefixes(ONLY_IN_XML.sub(_as_html, without_doctype(xhtml)))


def without_doctype(xhtml: str) -> str:
    """A subset in brackets, which may declare entities, would be text to a parser of HTML."""
    start = xhtml.find("<!DOCTYPE")
    doctype = DOCTYPE.match(xhtml, start) if start >= 0 else None
    if not doctype:
        return xhtml
    return _with_entities(xhtml[: doctype.start()] + xhtml[doctype.end() :], doctype[0])


def _with_entities(xhtml: str, doctype: str) -> str:
    """Once each, so that nothing multiplies: an entity that is made of others stays as it is."""
    declared = {name: double or single for name, double, single in ENTITY.findall(doctype)}
    texts = {name: text for name, text in declared.items() if not OTHER_ENTITY.search(text)}
    names = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    return re.sub(rf"&({names});", lambda found: texts[found[1]], xhtml) if texts else xhtml


def _as_html(found: re.Match[str]) -> str:
    if (name := found["name"]) is not None:
        return f"<{name}{found['attributes']}></{name}>"
    return escape(found["characters"] or "", quote=False)


def _without_prefixes(html: str) -> str:
    """Names without the prefix of a namespace that HTML knows: `<html:p>` and `<m:math>`."""
    prefixes = "|".join(sorted({re.escape(prefix) for prefix in PREFIX.findall(html)}))
    return re.sub(rf"(</?)(?:{prefixes}):(?=\w)", r"\1", html) if prefixes else html
