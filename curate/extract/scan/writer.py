"""The text of a page from its blocks and a mask of those that are kept: plain, or as Markdown.

    blocks, keep ─▶ what stands between two of them ─▶ marks of items, headings, cells, fences ─▶ UTF-8

Paragraphs have an empty line between them, items and rows a line each. Items are marked with their real numbers and
indented by their depth; the cells of a table of data stand in a row, with a tab between them, or a bar in Markdown;
code keeps its white space. Bold, italics and links are not marked.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.extract.scan.columns import (
    BEGIN,
    BLOCK_FLAGS,
    BLOCK_WIDTH,
    CELL,
    CONTINUES,
    ELEMENT,
    ELEMENT_WIDTH,
    END,
    ITEM,
    KIND,
    LEVEL,
    LISTS,
    NUMBER,
    PARENT,
    PREFORMATTED_IN,
    QUOTES,
    TABLE,
    TAG,
)
from curate.extract.scan.languages import LONGEST_LANGUAGE, write_language
from curate.extract.scan.marks import LONGEST_MARK, write_mark
from curate.extract.scan.names import tag_ids
from curate.extract.scan.pages import ScannedPages
from curate.extract.scan.tables import DATA, judge_tables
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, is_compiled, kernel, part, pointer

Format = Literal["text", "markdown"]
BLANK, TAB, NEWLINE, PIPE, HASH, GREATER, BACKTICK, MINUS = b" \t\n|#>`-"
DD, DT = tag_ids("dd dt")
MAX_LISTS, MAX_QUOTES, MAX_EMPTY = 8, 8, 16
"""Levels of lists and quotations that are shown, and empty cells in a row."""
MAX_INDENT = 2 * MAX_LISTS + 2 * MAX_QUOTES
MAX_COLUMNS = 64
MAX_AROUND = 2 * MAX_INDENT + LONGEST_MARK + LONGEST_LANGUAGE + 3 * MAX_EMPTY + 48
"""Bytes that stand around a block at most, but for indented lines and the rule below a table's head."""


def write_pages(scanned: ScannedPages, keep: npt.NDArray[np.uint8], *, style: Format = "text") -> TextBuffers:
    """The text of each page, from the blocks whose `keep` (uint8[blocks]) is not 0."""
    blocks = scanned.blocks
    lines = int(np.count_nonzero(scanned.text == NEWLINE))
    tables = int(np.count_nonzero(np.diff(blocks[:, TABLE], prepend=-1)))
    size = len(scanned.text) + lines * MAX_INDENT + len(blocks) * MAX_AROUND + tables * MAX_COLUMNS * 6
    data = np.empty(size, dtype=np.uint8)
    offsets = np.zeros(len(scanned.starts), dtype=np.int64)
    elements = len(scanned.elements)
    scratch = np.empty((3, elements), dtype=np.int32)
    _write_all(
        scanned.source, scanned.starts, scanned.elements, blocks, scanned.text, np.ascontiguousarray(keep, np.uint8),
        style == "markdown", scratch[0], scratch[1], scratch[2], data, offsets,
    )  # fmt: skip
    return TextBuffers(data[: offsets[-1]], offsets)


def writer_is_compiled() -> bool:
    """Whether the last kernel that an extraction takes is, and so all of them."""
    return is_compiled(_write_all)


@kernel
def _write_all(source, starts, elements, blocks, text, keep, is_markdown, inside, kinds, counts, data, offsets):
    rows, items, taken, into = pointer(elements), pointer(blocks), pointer(keep), pointer(data)
    around, tables, marked, read, page_source = (
        pointer(inside), pointer(kinds), pointer(counts), pointer(text), pointer(source)
    )  # fmt: skip
    out = np.int64(0)
    for page in range(len(offsets) - 1):
        first, last = starts[page, 0], starts[page + 1, 0]
        first_block, last_block = starts[page, 2], starts[page + 1, 2]
        judge_tables(rows, first, last, items, first_block, last_block, around, tables, marked)
        for row in range(first, last):
            marked[row] = 0  # from here on: whether the item was marked, the head of the table written
        out = _write_page(
            page_source, rows, items, read, taken, first_block, last_block, is_markdown, tables, marked, into, out
        )
        offsets[page + 1] = out


