"""Start tags: which elements they open, and which others they close without saying so.

    start tag ─▶ of a drawing or formula? ─▶ head, select, table ─▶ implied ends ─▶ enter

The rules are those of the HTML standard's tree construction (13.2.6), as far as they decide which text is shown, in
which block, cell, item and link. Not followed: nothing is moved before a table, and formatting elements do not go on
in the next block.
"""

from __future__ import annotations

from curate.extract.scan.attributes import has, write_words
from curate.extract.scan.columns import ELEMENT_WIDTH, LAST_WORD
from curate.extract.scan.effects import enter_element, void_element
from curate.extract.scan.end_tags import end_formatting
from curate.extract.scan.facts import note_language
from curate.extract.scan.levels import level_of, top_value
from curate.extract.scan.names import (
    BREAKOUT,
    CLOSES_P,
    FORMATTING,
    HEAD_PART,
    HEADING,
    RUBY_PART,
    TABLE_PART,
    VOID,
    attribute_ids,
    tag_ids,
)
from curate.extract.scan.room import (
    AT_BUTTON_SCOPE,
    AT_INSIDE,
    AT_ITEM,
    AT_PROPERTIES,
    AT_SCOPE,
    AT_TABLE_SCOPE,
    AT_TAG,
    FIRST_ELEMENT,
    FORM,
    HAS_BODY,
    HAS_HEAD,
    HTML,
    IS_CLOSED,
    IS_XHTML,
    MATHML,
    N_ELEMENTS,
    N_WORDS,
    SEEN,
    STACK_WIDTH,
    SVG,
    TOP,
    elements_of,
    properties_of,
    stack_of,
    state_of,
)
from curate.extract.scan.stack import leave, leave_to
from curate.text.compiled import part

A, NOBR, P, LI, DD, DT, BUTTON, FORM_TAG, SELECT, OPTION, OPTGROUP, HR, IMG, IMAGE = tag_ids(
    "a nobr p li dd dt button form select option optgroup hr img image"
)
TABLE, CAPTION, COLGROUP, COL, TBODY, THEAD, TFOOT, TR, TD, TH, TEMPLATE = tag_ids(
    "table caption colgroup col tbody thead tfoot tr td th template"
)
HTML_TAG, HEAD, BODY, SVG_TAG, MATH, INPUT, KEYGEN, TEXTAREA, SCRIPT, FONT = tag_ids(
    "html head body svg math input keygen textarea script font"
)
RUBY, RTC, FRAMESET = tag_ids("ruby rtc frameset")
COLOR, FACE, SIZE = attribute_ids("color face size")


@part
def start_tag(room, tag, at, close):
    """Take a start tag that begins at `at` and ends at `close`. True if an element was entered by it that is still
    open, so that raw text may follow."""
    properties = properties_of(room)[tag]
    inside = top_value(room, AT_INSIDE)
    if inside != HTML:
        is_out = properties & BREAKOUT or (tag == FONT and (has(room, COLOR) or has(room, FACE) or has(room, SIZE)))
        if not is_out:
            return _enter(room, properties, tag, inside, at, close)
        while top_value(room, AT_INSIDE) != HTML:
            leave(room, at)
    return _start_html(room, properties, tag, at, close)


@part
def _enter(room, properties, tag, space, at, close):
    """Open it; close it at once where it has no content."""
    is_void = properties & VOID and space == HTML
    if is_void:
        void_element(room, properties, tag, at, close)
        return False
    level = state_of(room)[TOP]
    enter_element(room, properties, tag, space, at, close)
    if state_of(room)[TOP] > level and state_of(room)[IS_CLOSED] and (space != HTML or state_of(room)[IS_XHTML]):
        leave(room, close)
        return False
    return state_of(room)[TOP] > level


@part
def _start_html(room, properties, tag, at, close):
    if tag == HTML_TAG or tag == HEAD or tag == BODY or tag == FRAMESET:
        return _start_frame(room, properties, tag, at, close)
    if not properties & HEAD_PART:
        leave_head(room, at)
    if level_of(room, SELECT) > top_value(room, AT_TABLE_SCOPE):
        if not _may_stand_in_select(room, tag, at):
            return False
    if properties & TABLE_PART:
        if not _make_room_in_table(room, tag, at):
            return False
    elif properties & (CLOSES_P | FORMATTING | RUBY_PART) or tag in (TABLE, BUTTON, OPTION, OPTGROUP):
        if not _end_implied(room, properties, tag, at):
            return False
    space = SVG if tag == SVG_TAG else MATHML if tag == MATH else HTML
    if tag == IMAGE:
        tag, properties = IMG, properties_of(room)[IMG]
    return _enter(room, properties, tag, space, at, close)


