"""Runs of text: white space collapsed as CSS does it, or kept in pre; references decoded; line breaks written.

source ─▶ read_text ─┬─ white space alone: one space ahead, perhaps
                     ├─ in pre: copy_kept ─┐
                     └─ else: copy_flowing ┴─▶ text, and what of it is a link, bold or code
"""

from __future__ import annotations

import numpy as np

from curate.extract.scan.blocks import end_run
from curate.extract.scan.characters import BLANK, PLAIN, kind_of, read_character, write_character
from curate.extract.scan.columns import DROPPED, IN_PRE
from curate.extract.scan.references import read_reference
from curate.extract.scan.room import (
    AFTER_BREAKS,
    AT_FLAGS,
    AT_HOLDER,
    BREAKS_AHEAD,
    LINE,
    N_BLOCKS,
    N_TEXT,
    OPEN_BOLD,
    OPEN_CODE,
    OPEN_LINKS,
    RUN,
    RUN_BOLD_BYTES,
    RUN_BREAKS,
    RUN_CLOSED,
    RUN_CODE_BYTES,
    RUN_FLAGS,
    RUN_HOLDER,
    RUN_LINK_BYTES,
    RUN_OPENED,
    SPACE,
    STACK_WIDTH,
    TOP,
    data_of,
    reference_codes_of,
    reference_keys_of,
    stack_of,
    state_of,
    text_of,
    windows_of,
)
from curate.extract.scan.search import find_byte, is_space, skip_space
from curate.text.compiled import inner, part

LESS, AND, NEWLINE, RETURN, TAB, BLANK_BYTE, DELETE = 0x3C, 0x26, 0x0A, 0x0D, 0x09, 0x20, 0x7F
SLASH, EXCLAMATION, QUESTION = 0x2F, 0x21, 0x3F


@inner
def is_markup(data, at, end):
    """Whether the "<" here begins a tag, a comment or the like, and is no text."""
    if at + 1 >= end:
        return False
    byte = data[at + 1]
    if byte == SLASH:
        return at + 2 < end  # the last two bytes of a page begin nothing
    return 0x61 <= byte | 0x20 <= 0x7A or byte == EXCLAMATION or byte == QUESTION


@inner
def find_markup(data, at, end):
    """Where the next tag or comment begins."""
    at = find_byte(data, at, end, LESS)
    while at < end and not is_markup(data, at, end):
        at = find_byte(data, at + 1, end, LESS)
    return at


@part
def read_text(room, at, end, is_raw):
    """Take the text from `at` on, up to the next tag, or all of it up to `end` if it is raw; returns where it ends."""
    state, data = state_of(room), data_of(room)
    flags = stack_of(room)[state[TOP] * STACK_WIDTH + AT_FLAGS]
    begin = at
    if not flags & IN_PRE:
        at = skip_space(data, at, end)
        if at > begin:
            state[SPACE] = 1
        if at == end or (data[at] == LESS and not is_raw and is_markup(data, at, end)):
            return at
    if flags & DROPPED:
        return end if is_raw else find_markup(data, at, end)
    if state[BREAKS_AHEAD] > 1 and not flags & IN_PRE and state[N_TEXT] > state[RUN]:
        end_run(room)  # an empty line
        state[LINE] = state[N_BLOCKS]
        state[AFTER_BREAKS] = 1
    opened, before = at, state[N_TEXT]
    state[N_TEXT] = _break_line(room, before, flags)
    at = _copy_kept(room, at, end, is_raw) if flags & IN_PRE else _copy_flowing(room, at, end, is_raw)
    if state[N_TEXT] > before:
        count_bytes(room, before, opened, at)
    return at


@inner
def _break_line(room, out, flags):
    """Line breaks before the text that comes: one, or in pre all of them."""
    state = state_of(room)
    if state[BREAKS_AHEAD] and (out > state[RUN] or flags & IN_PRE):
        for _ in range(state[BREAKS_AHEAD] if flags & IN_PRE else 1):
            text_of(room)[out] = NEWLINE
            out += 1
        state[RUN_BREAKS] += 1
        state[SPACE] = 0
    state[BREAKS_AHEAD] = 0
    return out


