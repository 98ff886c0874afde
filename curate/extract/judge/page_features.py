"""Features of a whole page, of which its type and the confidence in its text are told.

first row of the page ─▶ PAGE ─┐
scores, units, what is kept ───┴▶ int16[pages, PAGE_FEATURES]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.extract.judge.feature_names import PAGE, PAGE_AT, clip, per_mille_of
from curate.extract.judge.features import Features
from curate.extract.judge.surroundings import SPAN_UNITS
from curate.text.compiled import kernel

KEPT = (
    "expected",
    "kept_units",
    "kept_share",
    "kept_blocks",
    "kept_link",
    "kept_mean",
    "most",
    "unsure",
    "kept_from",
    "kept_to",
)
"""`unsure`: per mille of the units with scores from 200 to 800; `kept_from` and `kept_to`: how many blocks stand before
the first and behind the last that is kept."""
PAGE_FEATURES = (*PAGE, *KEPT)
LINK = 7


def page_features(
    scores: npt.NDArray[np.int16],
    keep: npt.NDArray[np.bool_],
    expected: npt.NDArray[np.int16],
    features: Features,
    starts: npt.NDArray[np.int64],
) -> npt.NDArray[np.int16]:
    """int16[pages, PAGE_FEATURES]; a page without a block is all 0."""
    rows = np.zeros((len(starts) - 1, len(PAGE_FEATURES)), dtype=np.int16)
    _write_pages(scores, keep, expected, features.rows, features.spans, starts, rows)
    return rows


@kernel
def _write_pages(scores, keep, expected, features, spans, starts, rows):
    for page in range(len(rows)):
        begin, end = starts[page], starts[page + 1]
        if begin == end:
            continue
        row, whole, kept, count, linked, most, unsure = rows[page], 0, 0, 0, 0, 0, 0
        first, last = end, end - 1
        for block in range(begin, end):
            units = spans[block, SPAN_UNITS]
            whole += units
            most = max(most, scores[block])
            unsure += units if 200 <= scores[block] <= 800 else 0
            if keep[block]:
                kept, count, linked = kept + units, count + 1, linked + units * features[block, LINK]
                first, last = min(first, block), block
        for number in range(len(PAGE)):
            row[number] = features[begin, PAGE_AT + number]
        at = len(PAGE)
        row[at], row[at + 1], row[at + 2] = expected[page], clip(kept), per_mille_of(kept, whole)
        row[at + 3], row[at + 4], row[at + 5] = clip(count), linked // max(kept, 1), clip(kept // max(count, 1))
        row[at + 6], row[at + 7] = most, per_mille_of(unsure, whole)
        row[at + 8], row[at + 9] = clip(first - begin), clip(end - 1 - last)