@part
def _write_page(source, elements, blocks, text, keep, first, last, is_markdown, tables, marked, data, out):
    begin, before = out, np.int64(-1)
    for block in range(first, last):
        if keep[block]:
            at = block * BLOCK_WIDTH
            out = _write_between(elements, blocks, before, at, is_markdown, tables, marked, data, out)
            out = _write_before(source, elements, blocks, before, at, is_markdown, tables, marked, data, out)
            out = _write_block(blocks, text, at, is_markdown, tables, data, out)
            before = at
    if before >= 0:
        out = _write_after(elements, blocks, before, np.int64(-1), is_markdown, tables, marked, data, out)
    while out > begin and data[out - 1] == NEWLINE:
        out -= 1
    return out


@inner
def _data_table(blocks, at, tables):
    """The row of the table of data that a block is a cell of, or -1."""
    table = blocks[at + TABLE]
    return table if table >= 0 and blocks[at + CELL] >= 0 and tables[table] == DATA else -1


@inner
def _row_of(elements, blocks, at):
    return elements[blocks[at + CELL] * ELEMENT_WIDTH + PARENT]


@inner
def _goes_on(blocks, before, at):
    """Whether the same line goes on: its neighbor in the page comes right before."""
    return before >= 0 and blocks[at + BLOCK_FLAGS] & CONTINUES != 0 and before == at - BLOCK_WIDTH


@part
def _write_between(elements, blocks, before, at, is_markdown, tables, marked, data, out):
    """End the block before, and the line, or the cell."""
    if before < 0:
        return out
    table = _data_table(blocks, at, tables)
    if table >= 0 and table == _data_table(blocks, before, tables):
        if _row_of(elements, blocks, at) == _row_of(elements, blocks, before):
            if blocks[at + CELL] == blocks[before + CELL]:
                data[out] = BLANK
                return out + 1
            return _write_bars(elements, blocks, before, at, is_markdown, data, out)
        return _write_after(elements, blocks, before, at, is_markdown, tables, marked, data, out)
    if _goes_on(blocks, before, at) and blocks[at + PREFORMATTED_IN] == blocks[before + PREFORMATTED_IN]:
        data[out] = BLANK
        return out + 1
    return _write_after(elements, blocks, before, at, is_markdown, tables, marked, data, out)


@inner
def _write_bars(elements, blocks, before, at, is_markdown, data, out):
    """A tab or a bar between two cells, and one more for each empty cell between them."""
    old, new = blocks[before + CELL] * ELEMENT_WIDTH, blocks[at + CELL] * ELEMENT_WIDTH
    bars = max(1, min(elements[new + NUMBER] - elements[old + NUMBER] - elements[old + KIND] + 1, MAX_EMPTY))
    if not is_markdown:
        for _ in range(bars):
            data[out] = TAB
            out += 1
        return out
    data[out] = BLANK
    out += 1
    for _ in range(bars):
        data[out], data[out + 1] = PIPE, BLANK
        out += 2
    return out


@part
def _write_after(elements, blocks, before, at, is_markdown, tables, marked, data, out):
    """What ends a block, and the newlines before the next one."""
    table = _data_table(blocks, before, tables)
    if table >= 0 and is_markdown:
        data[out], data[out + 1] = BLANK, PIPE
        out += 2
        if not marked[table]:
            marked[table] = 1
            out = _write_rule(elements, table, data, out)
    pre = blocks[before + PREFORMATTED_IN]
    if pre >= 0 and is_markdown and (at < 0 or blocks[at + PREFORMATTED_IN] != pre):
        data[out] = NEWLINE
        out = _write_fence(data, _indent(blocks, before, is_markdown, data, out + 1, 0))
    data[out] = NEWLINE
    out += 1
    if at >= 0 and not _is_close(elements, blocks, before, at, tables):
        data[out] = NEWLINE
        out += 1
    return out


@inner
def _write_rule(elements, table, data, out):
    """Below the head of a table in Markdown."""
    data[out], data[out + 1] = NEWLINE, PIPE
    out += 2
    for _ in range(min(elements[table * ELEMENT_WIDTH + KIND], MAX_COLUMNS)):
        data[out] = BLANK
        for step in range(1, 4):
            data[out + step] = MINUS
        data[out + 4], data[out + 5] = BLANK, PIPE
        out += 6
    return out


