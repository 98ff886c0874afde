"""The table of words learned: which words of class, id and role stand around content, and on which types of page.

    pages with labels ─▶ weight of content and of the rest below each word ─▶ log-odds ─▶ int8
                      ─▶ the same on articles ──────────────────────────────▶ log-odds ─▶ int8
                      ─▶ pages of each type that have the word ─────────────▶ log-odds ─▶ int8

A word counts that stands on several sites, as a word of one site says nothing about another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.extract.judge.words import CONTENT, FIRST_TYPE, IN_ARTICLES, ODDS_WIDTH, PAGE_TYPES, WordTable, word_table
from curate.extract.scan.columns import FIRST_BLOCK, FIRST_WORD, LAST_BLOCK, LAST_WORD
from curate.extract.scan.pages import ScannedPages

ARTICLE = PAGE_TYPES.index("article")
MIN_SITES = 4
PRIOR_WEIGHT = 0.3
"""In pages: how much a word must have around it before it is believed more than the mean of all words."""
PRIOR_PAGES = 4.0
SCALE = 16.0
"""A log-odds of 1 is 16."""
MIN_ODDS = 4
"""A word all of whose numbers are smaller is left out."""
Floats = npt.NDArray[np.float64]


class WordEvidence(NamedTuple):
    """Of one page: each of its words once, `hashes` uint32[words] in order, with the weight of `content` and of the
    `rest` below all elements that have it, float64[words]; its `site`, and its type's number, or -1."""

    hashes: npt.NDArray[np.uint32]
    content: Floats
    rest: Floats
    site: int
    type: int


def evidence_of(scanned: ScannedPages, labels: Floats, weights: Floats, site: int, type_: str | None) -> WordEvidence:
    """What one page, scanned by itself, says of its words; `labels` 0 to 1 and `weights` are its blocks'."""
    elements = scanned.elements
    counts = elements[:, LAST_WORD] - elements[:, FIRST_WORD]
    holders = np.repeat(elements, counts, axis=0)
    hashes, places = np.unique(scanned.words[: int(counts.sum())], return_inverse=True)
    content, rest = (
        np.bincount(places, weights=_below(holders, values), minlength=len(hashes)).astype(np.float64)
        for values in (labels * weights, (1 - labels) * weights)
    )
    return WordEvidence(hashes, content, rest, site, PAGE_TYPES.index(type_) if type_ in PAGE_TYPES else -1)


def _below(elements: npt.NDArray[np.int32], values: Floats) -> Floats:
    before = np.concatenate([[0.0], np.cumsum(values)])
    below: Floats = before[elements[:, LAST_BLOCK]] - before[elements[:, FIRST_BLOCK]]
    return below


def learn_words(pages: Sequence[WordEvidence]) -> WordTable:
    """The table of the words of `pages`."""
    if not pages:
        return word_table(np.zeros(0, dtype=np.uint32), np.zeros((0, ODDS_WIDTH), dtype=np.int8))
    hashes, places = np.unique(np.concatenate([page.hashes for page in pages]), return_inverse=True)
    sizes = [len(page.hashes) for page in pages]
    sites = np.repeat([page.site for page in pages], sizes)
    types = np.repeat([page.type for page in pages], sizes)
    odds = np.zeros((len(hashes), ODDS_WIDTH))
    is_article = types == ARTICLE
    odds[:, CONTENT] = _content_odds(pages, places, np.ones(len(places)), len(hashes))
    odds[:, IN_ARTICLES] = _content_odds(pages, places, is_article.astype(np.float64), len(hashes))
    odds[:, FIRST_TYPE:] = _type_odds(types, places, len(hashes), np.array([page.type for page in pages]))
    whole = np.clip(np.round(odds * SCALE), -127, 127).astype(np.int8)
    pairs = np.unique(np.stack([places, sites]), axis=1)  # each site once for each of its words
    is_common = np.bincount(pairs[0], minlength=len(hashes)) >= MIN_SITES
    is_known = is_common & (np.abs(whole.astype(np.int16)).max(axis=1) >= MIN_ODDS) & (hashes != 0)
    return word_table(hashes[is_known], whole[is_known])


def _content_odds(pages: Sequence[WordEvidence], places: npt.NDArray[np.int64], used: Floats, words: int) -> Floats:
    """Of each word, by the evidence for which `used` is 1."""
    content, rest = (used * np.concatenate([getattr(page, name) for page in pages]) for name in ("content", "rest"))
    share = content.sum() / max(content.sum() + rest.sum(), 1e-9)
    share = min(max(share, 1e-3), 1 - 1e-3)
    inside = np.bincount(places, weights=content, minlength=words) + PRIOR_WEIGHT * share
    outside = np.bincount(places, weights=rest, minlength=words) + PRIOR_WEIGHT * (1 - share)
    odds: Floats = np.log(inside / outside) - np.log(share / (1 - share))
    return odds


def _type_odds(
    types: npt.NDArray[np.int64], places: npt.NDArray[np.int64], words: int, pages: npt.NDArray[np.int64]
) -> Floats:
    """For each word and type the logarithm of how much more frequent the type is where the word is."""
    known = types >= 0
    counts = np.zeros((words, len(PAGE_TYPES)))
    np.add.at(counts, (places[known], types[known]), 1.0)
    whole = np.bincount(pages[pages >= 0], minlength=len(PAGE_TYPES)) + 1.0
    shares = whole / whole.sum()
    odds: Floats = np.log((counts + PRIOR_PAGES * shares) / (counts.sum(axis=1, keepdims=True) + PRIOR_PAGES) / shares)
    return odds
