"""One pass over a batch's bytes: where something stands that has the form of personal data, and which form.

bytes, offsets ─▶ words of ASCII, signs between them ─▶ rows of (shape, size, start, end) ─▶ each entity's own check

A row says that a check is worth its time, never that something was found. A place is looked at from the left once, and
ahead of it no further than the longest form, so the pass is linear in whatever text. No form reaches into another text.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.text.bits import BLOCK, NO_BITS, ONE, bits_below, trailing_zeros
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, part, pointer

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
            | AT_HOME * (is_word or byte >= 128 or char in "%+~-.'\\@")
            | OF_HOST * (is_hex or char in ".:")
            | LETTER * (byte < 128 and char.isalpha())
        )
    return table


CLASSES = _classes()
AT, DOT, COLON, PLUS, OPEN, CLOSE, DASH, SPACE, SLASH, COMMA = (ord(sign) for sign in "@.:+()- /,")
ZERO, AT_SIGN, CASE = np.uint8(ord("0")), np.uint8(AT), 0x20

MIN_PHONE, MAX_PHONE = 7, 17
"""Digits of a telephone number, with the zeros of an international call before it (E.164 has 15)."""
MIN_DIGITS, MAX_DIGITS, MAX_GROUPS = 8, 19, 7

GROUPS = tuple(
    tuple(int(size) for size in groups.split())
    for groups in (
        "3 2 4|3 3 3|3 3 4|2 3 3 3|4 4 4|4 4 4 4|4 6 5|4 6 4|4 4 4 4 3|4 4 5|6 7|6 6|3 3 3 2|6 4|8 4|2 2 2 3 2|3 4 4 2"
        "|1 4 5 2 1|1 2 2 2 3 3 2|1 2 2 2 3 3|13 2|6 5|6 2 5|6 4 3|6 4 2 1|4 5 1|9 2|4 2 3"
    ).split("|")
)
"""In which groups numbers are written that an entity asks for."""
SIGNATURES = np.array([sum(size << 5 * place for place, size in enumerate(groups)) for groups in GROUPS])


def _mask(form: str) -> int:
    return sum(1 << place for place, letter in enumerate(form) if letter == "A")


FORMS = ("99999999A", "A9999999A", "AA999999A", "AAAAA9999A", "999999A9999", "999999A999A", "99999999999999999A")
FORMS += ("999999A99999999", "AAAA999999AAAAAA99", "AAAA999999AAAAAAA9")
"""A for a letter and 9 for a digit: Spain, Singapore, Britain, India, Finland twice, China, Corsica, Mexico twice."""
FORM_SIZES = np.array([len(form) for form in FORMS])
FORM_LETTERS = np.array([_mask(form) for form in FORMS], dtype=np.uint64)
FISCAL_SIZE, FISCAL_LETTERS = 16, np.uint64(_mask("AAAAAA99A99A999A"))
"""Italy's, where letters may stand in the places of digits as well."""
ACCOUNT_LETTERS, ACCOUNT_HEAD = np.uint64(0b0011), np.uint64(0b1111)
MAX_LOGIN = 256


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
                start, end, letters = _whole_word(data, word_end, high, at)
                word_end = end
                bits &= ~bits_below(min(end - first, BLOCK))
                if letters:
                    count = _word(data, low, high, start, end, letters, wanted, rows, count)
                    continue
                if wanted & 1 << PHONE and start >= phone_end:
                    phone_end, count = _phone(data, low, high, start, rows, count)
                count = _number(data, low, high, start, end, wanted, rows, count)
            elif sign == AT:
                if wanted & 1 << MAIL and at >= mail_end:
                    mail_end, count = _mail(data, mail_end, high, at, rows, count)
            elif sign == PLUS or sign == OPEN:
                if at >= phone_end:
                    phone_end, count = _phone(data, low, high, at, rows, count)
            else:
                if wanted & 1 << HOST and at >= host_end and _may_be_host(data, low, high, at):
                    host_end, count = _host(data, host_end, high, at, rows, count)
                if sign == COLON and wanted & 1 << LOGIN:
                    count = _login(data, high, at, rows, count)
                if wanted & 1 << HARDWARE:
                    count = _hardware(data, low, high, at, rows, count)
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
        is_one |= (byte == AT_SIGN) | (byte == colon) | (byte == dot) | (byte == dash) | (byte == plus) | (byte == opening)
        bits |= np.uint64(is_one) << np.uint64(bit)
    return bits


