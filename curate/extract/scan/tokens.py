"""The tokenizer: one pass over the bytes of a page, from one "<" to the next, as the HTML standard reads them (13.2.5).

"<" ─┬─ letter ─▶ name ─▶ attributes ─▶ start_tags ─▶ raw text, for some elements
     ├─ "/"    ─▶ name ─▶ attributes ─▶ end_tags
     ├─ "!--", "!", "?" ─▶ comment, doctype, CDATA: skipped, or text
     └─ else   ─▶ text
"""

from __future__ import annotations

import numpy as np

from curate.extract.scan.attributes import begin_of, end_of, has, read_attributes
from curate.extract.scan.columns import SCRIPT_BEGIN, SCRIPT_END, SCRIPT_WIDTH
from curate.extract.scan.effects import enter_element, number_reversed
from curate.extract.scan.end_tags import end_tag
from curate.extract.scan.facts import note_title
from curate.extract.scan.formulas import MATH_TEX, MODE, write_tex
from curate.extract.scan.levels import top_value
from curate.extract.scan.names import ATTRIBUTE_IDS, KEYS, RAW, SILENT, START, extend_name, number_of, tag_ids
from curate.extract.scan.room import (
    AT_INSIDE,
    COUNTS,
    FIRST_ELEMENT,
    FORM,
    HAS_HEAD,
    HTML,
    IS_CLOSED,
    IS_XHTML,
    LAST_FORMULA,
    LINE,
    N_BLOCKS,
    N_ELEMENTS,
    N_SCRIPTS,
    N_TEXT,
    RUN,
    SOURCE_END,
    TAG_HASH,
    TOP,
    data_of,
    last_open_of,
    properties_of,
    scripts_of,
    state_of,
    tag_keys_of,
    tag_numbers_of,
)
from curate.extract.scan.search import find_byte, is_here, is_space, skip_space, word
from curate.extract.scan.stack import leave, leave_to
from curate.extract.scan.start_tags import leave_head, start_tag
from curate.extract.scan.text import LESS, is_markup, read_text
from curate.text.compiled import inner, part

HTML_TAG, TITLE, TEXTAREA, SCRIPT, XMP, PRE, LISTING, PLAINTEXT = tag_ids(
    "html title textarea script xmp pre listing plaintext"
)
TYPE = ATTRIBUTE_IDS["type"]
SLASH, GREATER, EXCLAMATION, QUESTION, DASH, NEWLINE, RETURN = 0x2F, 0x3E, 0x21, 0x3F, 0x2D, 0x0A, 0x0D
OPEN_BRACKET, CLOSE_BRACKET = 0x5B, 0x5D
COMMENT, COMMENT_END, CDATA, CDATA_END, LD_JSON, DOCTYPE = (
    word("!--"), word("-->"), word("![cdata["), word("]]>"), word("application/ld+json"), word("!doctype")
)  # fmt: skip
BYTE_ORDER_MARK = word("\ufeff")
OPEN_COMMENT = word("<!--")
COLON = 0x3A
LONGEST_RAW = 32  # a prefix included
LINKED_DATA, INLINE_TEX, DISPLAY_TEX = range(1, 4)
"""Kinds of scripts."""


@part
def scan_page(room, begin, end):
    """Read one page, `data[begin:end]`."""
    _start_page(room, begin, end)
    at = begin
    if is_here(data_of(room), at, end, BYTE_ORDER_MARK):
        at += 3
    while at < end:
        if state_of(room)[HAS_HEAD] == 1:
            at = skip_space(data_of(room), at, end)
            if at < end and (data_of(room)[at] != LESS or not is_markup(data_of(room), at, end)):
                leave_head(room, at)
        at = read_text(room, at, end, False)
        if at < end:
            at = _read_markup(room, at, end)
    leave_to(room, 0, end)
    number_reversed(room)


