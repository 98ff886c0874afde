"""curate's own extractor: pages scanned, judged block by block and written by compiled kernels, many at once.

    pages ─▶ scan ─▶ judge: which blocks are content? ─▶ text, title, signals
                └─ none is ─▶ the text that the page states as data ─▶ its noscript ─▶ ""

What comes of a page depends on that page alone, never on those that are extracted with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from html import unescape
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.extract.extraction import LINKS, PAGE_SIGNALS, Extraction, JudgedBlock, Markup, TextFormat
from curate.extract.judge.judge import Judgment, judge_pages, type_names
from curate.extract.scan.columns import (
    BEGIN,
    BLOCK_FLAGS,
    ELEMENT,
    END,
    FACTS,
    FIRST_BLOCK,
    HIDDEN,
    IN_NOSCRIPT,
    LAST_BLOCK,
    PARENT,
    TAG,
)
from curate.extract.scan.details import facts_of_page, links_of_page
from curate.extract.scan.names import TAGS, tag_ids
from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages
from curate.extract.scan.writer import write_pages
from curate.extract.structured import stated_text
from curate.extract.xhtml import without_doctype
from curate.text.buffers import TextBuffers

TITLE = FACTS.index("title")
BLOCKS, SCRIPTS = 2, 5
"""Columns of `ScannedPages.starts`."""
FACT_NAMES = {"og_site_name": "site"}
"""Where a column says it in other words than the scanner."""
MAX_INSIDE, MAX_PATH = 2, 4
CAPTIONS = tag_ids("figcaption caption")
MIN_EXCUSE = 200
"""Bytes from which on a noscript holds content, not an excuse for there being none."""


def extract_pages(
    pages: Sequence[Markup], *, title: bool = True, style: TextFormat = "text", facts: Collection[str] = ()
) -> list[Extraction]:
    """The readable text of each page. With `title`, headings, titles and bylines of the content are content, too.
    `facts` are columns of `PAGE_FACTS` that are wanted among the signals.

    Time and memory are linear in the bytes of the pages, whatever they are.
    """
    is_xhtml = np.array([page.is_xhtml for page in pages], dtype=np.bool_)
    scanned = scan_pages(as_pages(*map(_source, pages)), is_xhtml)
    judged = judge_pages(scanned, title=title)
    texts = list(_texts(write_pages(scanned, _kept(judged, scanned), style=style)))
    signals = [
        measured | (_stated_facts(scanned, page, facts) if facts else {})
        for page, measured in enumerate(_signals(judged))
    ]
    empty = [number for number, text in enumerate(texts) if not text or text.isspace()]
    for page, excuse in zip(empty, _of_noscripts(scanned, empty, style), strict=True):
        texts[page] = _stated(scanned, page) or excuse
    return [Extraction(text.strip(), _title(scanned, page), (), signals[page]) for page, text in enumerate(texts)]


def _source(page: Markup) -> str:
    """What the scanner reads: entities that a page of XML declares for itself are written out."""
    return without_doctype(page.html) if page.is_xhtml else page.html


def judged_blocks(page: Markup, *, title: bool = True) -> list[JudgedBlock]:
    """The blocks of a page in their order, as `extract_pages` judges them."""
    scanned = scan_pages(as_pages(_source(page)), np.array([page.is_xhtml]))
    judged = judge_pages(scanned, title=title)
    columns = scanned.blocks[:, [ELEMENT, BEGIN, END]].tolist()
    return [
        JudgedBlock(score / 1000, kept, _path(scanned, element), scanned.text[begin:end].tobytes().decode().strip())
        for score, kept, (element, begin, end) in zip(
            judged.scores.tolist(), _kept(judged, scanned).astype(bool).tolist(), columns, strict=True
        )
    ]


def _path(scanned: ScannedPages, row: int) -> str:
    """The innermost elements that a block stands in, the outer ones first."""
    names: list[str] = []
    while row >= 0 and len(names) < MAX_PATH:
        names.append(TAGS[scanned.elements[row, TAG]])
        row = int(scanned.elements[row, PARENT])
    return " > ".join(reversed(names))


def _kept(judged: Judgment, scanned: ScannedPages) -> npt.NDArray[np.uint8]:
    return _with_captions(judged.keep & ~_excuses(scanned), scanned).view(np.uint8)


def _excuses(scanned: ScannedPages) -> npt.NDArray[np.bool_]:
    """bool[blocks]: those of each page's noscript where all of it is so short that it only asks for scripts."""
    blocks = scanned.blocks
    is_within: npt.NDArray[np.bool_] = blocks[:, BLOCK_FLAGS] & IN_NOSCRIPT != 0
    if not is_within.any():
        return is_within
    page_of = np.repeat(np.arange(len(scanned.starts) - 1), np.diff(scanned.starts[:, BLOCKS]))
    sizes = np.where(is_within, blocks[:, END] - blocks[:, BEGIN], 0)
    is_short: npt.NDArray[np.bool_] = np.bincount(page_of, weights=sizes)[page_of] < MIN_EXCUSE
    return is_within & is_short