@inner
def _whole_word(data, low, high, at):
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


@inner
def _put(rows, count, shape, size, start, end):
    if count < len(rows):
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = shape, size, start, end
    return count + 1


@inner
def _is(data, low, high, at, wanted):
    """Whether a byte of some class stands there."""
    return low <= at < high and CLASSES[data[at]] & wanted != 0


@inner
def _has(data, low, high, at, sign):
    return low <= at < high and data[at] == sign


@part
def _mail(data, low, high, at, rows, count):
    """The run around an `@`, if there is a dot behind that; what lies before `low` was looked at already."""
    start, end, dots = at, at + 1, 0
    while start > low and CLASSES[data[start - 1]] & AT_HOME:
        start -= 1
    while end < high and CLASSES[data[end]] & AT_HOME:
        dots += data[end] == DOT
        end += 1
    return end, _put(rows, count, MAIL, 0, start, end) if dots and start < at else count


@inner
def _may_be_host(data, low, high, at):
    """A dot between digits, or the colon behind the first group of what is public in version 6."""
    if data[at] == DOT:
        return _is(data, low, high, at - 1, DIGIT) and _is(data, low, high, at + 1, DIGIT)
    first = data[at - 4] | CASE if at - 4 >= low else 0
    is_public = first == ord("2") or first == ord("3") or first == ord("f")
    return is_public and _is(data, low, high, at - 1, HEX) and _is(data, low, high, at - 2, HEX)


@part
def _host(data, low, high, at, rows, count):
    """The run around it, if it has three dots between digits, or two colons and one that may be of version 6."""
    start, end, dots, colons, is_public = at, at, 0, 0, False
    while start > low and CLASSES[data[start - 1]] & OF_HOST:
        start -= 1
    while end < high and CLASSES[data[end]] & OF_HOST:
        end += 1
    for place in range(start, end):
        if data[place] == DOT:
            dots += _may_be_host(data, start, end, place)
        elif data[place] == COLON:
            colons += 1
            is_public |= _may_be_host(data, start, end, place)
    is_one = dots > 2 or (colons > 1 and is_public)
    return end, _put(rows, count, HOST, 0, start, end) if is_one else count


@part
def _phone(data, low, high, first, rows, count):
    """A number in groups that begins at `first`: where it ends, and with a row if telephones have as many digits.

    Between groups stand one sign, or two with a parenthesis among them.
    """
    at, digits, end = first, 0, first
    if not CLASSES[data[at]] & DIGIT and _is(data, low, high, at - 1, WORD):
        return first + 1, count  # a call or a sum: its digits are looked at by themselves
    if data[at] == PLUS:
        at += 1
    while at < high:
        if CLASSES[data[at]] & DIGIT:
            digits += 1
            at += 1
            end = at
            continue
        skip = _separator(data, high, at)
        if skip == 0 or digits == 0 and data[at] != OPEN:
            break
        at += skip
    if _is(data, low, high, end, WORD) and data[end] | CASE != ord("x") and data[end] | CASE != ord("e"):
        return max(end, first + 1), count
    is_inside = _is(data, low, high, first - 2, DIGIT) and (
        data[first - 1] == DOT or data[first - 1] == COMMA or data[first - 1] == COLON
    )
    if digits < MIN_PHONE or digits > MAX_PHONE or is_inside:
        return max(end, first + 1), count
    return end, _put(rows, count, PHONE, digits, first, end)


