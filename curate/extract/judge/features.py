"""The features of a block: some 150 whole numbers that say how it looks, where it stands, and what is around.

    ScannedPages ─▶ outline and measures, page by page ─▶ int16[blocks, WIDTH]: own | place | around | beside | page

No feature knows a word of any language; words of class and id are known by what `words` says of them. A page's rows
depend on that page alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.extract.judge.feature_groups import write_around, write_beside, write_own, write_place
from curate.extract.judge.feature_names import WIDTH
from curate.extract.judge.feature_pages import TITLE_BITS, kind_of_page, write_page, write_title
from curate.extract.judge.kinds import asked_kinds, kinds_of_tags
from curate.extract.judge.outline import (
    MEASURES_WIDTH,
    MIDDLE_60,
    MIDDLE_90,
    OUTLINE_WIDTH,
    PAGE_WIDTH,
    SHARED_60,
    SHARED_90,
    find_middle,
    measure_blocks,
    outline_elements,
    share_ways,
    sum_up,
)
from curate.extract.judge.surroundings import SPANS_WIDTH, SUMS_WIDTH, group_blocks, write_spans
from curate.extract.judge.words import WordTable
from curate.extract.scan.columns import FACTS
from curate.extract.scan.pages import ScannedPages
from curate.text.compiled import kernel, pointer

TITLE, OG_TYPE = FACTS.index("title"), FACTS.index("og_type")


class Features(NamedTuple):
    """`rows` int16[blocks, WIDTH]; `spans` int32[blocks, SPANS_WIDTH], what the second pass needs to know of places;
    `pages` int64[pages, PAGE_WIDTH], the sums of whole pages."""

    rows: npt.NDArray[np.int16]
    spans: npt.NDArray[np.int32]
    pages: npt.NDArray[np.int64]


def features_of(scanned: ScannedPages, words: WordTable, *, body_only: bool = False) -> Features:
    """The features of all blocks of a batch; `body_only` asks for the convention without titles."""
    starts = np.ascontiguousarray(scanned.starts[:, [0, 2]])
    elements, blocks = (int(np.diff(starts[:, column]).max(initial=0)) for column in (0, 1))
    rows = np.empty((len(scanned.blocks), WIDTH), dtype=np.int16)
    spans = np.empty((len(scanned.blocks), SPANS_WIDTH), dtype=np.int32)
    pages = np.zeros((len(starts) - 1, PAGE_WIDTH), dtype=np.int64)
    slots = 1 << max(6, int(2 * blocks + 1).bit_length())
    _write_features(
        (scanned.elements, scanned.blocks, scanned.words, scanned.text, scanned.source, scanned.facts, starts),
        (kinds_of_tags(), asked_kinds(), words.keys, words.odds),
        (
            np.empty((elements + 1, OUTLINE_WIDTH), dtype=np.int32),
            np.empty((blocks + 1, MEASURES_WIDTH), dtype=np.int32),
            np.empty(elements + 1, dtype=np.uint64),
            np.empty((elements + 1, 2), dtype=np.uint64),
            np.empty(blocks + 1, dtype=np.uint64),
            np.zeros(len(words.keys), dtype=np.int32),
            np.empty(slots, dtype=np.uint64),
            np.empty((slots, SUMS_WIDTH), dtype=np.int32),
            np.empty(TITLE_BITS, dtype=np.int32),
        ),
        body_only,
        rows,
        spans,
        pages,
    )
    return Features(rows, spans, pages)


@kernel
def _write_features(scanned, tables, scratch, body_only, rows, spans, pages):
    elements, blocks, words, text = pointer(scanned[0]), pointer(scanned[1]), pointer(scanned[2]), pointer(scanned[3])
    source, facts, starts = pointer(scanned[4]), scanned[5], scanned[6]
    kinds, asked, keys, odds = pointer(tables[0]), tables[1], pointer(tables[2]), pointer(tables[3])
    outline, measures, masks, signs = pointer(scratch[0]), pointer(scratch[1]), pointer(scratch[2]), pointer(scratch[3])
    hashes, seen, slot_keys, slot_sums, title = (
        pointer(scratch[4]),
        pointer(scratch[5]),
        scratch[6],
        scratch[7],
        scratch[8],
    )
    for number in range(len(pages)):
        page = pages[number]
        first, last = starts[number, 0], starts[number + 1, 0]
        begin, end = starts[number, 1], starts[number + 1, 1]
        if begin == end:
            continue
        measure_blocks(blocks, text, begin, end, measures, hashes)
        outline_elements(
            elements, words, first, last, kinds, keys, odds, len(tables[2]), seen, outline, masks, signs, page
        )
        sum_up(blocks, elements, begin, end - begin, first, measures, masks, page)
        for column, shared, tenths in ((MIDDLE_60, SHARED_60, 6), (MIDDLE_90, SHARED_90, 9)):
            page[column] = find_middle(elements, first, last, begin, end - begin, measures, tenths)
            share_ways(elements, first, last, page[column], outline, shared)
        group_blocks(blocks, begin, end, first, hashes, signs, measures, slot_keys, slot_sums)
        write_spans(elements, blocks, begin, end, first, outline, measures, slot_sums, spans)
        write_own(blocks, begin, end, measures, slot_sums, rows)
        write_place(elements, blocks, begin, end, first, outline, masks, asked, measures, page, rows)
        write_around(elements, blocks, begin, end, first, outline, measures, rows)
        write_beside(elements, blocks, begin, end, first, outline, measures, signs, rows)
        write_title(source, facts[number, TITLE, 0], facts[number, TITLE, 1], text, blocks, begin, end, title, rows)
        og_type = kind_of_page(source, facts[number, OG_TYPE, 0], facts[number, OG_TYPE, 1])
        write_page(page, begin, end, measures, og_type, body_only, rows)
