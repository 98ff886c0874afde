"""One pass over a batch's bytes: where something stands that has the form of personal data, and which form.

bytes, offsets ─▶ words of ASCII, signs between them ─▶ rows of (shape, size, start, end) ─▶ each entity's own check

A row says that a check is worth its time, never that something was found. A place is looked at from the left once, and
ahead of it no further than the longest form, so the pass is linear in whatever text. No form reaches into another text.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.scrub.scan.phones import phone
from curate.scrub.scan.shapes import (
    ACCOUNT,
    AT,
    AT_SIGN,
    CLASSES,
    CODE,
    COLON,
    DASH,
    DIGIT,
    DIGITS,
    DOT,
    HARDWARE,
    HOST,
    LOGIN,
    MAIL,
    OPEN,
    PHONE,
    PLUS,
    WALLET,
    WORD,
    ZERO,
)
from curate.scrub.scan.signs import hardware, host, login, mail, may_be_host
from curate.scrub.scan.words import number, word
from curate.text.bits import BLOCK, NO_BITS, ONE, bits_below, trailing_zeros
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, part, pointer


def scan_texts(buffers: TextBuffers, shapes: frozenset[int]) -> npt.NDArray[np.int64]:
    """Rows (shape, size, start, end) in the order of their ends, int64[n, 4]; start and end are places in the buffers.

    The size is the count of digits for DIGITS and PHONE, of bytes for CODE, and else 0.
    """
    wanted = sum(1 << shape for shape in shapes)
    capacity = 1024 + len(buffers.data) // 64
    while True:
        rows = np.empty((capacity, 4), dtype=np.int64)
        count = _scan(buffers.data, buffers.offsets, wanted, rows)
        if count <= capacity:
            return rows[:count]
        capacity = count


@kernel
def _scan(data, offsets, wanted, rows):
    """How many rows there are; those beyond the room for them are only counted."""
    count = 0
    for document in range(len(offsets) - 1):
        count = _scan_one(pointer(data), offsets[document], offsets[document + 1], wanted, rows, count)
    return count


@part
def _scan_one(data, low, high, wanted, rows, count):
    """From one digit or sign to the next; words without a digit cost nothing."""
    word_end, mail_end, host_end, phone_end = low, low, low, low
    marks = _marks(wanted)
    for first in range(low, high, BLOCK):
        bits = _marked(data, first, high, marks)
        while bits != NO_BITS:
            at = first + np.int64(trailing_zeros(bits))
            bits &= bits - ONE
            sign = data[at]
            if CLASSES[sign] & DIGIT:
                start, end, letters = whole_word(data, word_end, high, at)
                word_end = end
                bits &= ~bits_below(min(end - first, BLOCK))
                if letters:
                    count = word(data, low, high, start, end, letters, wanted, rows, count)
                    continue
                if wanted & 1 << PHONE and start >= phone_end:
                    phone_end, count = phone(data, low, high, start, rows, count)
                count = number(data, low, high, start, end, wanted, rows, count)
            elif sign == AT:
                if wanted & 1 << MAIL and at >= mail_end:
                    mail_end, count = mail(data, mail_end, high, at, rows, count)
            elif sign == PLUS or sign == OPEN:
                if at >= phone_end:
                    phone_end, count = phone(data, low, high, at, rows, count)
            else:
                if wanted & 1 << HOST and at >= host_end and may_be_host(data, low, high, at):
                    host_end, count = host(data, host_end, high, at, rows, count)
                if sign == COLON and wanted & 1 << LOGIN:
                    count = login(data, high, at, rows, count)
                if wanted & 1 << HARDWARE:
                    count = hardware(data, low, high, at, rows, count)
    return count


@inner
def _marks(wanted):
    """The first bytes of what is wanted: below which distance from 0x30 (0 to 9, the colon), and four signs."""
    has_digits = wanted & (1 << PHONE | 1 << DIGITS | 1 << CODE | 1 << ACCOUNT | 1 << WALLET)
    has_colons = wanted & (1 << HOST | 1 << LOGIN | 1 << HARDWARE)
    near = np.uint8(11 if has_digits and has_colons else 10 if has_digits else 0)
    colon = np.uint8(COLON if has_colons else AT)
    dot = np.uint8(DOT if wanted & (1 << HOST | 1 << HARDWARE) else AT)
    dash = np.uint8(DASH if wanted & 1 << HARDWARE else AT)
    plus, opening = np.uint8(PLUS if wanted & 1 << PHONE else AT), np.uint8(OPEN if wanted & 1 << PHONE else AT)
    return near, colon, dot, dash, plus, opening


@inner
def _marked(data, first, high, marks):
    """Bit i: one of these stands at `first + i`. A loop of known length compiles to vector instructions."""
    near, colon, dot, dash, plus, opening = marks
    bits = NO_BITS
    for bit in range(BLOCK if first + BLOCK <= high else high - first):
        byte = data[first + bit]
        is_one = (byte ^ ZERO) < near
        is_one |= (byte == AT_SIGN) | (byte == colon) | (byte == dot)
        is_one |= (byte == dash) | (byte == plus) | (byte == opening)
        bits |= np.uint64(is_one) << np.uint64(bit)
    return bits


@inner
def whole_word(data, low, high, at):
    """Where the word around a digit starts and ends, and which of its first 63 bytes are no digits."""
    start, end, letters = at, at, NO_BITS
    while start > low and CLASSES[data[start - 1]] & WORD:
        start -= 1
    for place in range(start, at):
        letters |= np.uint64(CLASSES[data[place]] & DIGIT == 0) << np.uint64(min(place - start, 63))
    while end < high and CLASSES[data[end]] & WORD:
        letters |= np.uint64(CLASSES[data[end]] & DIGIT == 0) << np.uint64(min(end - start, 63))
        end += 1
    return start, end, letters
