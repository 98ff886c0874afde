"""The judge: which blocks of a page are its content, what type of page it is, and how sure that is.

    ScannedPages ─▶ features ─▶ first trees ─▶ second features ─▶ second trees ─▶ choice of blocks
                                                                       └▶ page features ─▶ type, confidence

A page's answer depends on that page alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.extract.judge.choose import choose_blocks
from curate.extract.judge.features import features_of
from curate.extract.judge.model import JudgeModel, load_judge
from curate.extract.judge.page_features import page_features
from curate.extract.judge.second_pass import second_features
from curate.extract.judge.surroundings import SPAN_UNITS
from curate.extract.judge.trees import per_mille, sums_of
from curate.extract.judge.words import PAGE_TYPES
from curate.extract.scan.pages import ScannedPages


class Judgment(NamedTuple):
    """Of blocks: `keep` bool[blocks], and `scores` int16[blocks], how probably they are content, in per mille.

    Of pages: `types` uint8[pages], numbers in PAGE_TYPES; `confidence` int16[pages], the F1 that is expected of the
    text, and `boilerplate` int16[pages], how much of the page's text is left out, both in per mille.
    """

    keep: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.int16]
    types: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.int16]
    boilerplate: npt.NDArray[np.int16]


def judge_pages(scanned: ScannedPages, *, title: bool = True, model: JudgeModel | None = None) -> Judgment:
    """Judge all blocks of a batch; with `title` headings, titles and bylines of the content count as content, too.

    Raises:
        UsageError: the model that ships cannot be read.
    """
    model = model or load_judge()
    starts = np.ascontiguousarray(scanned.starts[:, 2])
    features = features_of(scanned, model.words, body_only=not title)
    first = per_mille(sums_of(model.first, features.rows))
    scores = per_mille(sums_of(model.second, second_features(first, features, starts)))
    keep, expected = choose_blocks(scores, features.spans, starts, body_only=not title)
    rows = page_features(scores, keep, expected, features, starts)
    types = np.stack([sums_of(trees, rows) for trees in model.types]).argmax(axis=0).astype(np.uint8)
    return Judgment(
        keep, scores, types, per_mille(sums_of(model.confidence, rows)), _left_out(features.spans, keep, starts)
    )


def type_names(judgment: Judgment) -> list[str]:
    """The type of each page, as a word."""
    return [PAGE_TYPES[number] for number in judgment.types]


def _left_out(
    spans: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int16]:
    """Per mille of the units of each page; 0 where it has none."""
    units = spans[:, SPAN_UNITS].astype(np.int64)
    whole, left = (np.concatenate([[0], np.cumsum(values)]) for values in (units, np.where(keep, 0, units)))
    total = whole[starts[1:]] - whole[starts[:-1]]
    shares = 1000 * (left[starts[1:]] - left[starts[:-1]]) // np.maximum(total, 1)
    return np.asarray(shares, dtype=np.int16)