@inner
def _separator(data, high, at):
    """How many bytes stand between this group and the next; 0 if it is none."""
    size = 0
    while size < 3 and at + size < high and not CLASSES[data[at + size]] & DIGIT:
        sign = data[at + size]
        is_one = sign == SPACE or sign == DASH or sign == DOT or sign == SLASH or sign == OPEN or sign == CLOSE
        if sign == 0xC2 and at + size + 1 < high and data[at + size + 1] == 0xA0:
            return 2 if _is(data, at, high, at + size + 2, DIGIT) and size == 0 else 0  # a space that does not break
        if sign == 0xE2 and at + 3 < high and data[at + 1] == 0x80 and 0x90 <= data[at + 2] <= 0x93:
            return 3 if _is(data, at, high, at + 3, DIGIT) and size == 0 else 0  # hyphens and dashes
        if not is_one:
            return 0
        size += 1
    if at + size >= high or size == 0 or not CLASSES[data[at + size]] & DIGIT:
        return 0
    if size == 1:
        return 1
    has_parenthesis = False
    for place in range(at, at + size):
        has_parenthesis |= data[place] == OPEN or data[place] == CLOSE
    return size if has_parenthesis else 0


@part
def _number(data, low, high, start, end, wanted, rows, count):
    """What may begin with the digits in `start:end`."""
    size = end - start
    if wanted & 1 << CODE and size == 2:
        count = _spaced_code(data, low, high, start, rows, count)
    if wanted & 1 << CODE and (size == 6 or size == 8):
        count = _code_behind(data, high, start, end, rows, count)
    if wanted & 1 << WALLET and 26 <= size <= 35:
        count = _put(rows, count, WALLET, size, start, end)
    if wanted & 1 << DIGITS and not _is_part(data, low, high, start, end):
        if MIN_DIGITS <= size <= MAX_DIGITS and not _goes_on(data, high, end):
            count = _put(rows, count, DIGITS, size, start, end)
        if size <= 13:
            count = _groups(data, high, start, end, rows, count)
    return count


@inner
def _is_part(data, low, high, start, end):
    """Whether the digits are the rest of something: of a fraction, a name with hyphens, a longer group."""
    if not _is(data, low, high, start - 2, WORD):
        return False
    before = data[start - 1]
    return before == DASH or (before == DOT or before == COMMA) and _is(data, low, high, start - 2, DIGIT)


@inner
def _goes_on(data, high, end):
    is_joined = _has(data, end, high, end, DASH) or _has(data, end, high, end, DOT) or _has(data, end, high, end, COMMA)
    return is_joined and _is(data, end, high, end + 1, DIGIT)


@part
def _groups(data, high, start, end, rows, count):
    """Rows for all ways to read it and what follows as digits in known groups."""
    signature, digits, place = end - start, end - start, 1
    while place < MAX_GROUPS and digits < MAX_DIGITS and _is(data, start, high, end + 1, DIGIT):
        sign = data[end]
        if sign != SPACE and sign != DASH and sign != DOT:
            break
        first = end + 1
        end = first
        while end < high and end - first <= 13 and CLASSES[data[end]] & DIGIT:
            end += 1
        if _is(data, start, high, end, WORD):
            break
        signature |= (end - first) << (5 * place)
        digits += end - first
        place += 1
        for known in SIGNATURES:
            if known == signature and not _goes_on(data, high, end):
                count = _put(rows, count, DIGITS, digits, start, end)
    return count


@part
def _code_behind(data, high, start, end, rows, count):
    """Digits, a sign, and the rest: `131052-308T`, `12345678-Z`."""
    size = end - start
    if not (_has(data, start, high, end, DASH) or size == 6 and _has(data, start, high, end, PLUS)):
        return count
    rest = end + 1
    while rest < high and rest - end < 6 and CLASSES[data[rest]] & WORD:
        rest += 1
    is_one = (size == 6 and rest - end == 5) or (size == 8 and rest - end == 2)
    return _put(rows, count, CODE, rest - start, start, rest) if is_one else count


