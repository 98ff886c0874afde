"""End tags: the innermost open element of that name, if it is in scope, and all that are open in it, end.

    end tag ─▶ of a drawing or formula? ─▶ select ─▶ in scope? ─▶ leave all up to it

A formatting element that has blocks in it ends by itself. The rules are those of the HTML standard (13.2.6).
"""

from __future__ import annotations

import numpy as np

from curate.extract.scan.effects import void_element
from curate.extract.scan.levels import level_of, level_of_name, top_value
from curate.extract.scan.names import (
    FORMATTING,
    HEADING,
    SCOPED_END,
    TABLE_PART,
    tag_ids,
)
from curate.extract.scan.room import (
    AT_BUTTON_SCOPE,
    AT_HTML,
    AT_INSIDE,
    AT_LIST_SCOPE,
    AT_ROW,
    AT_SCOPE,
    AT_SPECIAL,
    AT_TABLE_SCOPE,
    FORM,
    HTML,
    STACK_WIDTH,
    TOP,
    properties_of,
    stack_of,
    state_of,
)
from curate.extract.scan.stack import end_early, end_line, leave, leave_to
from curate.text.compiled import part

A, P, LI, DD, DT, FORM_TAG, SELECT, OPTION, OPTGROUP, BR = tag_ids("a p li dd dt form select option optgroup br")
TABLE, COL, TEMPLATE = tag_ids("table col template")
HTML_TAG, HEAD, BODY = tag_ids("html head body")
(H1,) = tag_ids("h1")


@part
def end_tag(room, tag, at):
    """Take an end tag that begins at `at`."""
    properties = properties_of(room)[tag]
    if top_value(room, AT_INSIDE) != HTML or top_value(room, AT_HTML) < state_of(room)[TOP]:
        level = level_of_name(room, tag)
        if level > top_value(room, AT_HTML):
            leave_to(room, level, at)
            return
        if top_value(room, AT_INSIDE) != HTML and (tag == P or tag == BR):
            while top_value(room, AT_INSIDE) != HTML:
                leave(room, at)
    if level_of(room, SELECT) > top_value(room, AT_TABLE_SCOPE):
        if not _may_end_in_select(room, properties, tag, at):
            return
    _end_html(room, properties, tag, at)


@part
def _may_end_in_select(room, properties, tag, at):
    if tag in (OPTION, OPTGROUP, SELECT, TEMPLATE):
        return True
    if (properties & TABLE_PART or tag == TABLE) and level_of(room, tag) >= 0:
        leave_to(room, level_of(room, SELECT), at)
        return True
    return False


@part
def _end_html(room, properties, tag, at):
    level = level_of_name(room, tag)
    if tag == P:
        if level > top_value(room, AT_BUTTON_SCOPE):
            leave_to(room, level, at)
        else:
            end_line(room, properties, tag)  # an empty paragraph
    elif tag == BR:
        void_element(room, properties, tag, at, at)
    elif tag == LI:
        if level > top_value(room, AT_LIST_SCOPE):
            leave_to(room, level, at)
    elif properties & HEADING:
        level = np.int64(-1)
        for heading in range(6):
            level = max(level, level_of(room, H1 + heading))
        if level > top_value(room, AT_SCOPE):
            leave_to(room, level, at)
    elif tag == HTML_TAG or tag == BODY or tag == COL:
        end_line(room, properties, tag)  # what comes after the body is in it, too
    elif tag == FORM_TAG:
        _end_form(room, level, at)
    elif properties & FORMATTING:
        end_formatting(room, tag, at)
    elif properties & SCOPED_END or tag == DD or tag == DT:
        if level >= top_value(room, AT_SCOPE):  # as deep as a scope's end: it is that itself, an object perhaps
            _leave_if_open(room, level, at)
    elif properties & TABLE_PART or tag == TABLE:
        if level >= top_value(room, AT_TABLE_SCOPE):
            _leave_if_open(room, level, at)
    elif tag == TEMPLATE or tag == HEAD or tag == SELECT or level >= top_value(room, AT_SPECIAL):
        _leave_if_open(room, level, at)


@part
def _leave_if_open(room, level, at):
    if level > 0:
        leave_to(room, level, at)


@part
def _end_form(room, level, at):
    row, state_of(room)[FORM] = state_of(room)[FORM], -1
    if level > top_value(room, AT_SCOPE) and stack_of(room)[level * STACK_WIDTH + AT_ROW] == row:
        end_early(room, level, at)


@part
def end_formatting(room, tag, at):
    """End a formatting element: with what is open in it if that is inline, too, else by itself."""
    level = level_of_name(room, tag)
    if level <= top_value(room, AT_SCOPE):
        return
    if top_value(room, AT_SPECIAL) > level:
        end_early(room, level, at)
    else:
        leave_to(room, level, at)