@part
def _start_page(room, begin, end):
    state = state_of(room)
    for field in range(COUNTS, IS_XHTML):
        state[field] = 0
    for key in range(KEYS):
        last_open_of(room)[key] = -1
    state[TOP] = state[FORM] = state[LAST_FORMULA] = -1
    state[RUN], state[LINE], state[SOURCE_END] = state[N_TEXT], state[N_BLOCKS], end
    state[FIRST_ELEMENT] = state[N_ELEMENTS]
    enter_element(room, properties_of(room)[HTML_TAG], HTML_TAG, HTML, begin, begin)


@inner
def _read_markup(room, at, end):
    """What begins with the "<" at `at`; returns where text goes on."""
    data = data_of(room)
    second = data[at + 1]
    if second == SLASH:
        return _read_end_tag(room, at, end)
    if second == EXCLAMATION or second == QUESTION:
        return _skip_declaration(room, at, end)
    return _read_start_tag(room, at, end)


@inner
def _read_name(room, at, end):
    """Where a tag's name ends, and its number; its hash is in the state. XHTML's names are read without a prefix."""
    data, value, is_xhtml = data_of(room), START, state_of(room)[IS_XHTML] != 0
    while at < end and not _ends_name(data[at]):
        value = START if is_xhtml and data[at] == COLON else extend_name(value, data[at])
        at += 1
    state_of(room)[TAG_HASH] = np.int64(value)
    return at, np.int64(number_of(tag_keys_of(room), tag_numbers_of(room), value))


@part
def _read_start_tag(room, at, end):
    close, tag = _read_name(room, at + 1, end)
    close = read_attributes(room, close, end)
    if close > end:
        return end  # the page ends in a tag: it was none
    properties = properties_of(room)[tag]
    if properties & RAW and top_value(room, AT_INSIDE) == HTML:
        return _read_raw(room, tag, at, close, end)
    is_open = start_tag(room, tag, at, close)
    if is_open and (tag == PRE or tag == LISTING):
        close += close < end and data_of(room)[close] == RETURN
        close += close < end and data_of(room)[close] == NEWLINE  # a newline right behind the tag is no text
    elif is_open and tag == PLAINTEXT:
        return read_text(room, close, end, True)
    return close


@part
def _read_end_tag(room, at, end):
    data = data_of(room)
    if at + 2 < end and not 0x61 <= data[at + 2] | 0x20 <= 0x7A:
        return min(find_byte(data, at + 2, end, GREATER) + 1, end)  # "</>" or a bogus comment
    close, tag = _read_name(room, at + 2, end)
    close = read_attributes(room, close, end)
    if close > end:
        return end
    end_tag(room, tag, at)
    return close


@part
def _skip_declaration(room, at, end):
    """A comment, a doctype, a CDATA section or a processing instruction."""
    data = data_of(room)
    if is_here(data, at + 1, end, COMMENT):
        return skip_comment(data, at + 4, end)
    if is_here(data, at + 1, end, CDATA) and (state_of(room)[IS_XHTML] or top_value(room, AT_INSIDE) != HTML):
        close = _find_word(data, at + 9, end, CLOSE_BRACKET, CDATA_END)
        read_characters(room, at + 9, close)
        return min(close + 3, end)
    if state_of(room)[IS_XHTML] and is_here(data, at + 1, end, DOCTYPE):
        close = find_byte(data, at, end, GREATER)
        bracket = find_byte(data, at, close, OPEN_BRACKET)
        if bracket < close:  # a subset of its own, which holds declarations
            close = find_byte(data, find_byte(data, bracket, end, CLOSE_BRACKET), end, GREATER)
        return min(close + 1, end)
    return min(find_byte(data, at + 2, end, GREATER) + 1, end)


@part
def read_characters(room, at, end):
    """Text in which "&" is no reference and "<" no tag."""
    while at < end:
        stop = find_byte(data_of(room), at, end, 0x26)
        read_text(room, at, stop, True)
        if stop < end:
            read_text(room, stop, stop + 1, True)  # one "&" by itself is text
        at = stop + 1


