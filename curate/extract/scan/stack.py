"""The stack of open elements: entered and left in constant time, however deep it is.

Every level knows the next one outwards with its name, and the innermost one at which each kind of scope ends. So "is a
p open in button scope?" compares two numbers, and a page of 100,000 levels costs no more a tag than one of ten.

    enter ─▶ a row of elements, a level of the stack        leave ─▶ the row's ends, and the run of text before it
"""

from __future__ import annotations

from curate.extract.scan.blocks import end_run
from curate.extract.scan.columns import (
    CLOSES,
    DEPTH,
    DROPPED,
    ELEMENT_WIDTH,
    FIRST_BLOCK,
    FIRST_WORD,
    FLAGS,
    HIDDEN,
    IN_CONTROL,
    IN_DRAWING,
    IN_LABEL,
    IN_NOSCRIPT,
    IN_PRE,
    IN_TEMPLATE,
    IS_BLOCK,
    IS_LINK,
    KIND,
    LABEL_END,
    LAST,
    LAST_BLOCK,
    LAST_WORD,
    LINK_WIDTH,
    NAME,
    NUMBER,
    OPENS,
    PARENT,
    TAG,
)
from curate.extract.scan.formulas import end_formula
from curate.extract.scan.levels import key_of, short_hash, top_value
from curate.extract.scan.names import (
    BLOCK,
    BUTTON_SCOPE,
    CONTROL,
    EMPHASIS,
    LIST_SCOPE,
    PREFORMATTED,
    SCOPE,
    SPECIAL,
    SPECIAL_ABROAD,
    TABLE_SCOPE,
    TEXT_POINT,
    UNSEEN,
    tag_ids,
)
from curate.extract.scan.room import (
    AT_BUTTON_SCOPE,
    AT_FLAGS,
    AT_HOLDER,
    AT_HTML,
    AT_INSIDE,
    AT_ITEM,
    AT_KEY,
    AT_LINK,
    AT_LIST_SCOPE,
    AT_LISTS,
    AT_PRE,
    AT_PROPERTIES,
    AT_QUOTES,
    AT_ROW,
    AT_SAME,
    AT_SCOPE,
    AT_SPACE,
    AT_SPECIAL,
    AT_TABLE_SCOPE,
    AT_TAG,
    HTML,
    IS_WHOLE,
    LINE,
    MATHML,
    MAX_LEVELS,
    N_BLOCKS,
    N_ELEMENTS,
    N_TEXT,
    N_WORDS,
    NO_TAG,
    OPEN_BOLD,
    OPEN_CODE,
    OPEN_LINKS,
    STACK_WIDTH,
    SVG,
    TOP,
    elements_of,
    last_open_of,
    links_of,
    stack_of,
    state_of,
)
from curate.text.compiled import inner, part

UL, OL, BLOCKQUOTE, LABEL_TAG, NOSCRIPT, TEMPLATE = tag_ids("ul ol blockquote label noscript template")
ADDRESS, DIV, P, CODE, KBD, SAMP, TT, TEXT_TAG, SVG_TAG, TITLE, DESC, MATH = tag_ids(
    "address div p code kbd samp tt text svg title desc math"
)


@inner
def ends_line(properties, tag):
    """Whether a block of this name begins on a line of its own: buttons and labels stand in the midst of one."""
    return not properties & CONTROL and tag != LABEL_TAG and tag != TEXT_TAG


@part
def end_line(room, properties, tag):
    """A block begins or ends here."""
    end_run(room)
    if ends_line(properties, tag):
        state_of(room)[LINE] = state_of(room)[N_BLOCKS]


@part
def write_element(room, tag, space, flags, at):
    """A row for the element whose tag begins at `at`; it has no content so far."""
    state, elements = state_of(room), elements_of(room)
    number = state[N_ELEMENTS]
    row = number * ELEMENT_WIDTH
    top = state[TOP] * STACK_WIDTH
    elements[row + TAG], elements[row + NAME] = tag, short_hash(room)
    elements[row + PARENT] = stack_of(room)[top + AT_ROW] if state[TOP] >= 0 else -1
    elements[row + DEPTH] = elements[elements[row + PARENT] * ELEMENT_WIDTH + DEPTH] + 1 if state[TOP] >= 0 else 0
    elements[row + FLAGS] = flags
    elements[row + OPENS] = elements[row + CLOSES] = at
    elements[row + LAST] = number + 1
    elements[row + FIRST_WORD] = elements[row + LAST_WORD] = state[N_WORDS]
    elements[row + FIRST_BLOCK] = elements[row + LAST_BLOCK] = state[N_BLOCKS]
    elements[row + NUMBER] = elements[row + KIND] = 0
    state[N_ELEMENTS] = number + 1
    return number


@inner
def flags_inside(room, tag, properties, space, own):
    """The bits of an element's content: those of what it stands in, and its own."""
    outer = top_value(room, AT_FLAGS) if state_of(room)[TOP] >= 0 else 0
    flags = (outer | own) & ~(IS_BLOCK | IS_LINK)
    is_block = properties & BLOCK and space == HTML
    if is_block:
        flags |= IS_BLOCK
        if properties & PREFORMATTED:
            flags |= IN_PRE
        if properties & CONTROL:
            flags |= IN_CONTROL
        if tag == NOSCRIPT:
            flags |= IN_NOSCRIPT
        elif tag == TEMPLATE:
            flags |= IN_TEMPLATE
        elif tag == LABEL_TAG:
            flags |= IN_LABEL
        if flags & HIDDEN and not flags & IN_DRAWING:
            flags &= ~DROPPED  # a hidden block has rows of its own, which say that they are hidden
    elif own & HIDDEN:
        flags |= DROPPED
    if properties & UNSEEN and not is_block:
        flags |= DROPPED
    if tag == SVG_TAG and state_of(room)[IS_WHOLE]:
        flags = (flags | IN_DRAWING) & ~DROPPED
    elif space == SVG and (tag == TITLE or tag == DESC):
        flags |= DROPPED
    return flags