@part
def _start_frame(room, properties, tag, at, close):
    """html, head and body: the first of each, where nothing is before it that it would hold."""
    state = state_of(room)
    if tag == HTML_TAG:
        if state[N_ELEMENTS] == state[FIRST_ELEMENT] + 1:  # nothing is there but the root
            note_language(room)
            write_words(room)
            elements_of(room)[state[FIRST_ELEMENT] * ELEMENT_WIDTH + LAST_WORD] = state[N_WORDS]
        return False
    if tag == HEAD:
        if state[HAS_HEAD] or state[HAS_BODY] or state[TOP] > 0:
            return False
        state[HAS_HEAD] = 1
    else:
        leave_head(room, at)
        if state[HAS_BODY] or state[TOP] > 0:
            return False
        state[HAS_BODY] = 1
    return _enter(room, properties, tag, HTML, at, close)


@part
def leave_head(room, at):
    """What no head may hold ends it."""
    if state_of(room)[HAS_HEAD] == 1 and level_of(room, TEMPLATE) < 0:
        while state_of(room)[TOP] > 0 and level_of(room, HEAD) >= 0:
            leave(room, at)
        state_of(room)[HAS_HEAD] = 2  # there was one


@part
def _may_stand_in_select(room, tag, at):
    """Most tags mean nothing in a select, and some end it."""
    if tag in (OPTION, OPTGROUP, HR, SCRIPT, TEMPLATE):
        return True
    ends = tag in (SELECT, INPUT, KEYGEN, TEXTAREA)
    in_table = tag in (TABLE, CAPTION, TBODY, TFOOT, THEAD, TR, TD, TH) and level_of(room, TABLE) >= 0
    if ends or in_table:
        leave_to(room, level_of(room, SELECT), at)
    return (ends and tag != SELECT) or in_table


@part
def _make_room_in_table(room, tag, at):
    """Close what cannot be around this part of a table; open the row of a cell that has none. False without a table."""
    table = level_of(room, TABLE)
    scope = top_value(room, AT_TABLE_SCOPE)
    if table != scope:
        return stack_of(room)[scope * STACK_WIDTH + AT_TAG] == TEMPLATE
    if tag == COL:
        if top_value(room, AT_TAG) != COLGROUP:
            leave_to(room, table + 1, at)
        return True
    if tag == TR or tag == TD or tag == TH:
        row = level_of(room, TR)
        if tag != TR and row > table:
            leave_to(room, row + 1, at)
            return True
        section = max(level_of(room, TBODY), level_of(room, THEAD), level_of(room, TFOOT))
        leave_to(room, max(section, table) + 1, at)
        if tag != TR:
            _enter_bare(room, TR, at)
        return True
    leave_to(room, table + 1, at)
    return True


@part
def _enter_bare(room, tag, at):
    """An element that no tag has opened, and that has no attributes."""
    seen, state_of(room)[SEEN] = state_of(room)[SEEN], 0
    enter_element(room, properties_of(room)[tag], tag, HTML, at, at)
    state_of(room)[SEEN] = seen


@part
def _end_implied(room, properties, tag, at):
    """Close what this start tag closes. False if the tag means nothing here."""
    if tag == LI or tag == DD or tag == DT:
        level = top_value(room, AT_ITEM)
        around = stack_of(room)[level * STACK_WIDTH + AT_TAG]
        if around == tag or (tag != LI and (around == DD or around == DT)):
            leave_to(room, level, at)
    elif tag == TABLE:
        _end_table_without_cell(room, at)
    elif tag == FORM_TAG:
        if state_of(room)[FORM] >= 0:
            return False
    elif tag == A:
        end_formatting(room, A, at)
    elif tag == NOBR:
        end_formatting(room, NOBR, at)
    elif tag == BUTTON:
        level = level_of(room, BUTTON)
        if level >= 0 and level > top_value(room, AT_SCOPE):
            leave_to(room, level, at)
    elif tag == OPTION or tag == OPTGROUP:
        if top_value(room, AT_TAG) == OPTION:
            leave(room, at)
        if tag == OPTGROUP and top_value(room, AT_TAG) == OPTGROUP:
            leave(room, at)
    elif properties & RUBY_PART:
        if level_of(room, RUBY) > top_value(room, AT_SCOPE):
            while top_value(room, AT_PROPERTIES) & RUBY_PART and top_value(room, AT_TAG) != RTC:
                leave(room, at)
    if properties & CLOSES_P:
        level = level_of(room, P)
        if level > top_value(room, AT_BUTTON_SCOPE):
            leave_to(room, level, at)
        if properties & HEADING and top_value(room, AT_PROPERTIES) & HEADING:
            leave(room, at)
    return True


@part
def _end_table_without_cell(room, at):
    """A table right inside a table ends that one; in a cell or a caption it does not."""
    table = level_of(room, TABLE)
    cell = max(level_of(room, TD), level_of(room, TH), level_of(room, CAPTION))
    if table >= 0 and table == top_value(room, AT_TABLE_SCOPE) and table > cell:
        leave_to(room, table, at)
