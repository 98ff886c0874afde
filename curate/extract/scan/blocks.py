"""Runs of text become rows: what was collected since the last boundary, and where in the page it stands.

text[RUN:] ─▶ trimmed ─▶ a row of blocks: its element, list item, cell, heading, bytes in links …
"""

from __future__ import annotations

from curate.extract.scan.columns import (
    AFTER_BREAK,
    ALL_BOLD,
    BEGIN,
    BLOCK_FLAGS,
    BLOCK_WIDTH,
    BOLD_BYTES,
    BREAKS,
    CELL,
    CLOSED,
    CODE_BYTES,
    CONTINUES,
    DROPPED,
    ELEMENT,
    ELEMENT_WIDTH,
    END,
    FIRST_BLOCK,
    IMAGES,
    IN_PRE,
    INPUTS,
    IS_BLOCK,
    IS_LINK,
    ITEM,
    LEVEL,
    LINK_BYTES,
    LINKS,
    LISTS,
    OPENED,
    PREFORMATTED_IN,
    QUOTES,
    STARTS_CELL,
    STARTS_ITEM,
    TABLE,
)
from curate.extract.scan.names import tag_ids
from curate.extract.scan.room import (
    AFTER_BREAKS,
    AT_LISTS,
    AT_PRE,
    AT_QUOTES,
    AT_ROW,
    BREAKS_AHEAD,
    LINE,
    N_BLOCKS,
    N_TEXT,
    RUN,
    RUN_BOLD_BYTES,
    RUN_BREAKS,
    RUN_CLOSED,
    RUN_CODE_BYTES,
    RUN_FLAGS,
    RUN_HOLDER,
    RUN_IMAGES,
    RUN_INPUTS,
    RUN_LINK_BYTES,
    RUN_LINKS,
    RUN_OPENED,
    SPACE,
    STACK_WIDTH,
    TOP,
    blocks_of,
    elements_of,
    last_open_of,
    stack_of,
    state_of,
    text_of,
)
from curate.text.compiled import inner, part

H1, LI, TABLE_TAG, TD, TH, CAPTION = tag_ids("h1 li table td th caption")
"""The six headings stand one behind the other among the names."""
NEWLINE, BLANK = 0x0A, 0x20
NOT_OF_A_BLOCK = DROPPED | IS_BLOCK | IS_LINK


@part
def end_run(room):
    """Make a row of the text since the last boundary, if there is any."""
    state = state_of(room)
    state[SPACE] = state[BREAKS_AHEAD] = 0
    begin, end = state[RUN], state[N_TEXT]
    if begin == end:
        return
    if state[RUN_FLAGS] & IN_PRE:
        begin, end = _trim_kept(text_of(room), begin, end)
    if begin < end:
        row = state[N_BLOCKS] * BLOCK_WIDTH
        _write_run(room, row, begin, end)
        _write_place(room, row)
        state[N_BLOCKS] += 1
        state[RUN_IMAGES] = state[RUN_INPUTS] = 0
    state[RUN] = state[N_TEXT] = end
    state[RUN_LINK_BYTES] = state[RUN_LINKS] = state[RUN_BOLD_BYTES] = state[RUN_CODE_BYTES] = state[RUN_BREAKS] = 0
    state[AFTER_BREAKS] = 0


@inner
def _trim_kept(text, begin, end):
    """Without white space at the end and without blank lines at the beginning; the first line keeps its indentation."""
    while end > begin and text[end - 1] <= BLANK:
        end -= 1
    at = begin
    while at < end and text[at] <= BLANK:
        at += 1
        if text[at - 1] == NEWLINE:
            begin = at
    return begin, end


@inner
def _write_run(room, row, begin, end):
    state, blocks = state_of(room), blocks_of(room)
    blocks[row + ELEMENT] = state[RUN_HOLDER]
    blocks[row + BEGIN], blocks[row + END] = begin, end
    blocks[row + LINK_BYTES], blocks[row + LINKS] = min(state[RUN_LINK_BYTES], end - begin), state[RUN_LINKS]
    blocks[row + BOLD_BYTES] = min(state[RUN_BOLD_BYTES], end - begin)
    blocks[row + CODE_BYTES] = min(state[RUN_CODE_BYTES], end - begin)
    blocks[row + IMAGES], blocks[row + INPUTS] = state[RUN_IMAGES], state[RUN_INPUTS]
    blocks[row + OPENED], blocks[row + CLOSED] = state[RUN_OPENED], state[RUN_CLOSED]
    blocks[row + BREAKS] = state[RUN_BREAKS]
    flags = state[RUN_FLAGS] & ~NOT_OF_A_BLOCK
    if state[RUN_BOLD_BYTES] >= end - begin:
        flags |= ALL_BOLD
    if state[AFTER_BREAKS]:
        flags |= AFTER_BREAK
    elif state[N_BLOCKS] > state[LINE]:
        flags |= CONTINUES
    blocks[row + BLOCK_FLAGS] = flags


@inner
def _write_place(room, row):
    """What it stands in: the stack still is as it was while the text was read."""
    state, blocks, last_open = state_of(room), blocks_of(room), last_open_of(room)
    top = state[TOP] * STACK_WIDTH
    number = state[N_BLOCKS]
    level = 0
    for heading in range(6):
        if last_open[H1 + heading] >= 0:
            level = heading + 1
    blocks[row + LEVEL] = level
    blocks[row + LISTS], blocks[row + QUOTES] = stack_of(room)[top + AT_LISTS], stack_of(room)[top + AT_QUOTES]
    blocks[row + PREFORMATTED_IN] = stack_of(room)[top + AT_PRE]
    blocks[row + ITEM] = item = _row_at(room, last_open[LI])
    if item >= 0 and elements_of(room)[item * ELEMENT_WIDTH + FIRST_BLOCK] == number:
        blocks[row + BLOCK_FLAGS] |= STARTS_ITEM
    table = last_open[TABLE_TAG]
    cell = max(last_open[TD], last_open[TH], last_open[CAPTION])
    blocks[row + TABLE] = _row_at(room, table)
    blocks[row + CELL] = cell = _row_at(room, cell if cell > table else -1)
    if cell >= 0 and elements_of(room)[cell * ELEMENT_WIDTH + FIRST_BLOCK] == number:
        blocks[row + BLOCK_FLAGS] |= STARTS_CELL


@inner
def _row_at(room, level):
    return stack_of(room)[level * STACK_WIDTH + AT_ROW] if level >= 0 else -1
