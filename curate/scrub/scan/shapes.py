"""What the scan tells apart: the shapes of candidates, classes of bytes, and rows where candidates are noted.

byte ─▶ CLASSES ─▶ is_of, has            candidate ─▶ put ─▶ (shape, size, start, end)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner

MAIL, HOST, PHONE, DIGITS, CODE, ACCOUNT, WALLET, HARDWARE, LOGIN = range(9)
"""Shapes: a run with `@` and a dot; one of hexadecimal digits, dots and colons; a number in groups as telephones have;
digits in known groups; letters and digits of a known pattern; an IBAN's; a wallet's; six pairs; `://name:word@`."""

WORD, DIGIT, HEX, AT_HOME, OF_HOST, LETTER = (1 << bit for bit in range(6))
"""Classes of bytes. AT_HOME: in e-mail addresses, any byte above ASCII among them."""


def _classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for byte in range(256):
        char = chr(byte)
        is_word = byte < 128 and (char.isalnum() or char == "_")
        is_hex = char in "0123456789abcdefABCDEF"
        table[byte] = (
            WORD * is_word
            | DIGIT * (char in "0123456789")
            | HEX * is_hex
            | AT_HOME * (is_word or byte >= 128 or char in "%+~$-.'\\@")
            | OF_HOST * (is_hex or char in ".:")
            | LETTER * (byte < 128 and char.isalpha())
        )
    return table


CLASSES = _classes()
AT, DOT, COLON, PLUS, OPEN, CLOSE, DASH, SPACE, SLASH, COMMA = (ord(sign) for sign in "@.:+()- /,")
ZERO, AT_SIGN, CASE = np.uint8(ord("0")), np.uint8(AT), 0x20


@inner
def put(rows, count, shape, size, start, end):
    if count < len(rows):
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = shape, size, start, end
    return count + 1


@inner
def is_of(data, low, high, at, wanted):
    """Whether a byte of some class stands there."""
    return low <= at < high and CLASSES[data[at]] & wanted != 0


@inner
def has(data, low, high, at, sign):
    return low <= at < high and data[at] == sign
