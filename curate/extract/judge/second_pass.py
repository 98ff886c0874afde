"""The second pass: each block again, with what the first pass thought of its neighbors, its group and its ancestors.

scores of the first pass (‰) + spans ─▶ int16[blocks, SECOND_WIDTH] ─▶ a few small trees ─▶ scores ─▶ `choose`
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.extract.judge.choose import best_threshold
from curate.extract.judge.feature_names import FEATURES, LEVEL_AT
from curate.extract.judge.features import Features
from curate.extract.judge.surroundings import FAR_FIRST, FAR_LAST, GROUP, NEAR_FIRST, NEAR_LAST, SPAN_UNITS
from curate.text.compiled import inner, kernel

COPIED = ("units", "link", "kind", "level", "repeat", "after_h1", "page_blocks", "page_mass", "body_only")
"""Features of the first pass that the second sees, too."""
SECOND = (
    *("own", "at_-2", "at_-1", "at_+1", "at_+2", "within_3", "within_8", "near", "far", "group", "before", "behind"),
    *("page", "most", "rank", "margin", "expected", "heading"),
    *COPIED,
)
SECOND_WIDTH = len(SECOND)
COPIED_AT = SECOND_WIDTH - len(COPIED)
COPIED_FROM = tuple(FEATURES.index(name) for name in COPIED)
BINS = 1001


def second_features(
    scores: npt.NDArray[np.int16], features: Features, starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int16]:
    """int16[blocks, SECOND_WIDTH]; page i has the blocks `starts[i]:starts[i + 1]`, with `scores` in per mille."""
    blocks = len(scores)
    rows = np.empty((blocks, SECOND_WIDTH), dtype=np.int16)
    sums, histogram = np.zeros((blocks + 1, 2), dtype=np.int64), np.zeros(BINS, dtype=np.int64)
    groups = np.zeros((blocks, 2), dtype=np.int64)
    _write_second(scores, features.spans, features.rows, starts, COPIED_FROM, sums, groups, histogram, rows)
    return rows


@kernel
def _write_second(scores, spans, features, starts, copied, sums, groups, histogram, rows):
    for block in range(len(scores)):
        units = spans[block, SPAN_UNITS] + 1  # so that a block of an icon counts, too
        sums[block + 1, 0] = sums[block, 0] + units
        sums[block + 1, 1] = sums[block, 1] + units * scores[block]
        group = spans[block, GROUP]
        groups[group, 0] += units
        groups[group, 1] += units * scores[block]
    for page in range(len(starts) - 1):
        begin, end = starts[page], starts[page + 1]
        threshold, expected = best_threshold(scores, spans, begin, end, histogram)
        most = heading = 0
        for block in range(begin, end):
            most = max(most, scores[block])
        for block in range(begin, end):
            row, score = rows[block], scores[block]
            row[0] = score
            for number in range(4):
                other = block + number - 2 + (number > 1)
                row[1 + number] = scores[other] if begin <= other < end else -1
            row[5], row[6] = (
                _mean(sums, max(block - 3, begin), min(block + 4, end)),
                _mean(sums, max(block - 8, begin), min(block + 9, end)),
            )
            row[7] = _mean(sums, spans[block, NEAR_FIRST], spans[block, NEAR_LAST])
            row[8] = _mean(sums, spans[block, FAR_FIRST], spans[block, FAR_LAST])
            group = spans[block, GROUP]
            row[9] = groups[group, 1] // groups[group, 0]
            row[10], row[11], row[12] = _mean(sums, begin, block), _mean(sums, block + 1, end), _mean(sums, begin, end)
            row[13], row[14] = most, 1000 * score // max(most, 1)
            row[15], row[16], row[17] = score - threshold, expected, heading
            if features[block, LEVEL_AT] > 0:
                heading = score
            for number in range(len(copied)):
                row[COPIED_AT + number] = features[block, copied[number]]


@inner
def _mean(sums, first, last):
    return (sums[last, 1] - sums[first, 1]) // max(sums[last, 0] - sums[first, 0], 1)
