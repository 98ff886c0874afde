"""Which blocks are kept: those from a score on that makes the expected F1 of the page greatest.

    scores (‰) of a page, by units of text ─▶ F1 that each threshold leads one to expect ─▶ the best one

With scores that are probabilities, the words that are kept by right are the sum of score × units over what is kept, and
the words of the reference are that sum over all. F1 = 2 · right / (kept + reference) is expected to be greatest at one
threshold (Lipton, Elkan and Narayanaswamy 2014, "Optimal thresholding of classifiers to maximize F1 measure"): low on
a page where nothing is sure, high on a page where all is. The F1 itself says how sure the page is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.extract.judge.surroundings import SPAN_UNITS
from curate.text.compiled import inner, kernel

PER_MILLE = 1000
MIN_MOST = 150
"""In per mille: a page none of whose blocks has this score has no content: a shell that a script would fill, say."""

MIN_BODY_SHARE = 700
"""In per mille of the greatest score on the page: what is kept of one of which the body alone is wanted. Its gold asks
for runs of four words, so that a foreign sentence costs more than a lost one."""


def choose_blocks(
    scores: npt.NDArray[np.int16],
    spans: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    *,
    body_only: bool = False,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int16]]:
    """bool[blocks], what is kept, and int16[pages], the F1 that is expected of it in per mille."""
    keep, expected = np.zeros(len(scores), dtype=np.bool_), np.zeros(len(starts) - 1, dtype=np.int16)
    least = MIN_BODY_SHARE if body_only else 0
    _choose(scores, spans, starts, least, np.zeros(PER_MILLE + 1, dtype=np.int64), keep, expected)
    return keep, expected


@kernel
def _choose(scores, spans, starts, least, histogram, keep, expected):
    for page in range(len(starts) - 1):
        begin, end = starts[page], starts[page + 1]
        threshold, expected[page] = best_threshold(scores, spans, begin, end, histogram)
        most = 0
        for block in range(begin, end):
            most = max(most, scores[block])
        threshold = max(threshold, least * most // PER_MILLE)
        for block in range(begin, end):
            keep[block] = most >= MIN_MOST and scores[block] >= threshold


@inner
def best_threshold(scores, spans, begin, end, histogram):
    """The least score that is kept, and the F1 in per mille; `histogram` int64[1001] is scratch, 0 before and after."""
    whole = 0
    for block in range(begin, end):
        histogram[scores[block]] += spans[block, SPAN_UNITS] + 1
        whole += (spans[block, SPAN_UNITS] + 1) * scores[block]
    best, threshold, kept, right = 0, PER_MILLE, 0, 0
    for score in range(PER_MILLE, -1, -1):
        units = histogram[score]
        histogram[score] = 0
        kept += units
        right += units * score
        expected = 2 * PER_MILLE * right // max(PER_MILLE * kept + whole, 1)
        if units > 0 and expected > best:
            best, threshold = expected, score
    return threshold, best
