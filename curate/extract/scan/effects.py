"""What an element does besides being open: it hides, counts items and cells, begins a link or a formula, breaks a line.

enter_element ─▶ hidden? ─▶ stack.enter ─▶ words ─▶ number of an item or cell, link, formula
void_element  ─▶ a break, an image, an input, or a fact of the page
"""

from __future__ import annotations

import numpy as np

from curate.extract.scan.attributes import begin_of, end_of, has, is_hidden, write_words
from curate.extract.scan.columns import (
    BULLET,
    COUNTS_DOWN,
    DECIMAL,
    ELEMENT_WIDTH,
    FLAGS,
    FROM_ITEMS,
    HIDDEN,
    HREF,
    HREF_END,
    IS_LINK,
    KIND,
    LABEL,
    LABEL_END,
    LAST_WORD,
    LINK_BLOCK,
    LINK_ELEMENT,
    LINK_WIDTH,
    LOWER_LETTER,
    LOWER_ROMAN,
    NUMBER,
    PARENT,
    TAG,
    UPPER_LETTER,
    UPPER_ROMAN,
)
from curate.extract.scan.facts import note_link, note_meta, note_time
from curate.extract.scan.formulas import begin_formula, is_drawn_again, note_annotation, shows_formula
from curate.extract.scan.levels import level_of
from curate.extract.scan.names import BLOCK, SILENT, attribute_ids, tag_ids
from curate.extract.scan.room import (
    AT_FLAGS,
    AT_LINK,
    AT_ROW,
    BREAKS_AHEAD,
    FIRST_ELEMENT,
    FORM,
    HAS_REVERSED,
    HTML,
    MATHML,
    N_BLOCKS,
    N_ELEMENTS,
    N_LINKS,
    N_TEXT,
    N_WORDS,
    OPEN_LINKS,
    RUN_IMAGES,
    RUN_INPUTS,
    RUN_LINKS,
    STACK_WIDTH,
    TOP,
    data_of,
    elements_of,
    links_of,
    stack_of,
    state_of,
)
from curate.extract.scan.search import skip_space
from curate.extract.scan.stack import end_line, enter, write_element
from curate.text.compiled import inner, part

A, OL, UL, LI, TABLE, TR, TD, TH, FORM_TAG, MATH, SVG_TAG, TIME = tag_ids(
    "a ol ul li table tr td th form math svg time"
)
BR, IMG, INPUT, HR, META, LINK, BASE, EMBED, VIDEO, ANNOTATION = tag_ids(
    "br img input hr meta link base embed video annotation"
)
HREF_NAME, START, VALUE, REVERSED, TYPE, COLSPAN = attribute_ids("href start value reversed type colspan")
MAX_NUMBER, MAX_SPAN = 999_999_999, 1000
MINUS, PLUS = 0x2D, 0x2B


@part
def enter_element(room, properties, tag, space, at, close):
    """Open an element whose start tag was just read from `at` to `close`."""
    state, elements = state_of(room), elements_of(room)
    own = is_hidden(room)
    if own and shows_formula(room):
        own = 0
    if space == HTML and not own and is_drawn_again(room, tag):
        own = HIDDEN
    level = state[TOP]
    number = enter(room, properties, tag, space, own, at)
    row = number * ELEMENT_WIDTH
    write_words(room)
    elements[row + LAST_WORD] = state[N_WORDS]
    if state[TOP] == level:
        return  # too deep to be open
    if space == HTML:
        if tag == A:
            _begin_link(room, number)
        elif tag == OL or tag == UL:
            _begin_list(room, row, tag)
        elif tag == LI:
            _count_item(room, row)
        elif tag == TR:
            _count_row(room, row)
        elif tag == TD or tag == TH:
            _count_cell(room, row)
        elif tag == FORM_TAG:
            state[FORM] = number
        elif tag == VIDEO:
            state[RUN_IMAGES] += 1
        elif tag == TIME:
            note_time(room)
    elif tag == MATH and space == MATHML:
        begin_formula(room)
    elif tag == ANNOTATION and space == MATHML:
        note_annotation(room, close)
    elif tag == SVG_TAG:
        state[RUN_IMAGES] += 1


@inner
def _begin_link(room, number):
    if not has(room, HREF_NAME):
        return
    state, links = state_of(room), links_of(room)
    row = state[N_LINKS] * LINK_WIDTH
    links[row + LINK_ELEMENT] = number
    links[row + HREF], links[row + HREF_END] = begin_of(room, HREF_NAME), end_of(room, HREF_NAME)
    links[row + LABEL] = links[row + LABEL_END] = state[N_TEXT]
    links[row + LINK_BLOCK] = state[N_BLOCKS]
    stack_of(room)[state[TOP] * STACK_WIDTH + AT_LINK] = state[N_LINKS]
    elements_of(room)[number * ELEMENT_WIDTH + FLAGS] |= IS_LINK
    state[N_LINKS] += 1
    state[OPEN_LINKS] += 1
    state[RUN_LINKS] += 1


