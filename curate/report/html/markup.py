"""HTML made of values: the only place of the report where text becomes mark-up, and so the only one that escapes.

element("td", "a < b", {"class": "name"}) ─▶ Html('<td class="name">a &lt; b</td>')
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from curate.finite import finite
from curate.printable import printable

ALONE = frozenset({"br", "col", "input", "meta", "wbr"})
"""Elements that have no end."""


@dataclass(frozen=True, slots=True)
class Html:
    """What a browser may read as mark-up. Only this file makes it."""

    code: str


Content = str | Html | None | Iterable["Content"]
"""A text, which is escaped; mark-up, which is not; nothing; or several of them."""
Attributes = Mapping[str, str | int | float | bool | None]


def element(name: str, content: Content = None, attributes: Attributes | None = None) -> Html:
    """An element with what stands in it; attributes that are None or False are left out, those that are True stand
    alone."""
    start = f"<{name}{''.join(_attribute(key, value) for key, value in (attributes or {}).items())}>"
    return Html(start if name in ALONE else f"{start}{_inside(content)}</{name}>")


def data(value: Any) -> str:
    """A value as JSON, for an attribute that the script reads."""
    return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"))


def script(code: str) -> Html:
    """Our own code, never data: it must not hold the sign that ends it."""
    assert "</script" not in code.lower()
    return Html(f"<script>{code}</script>")


def style(rules: str) -> Html:
    """Our own rules, never data."""
    assert "</style" not in rules.lower()
    return Html(f"<style>{rules}</style>")


def document(head: Content, body: Content) -> str:
    """A whole page."""
    return f'<!doctype html>\n<html lang="en"><head>{_inside(head)}</head>\n<body>{_inside(body)}</body></html>\n'


def _inside(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Html):
        return content.code
    if isinstance(content, str):
        return _escaped(content)
    return "".join(map(_inside, content))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    """No mark-up, and nothing that is not seen where it stands or turns the direction of writing."""
    return html.escape(printable(text, keep="\n\t"), quote=True)