def _with_captions(keep: npt.NDArray[np.bool_], scanned: ScannedPages) -> npt.NDArray[np.bool_]:
    """The same, and the caption of every figure and table of which something else is kept: it says what that is."""
    elements, blocks = scanned.elements, scanned.blocks
    caption = blocks[:, ELEMENT]
    for _ in range(MAX_INSIDE):  # a caption may hold its text in paragraphs of its own
        caption = np.where(np.isin(elements[caption, TAG], CAPTIONS), caption, np.maximum(elements[caption, PARENT], 0))
    is_caption = np.isin(elements[caption, TAG], CAPTIONS) & (blocks[:, BLOCK_FLAGS] & HIDDEN == 0)
    holder = elements[caption, PARENT]
    kept_before = np.concatenate([[0], np.cumsum(keep)])  # so that a figure of a million captions is no million looks
    has_kept: npt.NDArray[np.bool_] = (
        kept_before[elements[holder, LAST_BLOCK]] > kept_before[elements[holder, FIRST_BLOCK]]
    )
    with_captions: npt.NDArray[np.bool_] = keep | (is_caption & has_kept)
    return with_captions


def _texts(written: TextBuffers) -> Iterator[str]:
    data, ends = written.data.tobytes(), written.offsets.tolist()
    for page in range(written.documents):
        yield data[ends[page] : ends[page + 1]].decode()


def _signals(judged: Judgment) -> list[dict[str, Any]]:
    columns = type_names(judged), (judged.confidence / 1000).tolist(), (judged.boilerplate / 1000).tolist()
    return [dict(zip(PAGE_SIGNALS, values, strict=True)) for values in zip(*columns, strict=True)]


def _stated_facts(scanned: ScannedPages, page: int, wanted: Collection[str]) -> dict[str, Any]:
    """What a page says of itself, by the names of its columns."""
    said = {f"page_{FACT_NAMES.get(name, name)}": value or None for name, value in facts_of_page(scanned, page).items()}
    found: dict[str, Any] = {name: said.get(name) for name in wanted}
    if LINKS in found:
        found[LINKS] = [{"url": url, "text": text} for url, text in links_of_page(scanned, page)]
    return found


def _title(scanned: ScannedPages, page: int) -> str | None:
    begin, end = scanned.facts[page, TITLE].tolist()
    title = unescape(scanned.source[begin:end].tobytes().decode()) if begin >= 0 else ""
    return " ".join(title.split()) or None


def _stated(scanned: ScannedPages, page: int) -> str:
    first, last = scanned.starts[page : page + 2, SCRIPTS].tolist()
    return stated_text(scanned.source[begin:end].tobytes() for begin, end in scanned.scripts[first:last].tolist())


def _of_noscripts(scanned: ScannedPages, pages: Sequence[int], style: TextFormat) -> list[str]:
    """Of some pages, written together. Discourse, Flarum and others put the whole page there, and let scripts draw
    another."""
    flags = scanned.blocks[:, BLOCK_FLAGS]
    keep = (flags & IN_NOSCRIPT != 0) & (flags & HIDDEN == 0)
    if not pages or not keep.any():
        return [""] * len(pages)
    texts = list(_texts(write_pages(scanned, keep.astype(np.uint8), style=style)))
    return [texts[page] if len(texts[page].encode()) >= MIN_EXCUSE else "" for page in pages]