@part
def enter(room, properties, tag, space, own, at):
    """Open an element at `at`, in a namespace, with bits of its own; returns its row."""
    flags = flags_inside(room, tag, properties, space, own)
    if flags & IS_BLOCK or (tag == TEXT_TAG and flags & IN_DRAWING):
        end_line(room, properties, tag)
    row = write_element(room, tag, space, flags, at)
    if state_of(room)[TOP] + 1 < MAX_LEVELS:
        _push(room, properties, tag, space, flags, row)
    return row


@part
def _push(room, properties, tag, space, flags, row):
    state, stack = state_of(room), stack_of(room)
    level = state[TOP] + 1
    state[TOP] = level
    here = level * STACK_WIDTH
    before = here - STACK_WIDTH
    for column in range(STACK_WIDTH):
        stack[here + column] = stack[before + column] if level > 0 else 0
    key = key_of(room, tag)
    stack[here + AT_TAG], stack[here + AT_ROW], stack[here + AT_KEY] = tag, row, key
    stack[here + AT_SAME] = last_open_of(room)[key]
    last_open_of(room)[key] = level
    stack[here + AT_FLAGS], stack[here + AT_SPACE], stack[here + AT_LINK] = flags, space, -1
    stack[here + AT_PROPERTIES] = properties
    _set_scopes(stack, here, level, properties, tag, space)
    if flags & IS_BLOCK:
        stack[here + AT_HOLDER] = row
    stack[here + AT_LISTS] += tag == UL or tag == OL
    stack[here + AT_QUOTES] += tag == BLOCKQUOTE
    if level == 0:
        stack[here + AT_PRE] = -1
    elif properties & PREFORMATTED and flags & IS_BLOCK:
        stack[here + AT_PRE] = row
    _count_open(state, properties, tag, space, 1)


@inner
def _set_scopes(stack, here, level, properties, tag, space):
    is_special = properties & (SPECIAL if space == HTML else SPECIAL_ABROAD)
    if space == HTML:
        if properties & SCOPE:
            stack[here + AT_SCOPE] = level
        if properties & LIST_SCOPE:
            stack[here + AT_LIST_SCOPE] = level
        if properties & BUTTON_SCOPE:
            stack[here + AT_BUTTON_SCOPE] = level
        if properties & TABLE_SCOPE:
            stack[here + AT_TABLE_SCOPE] = level
        stack[here + AT_HTML], stack[here + AT_INSIDE] = level, HTML
    else:
        if is_special:
            stack[here + AT_SCOPE] = stack[here + AT_LIST_SCOPE] = stack[here + AT_BUTTON_SCOPE] = level
        # desc and title are HTML inside a drawing only, mi, mo and the like inside a formula only; they never meet
        stack[here + AT_INSIDE] = HTML if properties & TEXT_POINT else space
    if is_special:
        stack[here + AT_SPECIAL] = level
        if tag != ADDRESS and tag != DIV and tag != P:
            stack[here + AT_ITEM] = level


@inner
def _count_open(state, properties, tag, space, by):
    if space == HTML:
        if properties & EMPHASIS:
            state[OPEN_BOLD] += by
        if tag == CODE or tag == KBD or tag == SAMP or tag == TT:
            state[OPEN_CODE] += by


@part
def leave(room, at):
    """Close the innermost element; `at` is where in the source. What had its end tag early goes with it."""
    _pop(room, at)
    while state_of(room)[TOP] >= 0 and top_value(room, AT_TAG) == NO_TAG:
        _pop(room, at)


@part
def _pop(room, at):
    state, stack, elements = state_of(room), stack_of(room), elements_of(room)
    here = state[TOP] * STACK_WIDTH
    tag, flags = stack[here + AT_TAG], stack[here + AT_FLAGS]
    if tag == MATH and stack[here + AT_SPACE] == MATHML:
        end_formula(room)
    if flags & IS_BLOCK or (tag == TEXT_TAG and flags & IN_DRAWING):
        end_line(room, stack[here + AT_PROPERTIES], tag)
    if tag != NO_TAG:
        _forget(room, here)
    row = stack[here + AT_ROW] * ELEMENT_WIDTH
    elements[row + CLOSES], elements[row + LAST], elements[row + LAST_BLOCK] = at, state[N_ELEMENTS], state[N_BLOCKS]
    state[TOP] -= 1


@part
def _forget(room, here):
    """What a level has done to the state is undone: nothing that comes is in this element."""
    state, stack = state_of(room), stack_of(room)
    last_open_of(room)[stack[here + AT_KEY]] = stack[here + AT_SAME]
    _count_open(state, stack[here + AT_PROPERTIES], stack[here + AT_TAG], stack[here + AT_SPACE], -1)
    if stack[here + AT_LINK] >= 0:
        links_of(room)[stack[here + AT_LINK] * LINK_WIDTH + LABEL_END] = state[N_TEXT]
        state[OPEN_LINKS] -= 1


@part
def leave_to(room, level, at):
    """Close all elements from the innermost one to that of `level`."""
    while state_of(room)[TOP] >= level:
        leave(room, at)


@part
def end_early(room, level, at):
    """The end tag of an element in which others are open, and stay so: what comes is no part of it any more.

    It is the innermost one of its name. The standard would take it out of the stack; a level without a name does.
    """
    if level == state_of(room)[TOP]:
        leave(room, at)
        return
    here = level * STACK_WIDTH
    _forget(room, here)
    stack_of(room)[here + AT_TAG] = NO_TAG
