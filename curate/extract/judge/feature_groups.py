"""The kernels that write the features, one for each group of `feature_names`, in the order of its names."""

from __future__ import annotations

import numpy as np

from curate.extract.judge.feature_names import (
    AROUND_AT,
    AROUND_EACH,
    BESIDE_AT,
    IN_AT,
    LEVEL_AT,
    MOST,
    NOWHERE,
    OUTLINED,
    PLACE_AT,
    SINCE_AT,
    TO_HEADING,
    WORDS_AT,
    clip,
    per_mille_of,
)
from curate.extract.judge.kinds import stands_in
from curate.extract.judge.measures import UNITS
from curate.extract.judge.outline import (
    BYTES_BEFORE,
    FIRST_H1,
    FIRST_LONG,
    GROUP_SLOT,
    KIND,
    LAST_H1,
    LAST_LONG,
    LINKED_BEFORE,
    MASS_BEFORE,
    MEASURES_WIDTH,
    MIDDLE_60,
    MIDDLE_90,
    NEAREST,
    OUTLINE_WIDTH,
    OWN_SUM,
    PATH_SUM,
    SHARED_60,
    SHARED_90,
    TEXT_SLOT,
    UNITS_BEFORE,
    UP,
    blocks_in,
    sum_in,
)
from curate.extract.judge.surroundings import COUNT, PASSED, SLOT_BYTES, SLOT_LINKED, SLOT_UNITS, innermost
from curate.extract.scan.columns import (
    BEGIN,
    BLOCK_FLAGS,
    BLOCK_WIDTH,
    BOLD_BYTES,
    BREAKS,
    CODE_BYTES,
    DEPTH,
    ELEMENT,
    ELEMENT_WIDTH,
    END,
    FIRST_BLOCK,
    IMAGES,
    INPUTS,
    LAST_BLOCK,
    LEVEL,
    LINK_BYTES,
    LINKS,
    LISTS,
    PARENT,
    QUOTES,
    TABLE,
)
from curate.text.compiled import inner, part

OWN_FLAGS = 0x3F
"""Of BLOCK_FLAGS: hidden, in pre, noscript, template, a control or a label."""
PLACES = 4
WORD_PLACES = 3
WINDOW = 6


@part
def write_own(blocks, begin, end, measures, sums, rows):
    for block in range(begin, end):
        at, row, measured = block * BLOCK_WIDTH, rows[block], (block - begin) * MEASURES_WIDTH
        for number in range(7):
            row[number] = clip(measures[measured + number])
        size = blocks[at + END] - blocks[at + BEGIN]
        row[7], row[8] = per_mille_of(blocks[at + LINK_BYTES], size), clip(blocks[at + LINKS])
        row[9], row[10] = per_mille_of(blocks[at + BOLD_BYTES], size), per_mille_of(blocks[at + CODE_BYTES], size)
        row[11], row[12] = clip(blocks[at + IMAGES]), clip(blocks[at + INPUTS])
        row[13], row[14] = clip(blocks[at + BREAKS]), blocks[at + LEVEL]
        row[15], row[16] = clip(blocks[at + LISTS]), clip(blocks[at + QUOTES])
        row[17], row[18] = blocks[at + TABLE] >= 0, blocks[at + BLOCK_FLAGS] & OWN_FLAGS
        text, group = measures[measured + TEXT_SLOT], measures[measured + GROUP_SLOT]
        row[19], row[20] = clip(sums[text, COUNT]), clip(sums[text, PASSED])
        row[21], row[22] = clip(sums[group, COUNT]), clip(sums[group, SLOT_UNITS])
        row[23] = per_mille_of(sums[group, SLOT_LINKED], sums[group, SLOT_BYTES])
        row[24] = clip(sums[group, PASSED])
        sums[text, PASSED] += 1
        sums[group, PASSED] += 1


@part
def write_place(elements, blocks, begin, end, first, outline, masks, asked, measures, page, rows):
    count = end - begin
    total = measures[count * MEASURES_WIDTH + UNITS_BEFORE]
    units = passed = level = 0
    for block in range(count):
        row, element = rows[begin + block], blocks[(begin + block) * BLOCK_WIDTH + ELEMENT]
        _write_kinds(elements, element, first, outline, masks, asked, row)
        before, own = measures[block * MEASURES_WIDTH + UNITS_BEFORE], measures[block * MEASURES_WIDTH + UNITS]
        at = SINCE_AT
        row[at], row[at + 1], row[at + 2] = clip(block), clip(count - 1 - block), 1000 * block // count
        row[at + 3], row[at + 4] = per_mille_of(before, total), clip(before)
        row[at + 5] = clip(total - before - own)
        row[at + 6], row[at + 7] = _since(block, page[FIRST_H1]), _since(block, page[LAST_H1])
        row[at + 8], row[at + 9], row[at + 10] = clip(units), level, clip(passed)
        row[at + 12], row[at + 13] = _since(block, page[FIRST_LONG]), _since(block, page[LAST_LONG])
        _write_middles(elements, element, begin + block, first, outline, page, row, at + 14)
        units, passed = units + own, passed + 1
        if row[LEVEL_AT] > 0:
            units, passed, level = 0, 0, row[LEVEL_AT]
    ahead = MOST
    for block in range(end - 1, begin - 1, -1):
        rows[block, TO_HEADING] = ahead
        ahead = 1 if rows[block, LEVEL_AT] > 0 else min(ahead + 1, MOST)


@inner
def _since(block, other):
    return clip(block - other) if other >= 0 else NOWHERE