@inner
def _is_close(elements, blocks, before, at, tables):
    """Whether no empty line stands between: rows of a table, lines of code, items of a list, a term and its meaning."""
    table = _data_table(blocks, at, tables)
    if table >= 0 or _data_table(blocks, before, tables) >= 0:
        return table == _data_table(blocks, before, tables)
    if blocks[at + PREFORMATTED_IN] >= 0 or blocks[before + PREFORMATTED_IN] >= 0:
        return blocks[at + PREFORMATTED_IN] == blocks[before + PREFORMATTED_IN]
    if blocks[at + LISTS] > 0 and blocks[before + LISTS] > 0:
        return max(blocks[at + LISTS], blocks[before + LISTS]) > 1 or _list_of(elements, blocks, at) == _list_of(
            elements, blocks, before
        )
    old = elements[blocks[before + ELEMENT] * ELEMENT_WIDTH + TAG]
    new = elements[blocks[at + ELEMENT] * ELEMENT_WIDTH + TAG]
    return (old == DT or old == DD) and new == DD


@inner
def _list_of(elements, blocks, at):
    """The row of the list whose item a block stands in, or -1."""
    item = blocks[at + ITEM]
    return elements[item * ELEMENT_WIDTH + PARENT] if item >= 0 else -1


@part
def _write_before(source, elements, blocks, before, at, is_markdown, tables, marked, data, out):
    """What stands before a block on its line: quotation, indentation, an item's mark, a heading's signs, a fence."""
    table = _data_table(blocks, at, tables)
    if table >= 0:
        is_first = before < 0 or _data_table(blocks, before, tables) != table
        if is_markdown and (is_first or _row_of(elements, blocks, at) != _row_of(elements, blocks, before)):
            data[out], data[out + 1] = PIPE, BLANK
            out += 2
        return out
    if _goes_on(blocks, before, at) and blocks[at + PREFORMATTED_IN] == blocks[before + PREFORMATTED_IN]:
        return out
    pre = blocks[at + PREFORMATTED_IN]
    if pre >= 0 and before >= 0 and blocks[before + PREFORMATTED_IN] == pre:
        return _indent(blocks, at, is_markdown, data, out, 0)
    item = blocks[at + ITEM]
    if item >= 0 and not marked[item]:
        marked[item] = 1
        out = _indent(blocks, at, is_markdown, data, out, 1)
        out = write_mark(
            data, out, elements[item * ELEMENT_WIDTH + KIND], elements[item * ELEMENT_WIDTH + NUMBER], is_markdown
        )
    else:
        out = _indent(blocks, at, is_markdown, data, out, 0)
    if is_markdown and blocks[at + LEVEL]:
        for _ in range(blocks[at + LEVEL]):
            data[out] = HASH
            out += 1
        data[out] = BLANK
        out += 1
    if is_markdown and pre >= 0:
        out = write_language(source, elements, pre, data, _write_fence(data, out))
        data[out] = NEWLINE
        out = _indent(blocks, at, is_markdown, data, out + 1, 0)
    return out


@inner
def _write_fence(data, out):
    for step in range(3):
        data[out + step] = BACKTICK
    return out + 3


@inner
def _indent(blocks, at, is_markdown, data, out, less):
    """Signs of quotation in Markdown, and two spaces for each list but the last `less`."""
    if is_markdown:
        for _ in range(min(blocks[at + QUOTES], MAX_QUOTES)):
            data[out], data[out + 1] = GREATER, BLANK
            out += 2
    for _ in range(2 * max(min(blocks[at + LISTS], MAX_LISTS) - less, 0)):
        data[out] = BLANK
        out += 1
    return out


@part
def _write_block(blocks, text, at, is_markdown, tables, data, out):
    """Its text; lines after the first are indented like it, and are none in a table."""
    is_cell = _data_table(blocks, at, tables) >= 0
    for place in range(blocks[at + BEGIN], blocks[at + END]):
        byte = text[place]
        if byte == NEWLINE and is_cell:
            byte = BLANK
        data[out] = byte
        out += 1
        if byte == NEWLINE:
            out = _indent(blocks, at, is_markdown, data, out, 0)
    return out
