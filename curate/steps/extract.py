"""One record's text, whatever it came as: bytes decoded, mark-up removed; failures become outcomes.

Record ─▶ charset ─▶ HTML ─▶ {"text": …} or {"outcome": "quarantined", "reason": …}
                      └─ trafilatura wanted, but hopeless? ─▶ the quick text, which the step "language" drops
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeGuard

from curate.batch import HAS_TEXT, PAGES, Media, Record, Rejected
from curate.errors import RecipeError
from curate.extract.charset import UndecodableText, decode
from curate.extract.extraction import Extraction, Markup, TextFormat
from curate.extract.html import Engine, extract_html
from curate.filters.language import language_chance, load_lid
from curate.readers.gutenberg import EmptiedBook, unframe
from curate.recipe import Recipe, Source, recipe_error
from curate.steps.bind import parameters_of

XHTML: tuple[Media, ...] = ("application/xhtml+xml", "book/xhtml")
BOOKS: tuple[Media, ...] = ("book/html", "book/xhtml")
QUICK_ALONE: tuple[tuple[Engine, ...], ...] = (("curate",), ("resiliparse",))
"""Where no page is given to an extractor that is worth a look at the page's language first."""

SIGN = re.compile(HAS_TEXT)

PART_END = "\n\n\x1e\n\n"  # ASCII's own sign for it

Row = dict[str, Any]
Extract = Callable[[str, bool], Extraction]
"""What turns the mark-up of one page into text, told whether it is XHTML."""


@dataclass(frozen=True, slots=True)
class OwnExtract:
    """curate's own extractor, which takes a handful of pages in a third of the time that they take one by one."""

    title: bool
    style: TextFormat
    facts: tuple[str, ...] = ()

    def __call__(self, html: str, is_xhtml: bool) -> Extraction:
        return self.together([Markup(html, is_xhtml)])[0]

    def together(self, pages: Sequence[Markup]) -> list[Extraction]:
        from curate.extract.own import extract_pages  # hundreds of kernels, which the other engines have no use for

        return extract_pages(pages, title=self.title, style=self.style, facts=self.facts)


def is_own(extract: Extract) -> TypeGuard[OwnExtract]:
    """Whether it gains from several pages at once."""
    return isinstance(extract, OwnExtract)


def page_extractors(source: Source, recipe: Recipe) -> dict[str, Extract]:
    """What turns the HTML of one page into text in this source, by name, in order of preference.

    Raises:
        RecipeError: `min_language_chance` has no step "language" to ask, or nothing to spare; `title`, `format` or
            `facts` is asked of an extractor that cannot do otherwise.
    """
    if "curate" not in source.extractors and (not source.title or source.format != "text" or source.facts):
        told = 'title, format and facts are for extract = "curate", which alone can do otherwise'
        raise recipe_error(f'source "{source.name}": {told}', source.place, recipe.file)
    extractors: dict[str, Extract] = {name: _extractor(name, source) for name in source.extractors}
    if not source.min_language_chance:
        return extractors
    step = next((step for step in source.steps if step.use == "language"), None)
    first = source.extractors[0]
    parameters = parameters_of(step, recipe) if step else {}
    if not parameters.get("keep") or source.extractors in QUICK_ALONE:
        raise _useless(source, recipe)
    if first == "trafilatura":
        chance = partial(language_chance, lid=load_lid(parameters["model"]), keep=parameters["keep"])
        extractors[first] = partial(_extract_hopeful, extract=extractors[first], chance=chance, source=source)
    return extractors  # where another is the first, the step "language" itself tells whether the next is asked


def _extractor(name: Engine, source: Source) -> Extract:
    if name == "curate":
        return OwnExtract(source.title, source.format, source.fact_columns)
    return partial(_extract_main, engine=name)


def page_extractor(source: Source, recipe: Recipe) -> Extract:
    """The first of them."""
    return next(iter(page_extractors(source, recipe).values()))


def extract_book(record: Record) -> Row:
    """As `extract_text`, with `PART_END` between the parts of a book that has several."""
    return extract_text(record, _extract_main, joint=PART_END)


def extract_text(record: Record, extract: Extract, *, joint: str = "\n\n", found: Extraction | None = None) -> Row:
    """The columns that extraction adds to a record's row; an exception of a parser costs this record only. What was
    `found` in it with others together is not extracted again."""
    try:
        found = found or _found(record, extract, joint)
    except MemoryError:
        raise
    except Exception as error:
        return _lost("quarantined", _reason(error), f"{type(error).__name__}: {error}")
    if not SIGN.search(found.text):
        return {**_lost("dropped", "empty_text", ""), **found.signals}
    return {"text": found.text, "losses": ",".join(sorted(set(found.losses))) or None, **found.signals}


def found_together(records: Sequence[Record | Rejected | None], extract: Extract) -> list[Extraction | None]:
    """What curate's own extractor makes of the pages among some records; None for all others, and for pages that it
    can only fail on, each by itself."""
    found: list[Extraction | None] = [None] * len(records)
    if not is_own(extract):
        return found
    pages = {number: page for number, record in enumerate(records) if (page := markup_of(record))}
    try:
        together = extract.together([*pages.values()]) if pages else []
    except MemoryError:
        raise
    except Exception:  # whose it is shows when they are taken one by one
        return found
    for number, extraction in zip(pages, together, strict=True):
        found[number] = extraction
    return found


def markup_of(record: Record | Rejected | None) -> Markup | None:
    """The page that a record holds; None for what is none, and for one whose bytes are no text."""
    if not isinstance(record, Record) or record.media not in PAGES or isinstance(record.payload, tuple):
        return None
    try:
        return Markup(_decoded(record.payload, record.media, record.charset), record.media in XHTML)
    except UndecodableText:
        return None


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


def _found(record: Record, extract: Extract, joint: str) -> Extraction:
    """The text, and the names of what a parser is known to have left out of it, of all parts of a record."""
    if not isinstance(record.payload, tuple):
        found = _extract(_decoded(record.payload, record.media, record.charset), record.media, extract)
    else:
        parts = [_extract(_decoded(*part, record.charset), part.media, extract) for part in record.payload]
        losses = tuple(loss for part in parts for loss in part.losses)
        found = Extraction(joint.join(part.text for part in parts if part.text), None, losses)
    framed = unframe(found.text) if record.media in BOOKS else None
    return replace(found, text=framed.text) if framed else found


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
