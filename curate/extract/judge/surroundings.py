"""Which blocks belong together: the same text, the same signature, the same ancestors.

text hash ─▶ slot ─▶ how often on the page        signature ─▶ slot ─▶ blocks, units, bytes, links of the group
element ─▶ the two innermost ancestors with more blocks ─▶ spans, for the second pass
"""

from __future__ import annotations

import numpy as np

from curate.extract.judge.measures import UNITS
from curate.extract.judge.outline import GROUP_SLOT, MEASURES_WIDTH, OUTLINE_WIDTH, TEXT_SLOT, UP, blocks_in
from curate.extract.scan.columns import (
    BEGIN,
    BLOCK_WIDTH,
    ELEMENT,
    ELEMENT_WIDTH,
    END,
    FIRST_BLOCK,
    LAST_BLOCK,
    LINK_BYTES,
)
from curate.text.compiled import inner, part

# Columns of `sums`, int32[slots, SUMS_WIDTH], for texts and signatures alike; a hash of one is never one of the other.
COUNT, SLOT_UNITS, SLOT_BYTES, SLOT_LINKED, FIRST_OF, PASSED = range(6)
SUMS_WIDTH = 6
# Columns of `spans`, int32[blocks, SPANS_WIDTH]; blocks are counted from the first of the batch.
SPAN_UNITS, GROUP, NEAR_FIRST, NEAR_LAST, FAR_FIRST, FAR_LAST = range(6)
SPANS_WIDTH = 6
SPREAD, TOP_BITS = np.uint64(0x9E3779B97F4A7C15), np.uint64(24)
FREE = np.uint64(0)


@part
def group_blocks(blocks, begin, end, first_element, hashes, signs, measures, keys, sums):
    """Put each block's text and signature into the table, with what all of the same hold together."""
    for slot in range(len(keys)):
        keys[slot] = FREE
    for block in range(begin, end):
        at, row = block * BLOCK_WIDTH, (block - begin) * MEASURES_WIDTH
        measures[row + TEXT_SLOT] = _add(keys, sums, hashes[block - begin], block, blocks, at, measures[row + UNITS])
        sign = signs[2 * (blocks[at + ELEMENT] - first_element) + 1]
        measures[row + GROUP_SLOT] = _add(keys, sums, ~sign | np.uint64(1), block, blocks, at, measures[row + UNITS])


@inner
def _add(keys, sums, key, block, blocks, at, units):
    last = len(keys) - 1
    slot = np.int64(key * SPREAD >> TOP_BITS) & last
    while keys[slot] != FREE and keys[slot] != key:
        slot = (slot + 1) & last
    if keys[slot] == FREE:
        keys[slot] = key
        sums[slot, COUNT] = sums[slot, SLOT_UNITS] = sums[slot, SLOT_BYTES] = sums[slot, SLOT_LINKED] = 0
        sums[slot, FIRST_OF], sums[slot, PASSED] = block, 0
    sums[slot, COUNT] += 1
    sums[slot, SLOT_UNITS] += units
    sums[slot, SLOT_BYTES] += blocks[at + END] - blocks[at + BEGIN]
    sums[slot, SLOT_LINKED] += blocks[at + LINK_BYTES]
    return slot


@part
def write_spans(elements, blocks, begin, end, first_element, outline, measures, sums, spans):
    for block in range(begin, end):
        row, element = (block - begin) * MEASURES_WIDTH, blocks[block * BLOCK_WIDTH + ELEMENT]
        spans[block, SPAN_UNITS] = measures[row + UNITS]
        spans[block, GROUP] = sums[measures[row + GROUP_SLOT], FIRST_OF]
        near = innermost(elements, element, first_element, outline)
        spans[block, NEAR_FIRST] = elements[near * ELEMENT_WIDTH + FIRST_BLOCK]
        spans[block, NEAR_LAST] = elements[near * ELEMENT_WIDTH + LAST_BLOCK]
        above = outline[(near - first_element) * OUTLINE_WIDTH + UP]
        far = near if above < 0 else above + first_element
        spans[block, FAR_FIRST] = elements[far * ELEMENT_WIDTH + FIRST_BLOCK]
        spans[block, FAR_LAST] = elements[far * ELEMENT_WIDTH + LAST_BLOCK]


@inner
def innermost(elements, element, first_element, outline):
    """The innermost element around a block that holds another block, too; the root if none does."""
    if blocks_in(elements, element) > 1:
        return element
    up = outline[(element - first_element) * OUTLINE_WIDTH + UP]
    return first_element if up < 0 else up + first_element
