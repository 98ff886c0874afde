"""Characters as they reach the text: which are left out, which are spaces, and how one is written as UTF-8.

Left out is what nobody sees: control characters, soft hyphens, byte-order marks, and the private signs of icon fonts. A
no-break space is a space like others, and so are the separators of lines and paragraphs.
"""

from __future__ import annotations

import numpy as np

from curate.text.compiled import inner

PLAIN, BLANK, NOTHING = range(3)
"""What a character is to a text."""
NO_BREAK_SPACE, SOFT_HYPHEN, BYTE_ORDER_MARK = 0xA0, 0xAD, 0xFEFF
LINE_SEPARATOR, PARAGRAPH_SEPARATOR = 0x2028, 0x2029
FIRST_PRIVATE, LAST_PRIVATE, FIRST_PRIVATE_PLANE = 0xE000, 0xF8FF, 0xF0000


@inner
def kind_of(code):
    """What a code point is to a text; white space of HTML is decided before."""
    if code < 0x20 or 0x7F <= code < 0xA0 or code == SOFT_HYPHEN or code == BYTE_ORDER_MARK:
        return NOTHING
    if code == NO_BREAK_SPACE or code == LINE_SEPARATOR or code == PARAGRAPH_SEPARATOR or code == 0x20:
        return BLANK
    if FIRST_PRIVATE <= code <= LAST_PRIVATE or code >= FIRST_PRIVATE_PLANE:
        return NOTHING
    return PLAIN


@inner
def read_character(data, at, end):
    """The code point of valid UTF-8 that begins here and is none of ASCII, and its bytes; U+FFFD if it is cut off."""
    first = np.int64(data[at])
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end:
        return np.int64(0xFFFD), end - at
    code = first & (0xFF >> (size + 1))
    for tail in range(at + 1, at + size):
        code = code << 6 | np.int64(data[tail] & 0x3F)
    return code, np.int64(size)


@inner
def write_character(text, out, code):
    """Writes a code point as UTF-8; returns where the next one goes."""
    if code < 0x80:
        text[out] = code
        return out + 1
    if code < 0x800:
        text[out] = 0xC0 | code >> 6
        text[out + 1] = 0x80 | code & 0x3F
        return out + 2
    if code < 0x10000:
        text[out] = 0xE0 | code >> 12
        text[out + 1] = 0x80 | code >> 6 & 0x3F
        text[out + 2] = 0x80 | code & 0x3F
        return out + 3
    text[out] = 0xF0 | code >> 18
    text[out + 1] = 0x80 | code >> 12 & 0x3F
    text[out + 2] = 0x80 | code >> 6 & 0x3F
    text[out + 3] = 0x80 | code & 0x3F
    return out + 4
