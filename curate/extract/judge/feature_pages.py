"""Features of the page as a whole: its sums, what its head says that it is, and how a block is like its title.

    <title> ─▶ runs of four bytes ─▶ a bit each ─▶ per mille of a block's runs that are the title's, and the other way

Runs of bytes need no words, so that a Japanese title is found as an English one is.
"""

from __future__ import annotations

import numpy as np

from curate.extract.judge.feature_names import PAGE_AT, TITLE_AT, clip, per_mille_of
from curate.extract.judge.outline import (
    ARTICLES,
    BYTES_BEFORE,
    FIELDS,
    FIRST_H1,
    HEADINGS,
    IN_CELL_UNITS,
    IN_ITEM_UNITS,
    IN_P_UNITS,
    KNOWN_WORDS,
    LAST_H1,
    LINKED_BEFORE,
    LONGEST,
    MASS_BEFORE,
    MEASURES_WIDTH,
    PARAGRAPHS,
    PICTURES,
    TYPE_SUMS,
    UNITS_BEFORE,
)
from curate.extract.judge.words import FIRST_TYPE, ODDS_WIDTH
from curate.extract.scan.columns import BEGIN, BLOCK_WIDTH, END
from curate.text.compiled import inner, part

TITLE_BITS = 4096
RUN = 4
TYPES = ODDS_WIDTH - FIRST_TYPE
MAX_TITLE, MAX_LIKE_TITLE = 300, 400
"""Bytes of a title that are looked at, and of a block that is compared with it: a longer one is no title."""
RUN_SPREAD = np.uint64(0x9E3779B97F4A7C15)
FOUR_BYTES, BYTE, TO_BITS = np.uint64(0xFFFFFFFF), np.uint64(8), np.uint64(52)
LOWER_CASE = 0x20
UNTOLD, ARTICLE, WEBSITE, PRODUCT, OTHER = range(5)


@part
def write_title(source, title_begin, title_end, text, blocks, begin, end, bits, rows):
    """`bits` int32[4096] is 0 where no run of the title falls, else 1, or 2 + the block that had it last."""
    for bit in range(TITLE_BITS):
        bits[bit] = 0
    runs, value = 0, np.uint64(0)
    for at in range(title_begin, min(title_end, title_begin + MAX_TITLE)):  # nothing where both are -1
        value = _extend(value, source[at])
        if at - title_begin >= RUN - 1:
            bit = value * RUN_SPREAD >> TO_BITS
            runs += bits[bit] == 0
            bits[bit] = 1
    for block in range(begin, end):
        at = block * BLOCK_WIDTH
        _compare(text, blocks[at + BEGIN], blocks[at + END], bits, runs, block, rows[block])


@inner
def _compare(text, begin, end, bits, runs, block, row):
    row[TITLE_AT] = row[TITLE_AT + 1] = 0
    size = end - begin
    if runs == 0 or size < RUN or size > MAX_LIKE_TITLE:
        return
    hits, covered, value = 0, 0, np.uint64(0)
    for at in range(begin, end):
        value = _extend(value, text[at])
        bit = value * RUN_SPREAD >> TO_BITS
        if at - begin >= RUN - 1 and bits[bit] > 0:
            hits += 1
            covered += bits[bit] != 2 + block
            bits[bit] = 2 + block
    row[TITLE_AT], row[TITLE_AT + 1] = per_mille_of(hits, size - RUN + 1), per_mille_of(covered, runs)


@inner
def _extend(value, byte):
    """The last four bytes, capitals of ASCII as small letters."""
    letter = np.uint64(byte) | np.uint64(LOWER_CASE if 0x41 <= byte <= 0x5A else 0)
    return (value << BYTE | letter) & FOUR_BYTES


@inner
def kind_of_page(source, begin, end):
    """What `og:type` says: `article`, `website`, `product` or `og:product`, or something else."""
    if begin < 0:
        return UNTOLD
    size = end - begin
    if size == 7 and source[begin] == 0x61:  # a
        return ARTICLE
    if size == 7 and source[begin] == 0x77:  # w
        return WEBSITE
    is_product = size >= 7 and (source[begin] == 0x70 or (size >= 10 and source[begin + 3] == 0x70))
    return PRODUCT if is_product and source[end - 1] == 0x74 else OTHER


@part
def write_page(page, begin, end, measures, og_type, body_only, rows):
    """The same for all blocks of a page: written once, and copied."""
    count, sums = end - begin, (end - begin) * MEASURES_WIDTH
    units = measures[sums + UNITS_BEFORE]
    row, at = rows[begin], PAGE_AT
    row[at], row[at + 1] = clip(count), clip(units)
    row[at + 2] = per_mille_of(measures[sums + LINKED_BEFORE], measures[sums + BYTES_BEFORE])
    row[at + 3], row[at + 4] = per_mille_of(page[IN_P_UNITS], units), per_mille_of(page[IN_ITEM_UNITS], units)
    row[at + 5], row[at + 6] = per_mille_of(page[IN_CELL_UNITS], units), clip(page[HEADINGS])
    row[at + 7], row[at + 8] = clip(page[FIELDS]), clip(page[PICTURES])
    row[at + 9] = per_mille_of(measures[sums + MASS_BEFORE], units)
    row[at + 10], row[at + 11], row[at + 12] = clip(page[PARAGRAPHS]), clip(page[LONGEST]), clip(page[ARTICLES])
    row[at + 13], row[at + 14] = clip(page[LAST_H1] - page[FIRST_H1]), clip(page[KNOWN_WORDS])
    for number in range(TYPES):
        row[at + 15 + number] = clip(page[TYPE_SUMS + number])
    row[at + 15 + TYPES], row[at + 16 + TYPES] = og_type, body_only
    for block in range(begin + 1, end):
        for number in range(17 + TYPES):
            rows[block, at + number] = row[at + number]
