"""The attributes of a tag: where the values of the known ones stand, and what they say at once.

    class="a" id=b hidden ─▶ spans of values, a bit in SEEN for each ─┬─▶ hidden?
                                                                     └─▶ words: hashed, lower-case, no digits

The first of several attributes with one name counts. As a bit says which were seen, a million attributes cost no more
each than one.
"""

from __future__ import annotations

import numpy as np

from curate.extract.scan.columns import HIDDEN
from curate.extract.scan.names import START, attribute_ids, extend_name, number_of
from curate.extract.scan.room import (
    IS_CLOSED,
    N_WORDS,
    SEEN,
    attribute_keys_of,
    attribute_numbers_of,
    data_of,
    spans_of,
    state_of,
    words_of,
)
from curate.extract.scan.search import find_byte, is_here, is_space, skip_space, word
from curate.text.compiled import inner, part

GREATER, SLASH, EQUALS, DOUBLE, SINGLE, LOWER_CASE = 0x3E, 0x2F, 0x3D, 0x22, 0x27, 0x20
HIDDEN_NAME, ARIA_HIDDEN, STYLE = attribute_ids("hidden aria-hidden style")
WORD_KINDS = 5
"""Attributes whose words are kept: the first five of `names.ATTRIBUTES`."""
UNTIL_FOUND, TRUE = word("until-found"), word("true")
LAY_NONE = np.uint64(int.from_bytes(b"lay:none", "big"))
TY_HIDDEN = np.uint64(int.from_bytes(b"y:hidden", "big"))
BYTE = np.uint64(8)
WORD_PRIME, WORD_MASK = np.uint64(0x01000193), np.uint64(0xFFFFFFFF)
FIRST_WORD_HASH = np.uint64(0x811C9DC5)


@part
def read_attributes(room, at, end):
    """Read from behind a tag's name to behind its ">"; `end` + 1 if it does not end, and is no tag."""
    data, state = data_of(room), state_of(room)
    seen = state[IS_CLOSED] = 0
    while True:
        while at < end and (is_space(data[at]) or data[at] == SLASH):
            at += 1
        if at >= end:
            return end + 1
        if data[at] == GREATER:
            state[SEEN] = seen
            state[IS_CLOSED] = data[at - 1] == SLASH
            return at + 1
        value = START
        first = True
        while at < end:
            byte = data[at]
            if byte == GREATER or byte == SLASH or is_space(byte) or (byte == EQUALS and not first):
                break
            value = extend_name(value, byte)
            first = False
            at += 1
        number = number_of(attribute_keys_of(room), attribute_numbers_of(room), value) - 1
        begin = close = at
        at = skip_space(data, at, end)
        if at < end and data[at] == EQUALS:
            begin, close, at = _read_value(data, at + 1, end)
        if at > end:
            return at
        if number >= 0 and not seen >> number & 1:
            seen |= 1 << number
            spans_of(room)[2 * number], spans_of(room)[2 * number + 1] = begin, close


@inner
def _read_value(data, at, end):
    """Where a value begins and ends, and where what follows does."""
    at = skip_space(data, at, end)
    if at >= end:
        return at, at, end + 1
    quote = data[at]
    if quote == DOUBLE or quote == SINGLE:
        close = find_byte(data, at + 1, end, quote)
        return at + 1, close, close + 1 if close < end else end + 1
    begin = at
    while at < end and data[at] != GREATER and not is_space(data[at]):
        at += 1
    return begin, at, at


@inner
def has(room, attribute):
    """Whether the tag that was read last has this attribute."""
    return state_of(room)[SEEN] >> attribute & 1 != 0


@inner
def begin_of(room, attribute):
    """Where its value begins in the source."""
    return np.int64(spans_of(room)[2 * attribute])


@inner
def end_of(room, attribute):
    return np.int64(spans_of(room)[2 * attribute + 1])


@part
def is_hidden(room):
    """Whether the tag says that its element is not seen."""
    if has(room, HIDDEN_NAME):
        begin, end = begin_of(room, HIDDEN_NAME), end_of(room, HIDDEN_NAME)
        if not is_here(data_of(room), begin, end, UNTIL_FOUND):
            return HIDDEN
    if has(room, ARIA_HIDDEN):
        begin, end = begin_of(room, ARIA_HIDDEN), end_of(room, ARIA_HIDDEN)
        if end - begin == len(TRUE) and is_here(data_of(room), begin, end, TRUE):
            return HIDDEN
    if has(room, STYLE) and _style_hides(data_of(room), begin_of(room, STYLE), end_of(room, STYLE)):
        return HIDDEN
    return 0


@inner
def _style_hides(data, at, end):
    """Whether a declaration display:none or visibility:hidden is in a style, white space aside."""
    last = np.uint64(0)
    while at < end:
        byte = np.uint64(data[at])
        at += 1
        if byte == 0x3B or byte == 0x21:  # ";" or "!important"
            if last == LAY_NONE or last == TY_HIDDEN:
                return True
            last = np.uint64(0)
        elif not is_space(byte):
            if 0x41 <= byte <= 0x5A:
                byte |= np.uint64(LOWER_CASE)
            last = last << BYTE | byte
    return last == LAY_NONE or last == TY_HIDDEN


@part
def write_words(room):
    """Hash the words of the tag's class, id, role, itemprop and itemtype; each kind by itself."""
    state = state_of(room)
    count = state[N_WORDS]
    seen = state[SEEN] & ((1 << WORD_KINDS) - 1)
    kind = 0
    while seen:
        if seen & 1:
            count = _write_words_of(room, kind, begin_of(room, kind), end_of(room, kind), count)
        seen >>= 1
        kind += 1
    state[N_WORDS] = count


@inner
def _write_words_of(room, kind, at, end, count):
    """Cut where no letter stands, and before an upper-case letter behind a lower-case one; FNV-1a over what is left."""
    data, first = data_of(room), (FIRST_WORD_HASH ^ np.uint64(kind)) * WORD_PRIME & WORD_MASK
    value, was_lower = first, False
    while at < end:
        byte = np.uint64(data[at])
        at += 1
        is_upper = 0x41 <= byte <= 0x5A
        is_lower = 0x61 <= byte <= 0x7A or byte >= 0x80
        if (is_upper and was_lower) or not (is_upper or is_lower or 0x30 <= byte <= 0x39):
            if value != first:
                words_of(room)[count] = value
                count += 1
                value = first
        if is_upper or is_lower:
            value = (value ^ (byte | np.uint64(LOWER_CASE) if is_upper else byte)) * WORD_PRIME & WORD_MASK
        was_lower = is_lower
    if value != first:
        words_of(room)[count] = value
        count += 1
    return count


def word_hash(word: str, kind: int) -> int:
    """What `write_words` makes of one word in lower case; `kind` is the number of its attribute in ATTRIBUTES."""
    value = (0x811C9DC5 ^ kind) * 0x01000193 & 0xFFFFFFFF
    for byte in word.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
