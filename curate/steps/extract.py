"""One record's text, whatever it came as: bytes decoded, mark-up removed; failures become outcomes.

Record ─▶ charset ─▶ HTML ─▶ {"text": …} or {"outcome": "quarantined", "reason": …}
                      └─ trafilatura wanted, but hopeless? ─▶ the quick text, which the step "language" drops
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from curate.batch import HAS_TEXT, Media, Record
from curate.errors import RecipeError
from curate.extract.charset import UndecodableText, decode
from curate.extract.html import Engine, Extraction, extract_html
from curate.filters.language import language_chance, load_lid
from curate.readers.gutenberg import EmptiedBook, unframe
from curate.recipe import Recipe, Source, recipe_error
from curate.steps.bind import parameters_of

XHTML: tuple[Media, ...] = ("application/xhtml+xml", "book/xhtml")
BOOKS: tuple[Media, ...] = ("book/html", "book/xhtml")

SIGN = re.compile(HAS_TEXT)

PART_END = "\n\n\x1e\n\n"  # ASCII's own sign for it

Row = dict[str, Any]
Extract = Callable[[str, bool], Extraction]
"""What turns the mark-up of one page into text, told whether it is XHTML."""


def page_extractors(source: Source, recipe: Recipe) -> dict[str, Extract]:
    """What turns the HTML of one page into text in this source, by name, in order of preference.

    Raises:
        RecipeError: `min_language_chance` has no step "language" to ask, or nothing to spare.
    """
    extractors: dict[str, Extract] = {name: partial(_extract_main, engine=name) for name in source.extractors}
    if not source.min_language_chance:
        return extractors
    step = next((step for step in source.steps if step.use == "language"), None)
    first = source.extractors[0]
    if step is None or source.extractors == ("resiliparse",):
        raise _useless(source, recipe)
    if first == "trafilatura":
        parameters = parameters_of(step, recipe)
        chance = partial(language_chance, lid=load_lid(parameters["model"]), keep=parameters["keep"])
        extractors[first] = partial(_extract_hopeful, extract=extractors[first], chance=chance, source=source)
    return extractors  # where another is the first, the step "language" itself tells whether the next is asked


def page_extractor(source: Source, recipe: Recipe) -> Extract:
    """The first of them."""
    return next(iter(page_extractors(source, recipe).values()))


def extract_book(record: Record) -> Row:
    """As `extract_text`, with `PART_END` between the parts of a book that has several."""
    return extract_text(record, _extract_main, joint=PART_END)


def extract_text(record: Record, extract: Extract, *, joint: str = "\n\n") -> Row:
    """The columns that extraction adds to a record's row; an exception of a parser costs this record only."""
    try:
        text, losses = _text(record, extract, joint)
    except MemoryError:
        raise
    except Exception as error:
        return _lost("quarantined", _reason(error), f"{type(error).__name__}: {error}")
    if not SIGN.search(text):
        return _lost("dropped", "empty_text", "")
    return {"text": text, "losses": ",".join(sorted(losses)) or None}


def _extract_main(html: str, is_xhtml: bool, *, engine: Engine = "resiliparse") -> Extraction:
    return extract_html(html, engine=engine, is_xhtml=is_xhtml)


def _extract_hopeful(
    html: str, is_xhtml: bool, *, extract: Extract, chance: Callable[[str], float], source: Source
) -> Extraction:
    """Most pages of a crawl are in other languages than the wanted ones: a hundredth of the time shows which."""
    quick = extract_html(html, engine="resiliparse", is_xhtml=is_xhtml)
    if quick.text and chance(quick.text) < source.min_language_chance:
        return replace(quick, losses=("quick_text",))
    return extract(html, is_xhtml)


def _useless(source: Source, recipe: Recipe) -> RecipeError:
    wanted = 'extract = "trafilatura" or "union" and a step { use = "language", keep = […] }'
    return recipe_error(f'source "{source.name}": min_language_chance needs {wanted}', source.place, recipe.file)


def _text(record: Record, extract: Extract, joint: str) -> tuple[str, set[str]]:
    """The text, and the names of what a parser is known to have left out of it."""
    parts = record.payload if isinstance(record.payload, tuple) else ((record.payload, record.media),)
    extracted = [_extract(_decoded(data, media, record.charset), media, extract) for data, media in parts]
    losses = {loss for part in extracted for loss in part.losses}
    text = joint.join(part.text for part in extracted if part.text)
    framed = unframe(text) if record.media in BOOKS else None
    return (framed.text if framed else text), losses


def _decoded(payload: str | bytes, media: Media, declared: str | None) -> str:
    if isinstance(payload, str):
        return payload
    return decode(payload, declared=declared, html=media != "text/plain")[0]


def _extract(text: str, media: Media, extract: Extract) -> Extraction:
    if media == "text/plain":
        return Extraction(text, None, ())
    is_xhtml = media in XHTML
    if media in BOOKS:
        return extract_html(text, engine="resiliparse", whole=True, is_xhtml=is_xhtml)
    return extract(text, is_xhtml)


def _reason(error: Exception) -> str:
    if isinstance(error, EmptiedBook):
        return "framing"
    return "encoding" if isinstance(error, UndecodableText) else "exception"


def _lost(outcome: str, reason: str, detail: str) -> Row:
    return {"outcome": outcome, "step": "extract", "reason": reason, "value": detail}