@inner
def _write_kinds(elements, element, first, outline, masks, asked, row):
    at = PLACE_AT
    parent = elements[element * ELEMENT_WIDTH + PARENT]
    grandparent = elements[parent * ELEMENT_WIDTH + PARENT] if parent >= first else -1
    row[at] = outline[(element - first) * OUTLINE_WIDTH + KIND]
    row[at + 1] = outline[(parent - first) * OUTLINE_WIDTH + KIND] if parent >= first else -1
    row[at + 2] = outline[(grandparent - first) * OUTLINE_WIDTH + KIND] if grandparent >= first else -1
    row[at + 3] = clip(elements[element * ELEMENT_WIDTH + DEPTH])
    mask = masks[element - first]
    for number in range(len(asked)):
        row[IN_AT + number] = stands_in(mask, asked[number])


@inner
def _write_middles(elements, element, block, first, outline, page, row, at):
    own = (element - first) * OUTLINE_WIDTH
    middle, wider = page[MIDDLE_60] * ELEMENT_WIDTH, page[MIDDLE_90] * ELEMENT_WIDTH
    row[at] = clip(elements[middle + DEPTH] - outline[own + SHARED_60])
    row[at + 1] = clip(elements[wider + DEPTH] - outline[own + SHARED_90])
    row[at + 2] = _side(block, elements[middle + FIRST_BLOCK], elements[middle + LAST_BLOCK])
    row[at + 3] = _side(block, elements[wider + FIRST_BLOCK], elements[wider + LAST_BLOCK])
    row[at + 4] = clip(elements[element * ELEMENT_WIDTH + DEPTH] - outline[own + SHARED_60])


@inner
def _side(block, first, last):
    return -1 if block < first else np.int64(block >= last)


@part
def write_around(elements, blocks, begin, end, first, outline, measures, rows):
    total = measures[(end - begin) * MEASURES_WIDTH + UNITS_BEFORE]
    for block in range(begin, end):
        row, element = rows[block], blocks[block * BLOCK_WIDTH + ELEMENT]
        for number in range(OUTLINED):
            row[WORDS_AT + number] = clip(outline[(element - first) * OUTLINE_WIDTH + OWN_SUM + number])
        around = innermost(elements, element, first, outline)
        for place in range(PLACES):
            at = AROUND_AT + place * AROUND_EACH
            if around < 0:
                for number in range(AROUND_EACH):
                    row[at + number] = -1
                if place < WORD_PLACES:
                    row[WORDS_AT + OUTLINED + place] = 0
                continue
            units = sum_in(elements, around, begin, measures, UNITS_BEFORE)
            count = max(blocks_in(elements, around), 1)
            linked, size = (
                sum_in(elements, around, begin, measures, LINKED_BEFORE),
                sum_in(elements, around, begin, measures, BYTES_BEFORE),
            )
            row[at], row[at + 1], row[at + 2] = per_mille_of(units, total), per_mille_of(linked, size), clip(count)
            row[at + 3] = clip(units // count)
            row[at + 4] = per_mille_of(sum_in(elements, around, begin, measures, MASS_BEFORE), units)
            row[at + 5] = clip(block - elements[around * ELEMENT_WIDTH + FIRST_BLOCK])
            row[at + 6] = clip(elements[around * ELEMENT_WIDTH + LAST_BLOCK] - 1 - block)
            if place < WORD_PLACES:
                row[WORDS_AT + OUTLINED + place] = clip(outline[(around - first) * OUTLINE_WIDTH + PATH_SUM])
            up = outline[(around - first) * OUTLINE_WIDTH + UP]
            around = up + first if up >= 0 else -1


@part
def write_beside(elements, blocks, begin, end, first, outline, measures, signs, rows):
    for block in range(begin, end):
        row, own = rows[block], blocks[block * BLOCK_WIDTH + ELEMENT]
        around = innermost(elements, own, first, outline)
        for number in range(4):
            other = block + number - 2 + (number > 1)  # two before, one before, one behind, two behind
            at = BESIDE_AT + 5 * number
            if other < begin or other >= end:
                row[at] = row[at + 1] = row[at + 2] = row[at + 4] = -1
                row[at + 3] = 0
                continue
            element = blocks[other * BLOCK_WIDTH + ELEMENT]
            row[at], row[at + 1] = rows[other, 0], rows[other, 7]
            row[at + 2] = outline[(element - first) * OUTLINE_WIDTH + KIND]
            row[at + 3] = clip(outline[(element - first) * OUTLINE_WIDTH + NEAREST])
            is_same = signs[2 * (element - first) + 1] == signs[2 * (own - first) + 1]
            is_inside = (
                _side(
                    other, elements[around * ELEMENT_WIDTH + FIRST_BLOCK], elements[around * ELEMENT_WIDTH + LAST_BLOCK]
                )
                == 0
            )
            row[at + 4] = 1 if is_same else 2 * is_inside
        _write_window(
            max(block - WINDOW, begin) - begin, block - begin, min(block + WINDOW + 1, end) - begin, measures, row
        )


@inner
def _write_window(low, block, high, measures, row):
    """Links and units among the blocks `low:high`, and before and behind `block` alone."""
    at = BESIDE_AT + 20
    row[at] = _linked_between(low, high, measures)
    row[at + 1] = clip(measures[high * MEASURES_WIDTH + UNITS_BEFORE] - measures[low * MEASURES_WIDTH + UNITS_BEFORE])
    row[at + 2] = _linked_between(low, block, measures)
    row[at + 3] = _linked_between(block + 1, high, measures)


@inner
def _linked_between(low, high, measures):
    begin, end = low * MEASURES_WIDTH, high * MEASURES_WIDTH
    return per_mille_of(
        measures[end + LINKED_BEFORE] - measures[begin + LINKED_BEFORE],
        measures[end + BYTES_BEFORE] - measures[begin + BYTES_BEFORE],
    )