@inner
def _begin_list(room, row, tag):
    """NUMBER is that of the next item; a reversed list counts down, from 0 until its items are counted."""
    elements = elements_of(room)
    if tag == UL:
        elements[row + KIND] = BULLET
        return
    elements[row + KIND] = _kind_of_list(room)
    elements[row + NUMBER] = 1
    if has(room, REVERSED):
        state_of(room)[HAS_REVERSED] = 1
        elements[row + FLAGS] |= COUNTS_DOWN | (0 if has(room, START) else FROM_ITEMS)
        elements[row + NUMBER] = 0
    if has(room, START):
        elements[row + NUMBER] = _number(room, START, 1)


@inner
def _kind_of_list(room):
    if has(room, TYPE) and end_of(room, TYPE) - begin_of(room, TYPE) == 1:
        letter = data_of(room)[begin_of(room, TYPE)]
        if letter == 0x61:
            return LOWER_LETTER
        if letter == 0x41:
            return UPPER_LETTER
        if letter == 0x69:
            return LOWER_ROMAN
        if letter == 0x49:
            return UPPER_ROMAN
    return DECIMAL


@inner
def _number(room, attribute, default):
    """An integer as HTML reads it: a sign, digits, and whatever follows."""
    data, end = data_of(room), end_of(room, attribute)
    at = skip_space(data, begin_of(room, attribute), end)
    sign = 1
    if at < end and (data[at] == MINUS or data[at] == PLUS):
        sign = -1 if data[at] == MINUS else 1
        at += 1
    number, first = 0, at
    while at < end and 0x30 <= data[at] <= 0x39:
        number = min(number * 10 + np.int64(data[at]) - 0x30, MAX_NUMBER)
        at += 1
    return sign * number if at > first else default


@inner
def _count_item(room, row):
    """The number of an item, and of the next one in the innermost list."""
    elements = elements_of(room)
    level = max(level_of(room, OL), level_of(room, UL))
    if level < 0:
        elements[row + KIND] = BULLET
        return
    around = stack_of(room)[level * STACK_WIDTH + AT_ROW] * ELEMENT_WIDTH
    number = elements[around + NUMBER]
    if has(room, VALUE):
        number = _number(room, VALUE, number)
    elements[row + KIND], elements[row + NUMBER] = elements[around + KIND], number
    elements[around + NUMBER] = number - 1 if elements[around + FLAGS] & COUNTS_DOWN else number + 1


@part
def number_reversed(room):
    """Once a page is read: the first item of a reversed list has the number of its items."""
    state, elements = state_of(room), elements_of(room)
    for number in range(state[FIRST_ELEMENT] + 1, state[N_ELEMENTS] if state[HAS_REVERSED] else 0):
        row = number * ELEMENT_WIDTH
        around = elements[row + PARENT] * ELEMENT_WIDTH
        if elements[row + TAG] == LI and elements[around + FLAGS] & FROM_ITEMS:
            elements[row + NUMBER] -= elements[around + NUMBER]


@inner
def _count_row(room, row):
    level = level_of(room, TABLE)
    if level >= 0:
        table = stack_of(room)[level * STACK_WIDTH + AT_ROW] * ELEMENT_WIDTH
        elements_of(room)[row + NUMBER] = elements_of(room)[table + NUMBER]
        elements_of(room)[table + NUMBER] += 1


@inner
def _count_cell(room, row):
    """NUMBER is the column, KIND how many it spans; the row counts its columns in KIND, the table its widest row."""
    elements, level = elements_of(room), level_of(room, TR)
    span = max(1, min(_number(room, COLSPAN, 1) if has(room, COLSPAN) else 1, MAX_SPAN))
    elements[row + KIND] = span
    table_level = level_of(room, TABLE)
    if table_level >= 0 and level > table_level:
        line = stack_of(room)[level * STACK_WIDTH + AT_ROW] * ELEMENT_WIDTH
        table = stack_of(room)[table_level * STACK_WIDTH + AT_ROW] * ELEMENT_WIDTH
        elements[row + NUMBER] = elements[line + KIND]
        elements[line + KIND] += span
        elements[table + KIND] = max(elements[table + KIND], elements[line + KIND])


@part
def void_element(room, properties, tag, at, close):
    """An element without content; those that say nothing of where text stands get no row."""
    state = state_of(room)
    if tag == BR:
        state[BREAKS_AHEAD] += 1
    elif tag == META:
        note_meta(room)
    elif tag == LINK or tag == BASE:
        note_link(room, tag == BASE)
    elif tag == IMG or tag == EMBED:
        state[RUN_IMAGES] += 1
    elif tag == INPUT:
        state[RUN_INPUTS] += 1
    if properties & SILENT:
        return
    if properties & BLOCK:
        end_line(room, properties, tag)
    number = write_element(room, tag, HTML, stack_of(room)[state[TOP] * STACK_WIDTH + AT_FLAGS], at)
    write_words(room)
    elements_of(room)[number * ELEMENT_WIDTH + LAST_WORD] = state[N_WORDS]
