"""What a sign leads to: runs around an `@`, a dot or a colon, hardware addresses, and names before a host in a URL.

`@` ─▶ mail    `.` `:` ─▶ host, hardware    `://` ─▶ login
"""

from __future__ import annotations

from curate.scrub.scan.shapes import (
    AT,
    AT_HOME,
    CASE,
    CLASSES,
    COLON,
    DIGIT,
    DOT,
    HARDWARE,
    HEX,
    HOST,
    LOGIN,
    MAIL,
    OF_HOST,
    SLASH,
    SPACE,
    WORD,
    has,
    is_of,
    put,
)
from curate.text.compiled import inner, part

MAX_LOGIN = 256
"""Bytes of a name and a password."""


@part
def mail(data, low, high, at, rows, count):
    """The run around an `@`, if there is a dot behind that; what lies before `low` was looked at already."""
    start, end, dots = at, at + 1, 0
    while start > low and CLASSES[data[start - 1]] & AT_HOME:
        start -= 1
    while end < high and CLASSES[data[end]] & AT_HOME:
        dots += data[end] == DOT
        end += 1
    return end, put(rows, count, MAIL, 0, start, end) if dots and start < at else count


@inner
def may_be_host(data, low, high, at):
    """A dot between digits, or the colon behind the first group of what is public in version 6."""
    if data[at] == DOT:
        return is_of(data, low, high, at - 1, DIGIT) and is_of(data, low, high, at + 1, DIGIT)
    first = data[at - 4] | CASE if at - 4 >= low else 0
    is_public = first == ord("2") or first == ord("3") or first == ord("f")
    return is_public and is_of(data, low, high, at - 1, HEX) and is_of(data, low, high, at - 2, HEX)


@part
def host(data, low, high, at, rows, count):
    """The run around it, if it has three dots between digits, or two colons and one that may be of version 6."""
    start, end, dots, colons, is_public = at, at, 0, 0, False
    while start > low and CLASSES[data[start - 1]] & OF_HOST:
        start -= 1
    while end < high and CLASSES[data[end]] & OF_HOST:
        end += 1
    for place in range(start, end):
        if data[place] == DOT:
            dots += may_be_host(data, start, end, place)
        elif data[place] == COLON:
            colons += 1
            is_public |= may_be_host(data, start, end, place)
    is_one = dots > 2 or (colons > 1 and is_public)
    return end, put(rows, count, HOST, 0, start, end) if is_one else count


@part
def hardware(data, low, high, at, rows, count):
    """Six pairs of hexadecimal digits between colons or hyphens, or three groups of four between dots.

    Looked for at the first of the signs.
    """
    sign = data[at]
    size = 4 if sign == DOT else 2
    start, last = at - size, at - size + (14 if sign == DOT else 17)
    if start < low or last > high:
        return count
    for place in range(start, last):
        is_sign = (place - start) % (size + 1) == size
        if data[place] != sign if is_sign else not CLASSES[data[place]] & HEX:
            return count
    is_longer = is_of(data, low, high, last, WORD) or (
        has(data, low, high, last, sign) and is_of(data, low, high, last + 1, HEX)
    )
    is_within = is_of(data, low, high, start - 1, WORD) or (
        has(data, low, high, start - 1, sign) and is_of(data, low, high, start - 2, HEX)
    )
    return count if is_longer or is_within else put(rows, count, HARDWARE, 0, start, last)


@part
def login(data, high, at, rows, count):
    """What stands between `://` and `@`, with a colon in it."""
    if not (has(data, at, high, at + 1, SLASH) and has(data, at, high, at + 2, SLASH)):
        return count
    start, end, colon = at + 3, at + 3, 0
    while end < high and end - start < MAX_LOGIN and data[end] > SPACE and data[end] != SLASH and data[end] != AT:
        colon = end if data[end] == COLON and not colon else colon
        end += 1
    if has(data, start, high, end, AT) and colon > start and colon + 1 < end:
        count = put(rows, count, LOGIN, 0, start, end)
    return count
