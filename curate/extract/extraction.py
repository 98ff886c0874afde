"""What an extractor is given, and what it makes of one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import polars as pl

from curate.recipe import PageFact

TextFormat = Literal["text", "markdown"]
PAGE_SIGNALS: Mapping[str, Any] = {
    "page_type": pl.String,
    "extraction_confidence": pl.Float32,
    "boilerplate_ratio": pl.Float32,
}
"""What curate's own extractor measures of a page: one of seven types; the word F1, 0 to 1, that its text is expected to
have; and how much of the page's text, 0 to 1, was left out."""


LINKS = "page_links"
PAGE_FACTS: Mapping[str, Any] = {
    f"page_{fact}": pl.List(pl.Struct({"url": pl.String, "text": pl.String})) if fact == "links" else pl.String
    for fact in get_args(PageFact)
}
"""What a page says of itself, as columns: its first statement of each, as it is written, and null where it makes none;
and its links, with their targets as the page writes them."""


class Markup(NamedTuple):
    """A page. Whether it has the syntax of XML is what its media type says, never a guess."""

    html: str
    is_xhtml: bool = False


@dataclass(frozen=True, slots=True)
class Extraction:
    """`text` is "" where a page has no content. `losses` names what the parser dropped without an error:
    "deep_nesting" (libxml2 stops at 256 levels) and "huge_text_node" (at 10 MB in one node), with all that follows.
    "too_big" is a page over the bounds of trafilatura: its text is the quick engine's.
    A caller that is content with the quick engine's text notes "quick_text".
    `signals` are what curate's own extractor has measured on the page (`PAGE_SIGNALS`), and what the page says of
    itself, where that was asked for (`PAGE_FACTS`).
    """

    text: str
    title: str | None = None
    losses: tuple[str, ...] = ()
    signals: Mapping[str, Any] = field(default_factory=dict)


class JudgedBlock(NamedTuple):
    """A run of text of a page: how likely it is content, 0 to 1, and whether it was kept; where it stands; its text."""

    score: float
    is_kept: bool
    element: str
    text: str
