"""Which tables hold data, and which only place things on the page: known once all of a page's blocks are.

A table is data if it has two columns and two rows at least, its cells hold a block or two each, no heading stands in
it, and no other table. What a layout table holds is text like any other.
"""

from __future__ import annotations

from curate.extract.scan.columns import (
    BLOCK_FLAGS,
    BLOCK_WIDTH,
    ELEMENT_WIDTH,
    KIND,
    LEVEL,
    NUMBER,
    PARENT,
    STARTS_CELL,
    TABLE,
    TAG,
)
from curate.extract.scan.names import tag_ids
from curate.text.compiled import inner, part

(TABLE_TAG,) = tag_ids("table")
MIN_ROWS, MIN_COLUMNS, MAX_BLOCKS_A_CELL = 2, 2, 2
NO_TABLE, LAYOUT, DATA = range(3)


@part
def judge_tables(elements, first, last, blocks, first_block, last_block, inside, kinds, counts):
    """Write into `kinds[first:last]` what each element is as a table: NO_TABLE, LAYOUT or DATA.

    Scratch: `inside` int32, the innermost table around each element; `counts` int32, blocks of a table minus those
    that its cells may have.
    """
    for row in range(first, last):
        at = row * ELEMENT_WIDTH
        around = inside[elements[at + PARENT]] if row > first else -1
        inside[row], kinds[row], counts[row] = around, NO_TABLE, 0
        if elements[at + TAG] == TABLE_TAG:
            inside[row] = row
            is_data = elements[at + NUMBER] >= MIN_ROWS and elements[at + KIND] >= MIN_COLUMNS
            kinds[row] = DATA if is_data else LAYOUT
            if around >= 0:
                kinds[around] = LAYOUT
    for block in range(first_block, last_block):
        _count_block(blocks, block * BLOCK_WIDTH, kinds, counts)
    for row in range(first, last):
        if counts[row] > 0:
            kinds[row] = LAYOUT


@inner
def _count_block(blocks, at, kinds, counts):
    table = blocks[at + TABLE]
    if table >= 0:
        counts[table] += 1
        if blocks[at + BLOCK_FLAGS] & STARTS_CELL:
            counts[table] -= MAX_BLOCKS_A_CELL
        if blocks[at + LEVEL]:
            kinds[table] = LAYOUT