@inner
def skip_comment(data, at, end):
    """Behind the comment whose "<!--" ends at `at`: `-->`, `--!>`, or at once `>` or `->`."""
    if at < end and data[at] == GREATER:
        return at + 1
    if at + 1 < end and data[at] == DASH and data[at + 1] == GREATER:
        return at + 2
    while True:
        at = find_byte(data, at, end, GREATER)
        if at >= end:
            return end
        # At least two dashes of its own stand before, as those of "<!--" were looked at above.
        is_end = data[at - 1] == DASH and data[at - 2] == DASH
        is_odd_end = data[at - 1] == EXCLAMATION and data[at - 2] == DASH and data[at - 3] == DASH
        at += 1
        if is_end or is_odd_end:
            return at


@inner
def _find_word(data, at, end, first, wanted):
    at = find_byte(data, at, end, first)
    while at < end and not is_here(data, at, end, wanted):
        at = find_byte(data, at + 1, end, first)
    return at


@part
def _read_raw(room, tag, at, close, end):
    """An element whose content is text up to its own end tag; returns where that ends."""
    state, properties = state_of(room), properties_of(room)[tag]
    raw_hash = np.uint64(state[TAG_HASH])
    is_empty = state[IS_CLOSED] and state[IS_XHTML]
    kind = _script_kind(room) if tag == SCRIPT else 0
    is_entered = start_tag(room, tag, at, close) if not properties & SILENT else False
    if is_empty:
        return close
    stop = _end_of_raw(room, raw_hash, tag == SCRIPT, close, end)
    if tag == TITLE:
        note_title(room, close, stop)
    elif kind == LINKED_DATA:
        row = state[N_SCRIPTS] * SCRIPT_WIDTH
        scripts_of(room)[row + SCRIPT_BEGIN], scripts_of(room)[row + SCRIPT_END] = close, stop
        state[N_SCRIPTS] += 1
    elif kind >= INLINE_TEX:
        write_tex(room, close, stop, kind == DISPLAY_TEX)
    elif tag == TEXTAREA and is_entered:
        read_text(room, close, stop, True)
    elif tag == XMP and is_entered:
        read_characters(room, close, stop)
    if is_entered:
        leave(room, stop)
    if stop >= end:
        return end
    return min(read_attributes(room, stop + 2, end), end)  # the name of the end tag passes for an attribute


@inner
def _script_kind(room):
    """What a script holds besides a program: linked data, or the TeX of a formula."""
    if not has(room, TYPE):
        return 0
    data, begin, end = data_of(room), begin_of(room, TYPE), end_of(room, TYPE)
    if is_here(data, begin, end, LD_JSON):
        return LINKED_DATA
    if not is_here(data, begin, end, MATH_TEX):
        return 0
    mode = skip_space(data, min(begin + len(MATH_TEX) + 1, end), end)  # behind the ";"
    return DISPLAY_TEX if is_here(data, mode, end, MODE) else INLINE_TEX


@part
def _end_of_raw(room, raw_hash, is_script, at, end):
    """Where the end tag begins that closes raw text. In a comment in a script, a script has an end tag of its own."""
    data, comment_end, is_nested, is_xhtml = data_of(room), at, False, state_of(room)[IS_XHTML] != 0
    while True:
        at = find_byte(data, at, end, LESS)
        if at >= end:
            return end
        is_nested &= at < comment_end
        if at + 1 < end and data[at + 1] == SLASH:
            if _is_name(data, at + 2, end, raw_hash, is_xhtml):
                if not is_nested:
                    return at
                is_nested = False
        elif is_script and at < comment_end:
            is_nested |= _is_name(data, at + 1, end, raw_hash, is_xhtml)
        elif is_script and is_here(data, at, end, OPEN_COMMENT):
            comment_end = _find_word(data, at + 2, end, DASH, COMMENT_END)  # "<!-->" is a whole one
        at += 1


@inner
def _is_name(data, at, end, wanted, is_xhtml):
    """Whether the name with this hash begins here, and ends like one; no more is read than the longest of them has."""
    value, last = START, min(at + LONGEST_RAW, end)
    while at < last and not _ends_name(data[at]) and data[at] != LESS:  # where the next look begins
        value = START if is_xhtml and data[at] == COLON else extend_name(value, data[at])
        at += 1
    return at < end and _ends_name(data[at]) and value == wanted


@inner
def _ends_name(byte):
    return byte == GREATER or byte == SLASH or is_space(byte)