@part
def _word(data, low, high, start, end, letters, wanted, rows, count):
    """What may begin with letters and digits in `start:end`."""
    size = end - start
    if wanted & 1 << CODE and 8 <= size <= 18:
        for form in range(len(FORM_SIZES)):
            if FORM_SIZES[form] == size and FORM_LETTERS[form] == letters:
                count = _put(rows, count, CODE, size, start, end)
        if size == FISCAL_SIZE and letters & FISCAL_LETTERS == FISCAL_LETTERS:
            count = _put(rows, count, CODE, size, start, end)
        if size == 8 and letters == np.uint64(1):
            count = _code_behind(data, high, start, end, rows, count)
    if wanted & 1 << ACCOUNT and letters & ACCOUNT_HEAD == ACCOUNT_LETTERS and 4 <= size <= 34:
        count = _account(data, high, start, end, rows, count)
    if wanted & 1 << WALLET and 26 <= size <= 74:
        count = _put(rows, count, WALLET, size, start, end)
    return count


@part
def _spaced_code(data, low, high, first, rows, count):
    """Pairs, with two letters before them and one behind: `AB 12 34 56 C`."""
    start, last = first - 3, first + 9
    if start < low or last >= high or not _is(data, low, high, start, LETTER) or not CLASSES[data[start + 1]] & LETTER:
        return count
    for pair in range(3):
        at = first + 3 * pair
        if data[at - 1] != SPACE or not CLASSES[data[at]] & DIGIT or not CLASSES[data[at + 1]] & DIGIT:
            return count
    is_apart = not _is(data, low, high, start - 1, WORD) and not _is(data, low, high, last + 1, WORD)
    if data[last - 1] != SPACE or not CLASSES[data[last]] & LETTER or not is_apart:
        return count
    return _put(rows, count, CODE, last + 1 - start, start, last + 1)


@part
def _account(data, high, start, end, rows, count):
    """Two letters, two digits, and the rest glued or in groups of four."""
    last = end
    while end - start == 4 or last - end == 4 or last == end:
        if not (_has(data, start, high, last, SPACE) or _has(data, start, high, last, DASH)) or end - start != 4:
            break
        group = last + 1
        while group < high and group - last <= 5 and CLASSES[data[group]] & WORD:
            group += 1
        size = group - last - 1
        if size == 0 or size > 4 or group - start > 43:
            break
        last = group
        if size < 4:
            break
    return _put(rows, count, ACCOUNT, 0, start, last) if last - start >= 15 else count


@part
def _hardware(data, low, high, at, rows, count):
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
    is_longer = _is(data, low, high, last, WORD) or (
        _has(data, low, high, last, sign) and _is(data, low, high, last + 1, HEX)
    )
    is_within = _is(data, low, high, start - 1, WORD) or (
        _has(data, low, high, start - 1, sign) and _is(data, low, high, start - 2, HEX)
    )
    return count if is_longer or is_within else _put(rows, count, HARDWARE, 0, start, last)


@part
def _login(data, high, at, rows, count):
    """What stands between `://` and `@`, with a colon in it."""
    if not (_has(data, at, high, at + 1, SLASH) and _has(data, at, high, at + 2, SLASH)):
        return count
    start, end, colon = at + 3, at + 3, 0
    while end < high and end - start < MAX_LOGIN and data[end] > SPACE and data[end] != SLASH and data[end] != AT:
        colon = end if data[end] == COLON and not colon else colon
        end += 1
    if _has(data, start, high, end, AT) and colon > start and colon + 1 < end:
        count = _put(rows, count, LOGIN, 0, start, end)
    return count