@inner
def count_bytes(room, before, opened, closed):
    """Note what the text behind `before` is part of; the first of a run says where it stands."""
    state = state_of(room)
    if before == state[RUN]:
        top = state[TOP] * STACK_WIDTH
        state[RUN_HOLDER] = stack_of(room)[top + AT_HOLDER]
        state[RUN_FLAGS] = stack_of(room)[top + AT_FLAGS]
        state[RUN_OPENED] = opened
    state[RUN_CLOSED] = closed
    size = state[N_TEXT] - before
    if state[OPEN_LINKS] > 0:
        state[RUN_LINK_BYTES] += size
    if state[OPEN_BOLD] > 0:
        state[RUN_BOLD_BYTES] += size
    if state[OPEN_CODE] > 0:
        state[RUN_CODE_BYTES] += size


@inner
def _copy_flowing(room, at, end, is_raw):
    """Text in which any white space is one space, and none at the beginning of a line."""
    state, data, text = state_of(room), data_of(room), text_of(room)
    run, out, space = state[RUN], state[N_TEXT], state[SPACE]
    if out > run and text[out - 1] == NEWLINE:
        space = 0
    while at < end:
        byte = data[at]
        if BLANK_BYTE < byte < DELETE and byte != LESS and byte != AND:
            if space:
                if out > run:
                    text[out] = BLANK_BYTE
                    out += 1
                space = 0
            while BLANK_BYTE < byte < DELETE and byte != LESS and byte != AND:
                text[out] = byte
                out += 1
                at += 1
                byte = data[at] if at < end else np.uint8(0)
        elif byte == LESS and not is_raw and is_markup(data, at, end):
            break
        elif is_space(byte):
            space = 1
            at += 1
        else:
            code, second = np.int64(byte), 0
            if byte == AND:
                at, code, second = read_reference(
                    data, at + 1, end, reference_keys_of(room), reference_codes_of(room), windows_of(room)
                )
                code = AND if code == 0 else code
            elif byte >= 0x80:
                code, size = read_character(data, at, end)
                at += size
            else:
                at += 1
            kind = BLANK if code < 0x21 and is_space(code) else kind_of(code)
            if kind == BLANK:
                space = 1
            elif kind == PLAIN:
                if space and out > run:
                    text[out] = BLANK_BYTE
                    out += 1
                space = 0
                out = write_character(text, out, code)
                if second:
                    out = write_character(text, out, second)
    state[N_TEXT], state[SPACE] = out, space
    return at


@inner
def _copy_kept(room, at, end, is_raw):
    """Text whose white space stays as it is; every kind of newline is "\\n"."""
    state, data, text = state_of(room), data_of(room), text_of(room)
    out = state[N_TEXT]
    while at < end:
        byte = data[at]
        if byte == LESS and not is_raw and is_markup(data, at, end):
            break
        code, second = np.int64(byte), 0
        if byte == AND:
            at, code, second = read_reference(
                data, at + 1, end, reference_keys_of(room), reference_codes_of(room), windows_of(room)
            )
            code = AND if code == 0 else code
        elif byte >= 0x80:
            code, size = read_character(data, at, end)
            at += size
        else:
            at += 1
            if byte == RETURN:
                code = NEWLINE
                at += at < end and data[at] == NEWLINE  # "\\r\\n" is one
        kind = PLAIN if code == NEWLINE or code == TAB else kind_of(code)
        if kind == BLANK:
            code = BLANK_BYTE
        if kind == PLAIN or kind == BLANK:
            out = write_character(text, out, code)
            if second:
                out = write_character(text, out, second)
    state[N_TEXT], state[SPACE] = out, 0
    return at
