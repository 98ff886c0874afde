"""What kind of element a tag is to the judge: some forty kinds, and the ones that are asked of a block's ancestors.

tag (a number of `scan.names`) ─▶ kind ─▶ bit of a mask, one for all kinds of an element and its ancestors
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from curate.extract.scan.names import TAG_IDS
from curate.text.compiled import inner

KINDS = (
    "other", "body", "div", "section", "article", "main", "header", "footer", "nav", "aside", "form", "fieldset", "p",
    "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr", "td",
    "th", "caption", "figure", "figcaption", "button", "label", "a", "span", "details", "summary", "address", "hgroup",
    "menu", "center", "b", "code", "noscript",
)  # fmt: skip
"""In an order in which neighbors are alike, as trees ask for less or more. A mask has 64 bits."""
_LIKE = {
    "dir": "ul", "thead": "table", "tbody": "table", "tfoot": "table", "legend": "h4", "dialog": "aside",
    "search": "form", "strong": "b", "em": "b", "i": "b", "listing": "pre", "textarea": "button", "select": "button",
}  # fmt: skip
ASKED = ("article", "main", "section", "header", "footer", "nav", "aside", "form", "table", "li", "dl", "figure", "a",
         "label", "details", "p", "td")  # fmt: skip
"""Kinds of which a feature says whether the block stands in one."""
ARTICLE = KINDS.index("article")
ONE = np.uint64(1)
IN_P, IN_ITEM, IN_CELL, IN_H1 = (np.uint64(1 << KINDS.index(kind)) for kind in ("p", "li", "td", "h1"))


@cache
def kinds_of_tags() -> npt.NDArray[np.uint8]:
    """uint8[256]: the kind of each tag."""
    kinds = np.zeros(256, dtype=np.uint8)
    for tag, number in TAG_IDS.items():
        name = _LIKE.get(tag, tag)
        kinds[number] = KINDS.index(name) if name in KINDS else 0
    return kinds


@cache
def asked_kinds() -> npt.NDArray[np.uint64]:
    """uint64[kinds]: by how much a mask is shifted to see each kind of `ASKED`."""
    return np.array([KINDS.index(kind) for kind in ASKED], dtype=np.uint64)


@inner
def stands_in(mask, kind):
    """1 if the kind is in the mask, else 0."""
    return mask >> kind & ONE
