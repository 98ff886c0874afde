"""Character references: `&eacute;`, `&ampx`, `&#233;`, `&#x92;` as the HTML standard reads them in text (13.2.5.72 on).

"&" ─┬─ "#" ─▶ digits ─▶ a number ─▶ Windows-1252 for 80–9F, U+FFFD for what is no character
     └─ letters ─▶ hash ─▶ the table of names: the longest that fits; without ";" only the old ones
"""

from __future__ import annotations

from functools import cache
from html.entities import html5
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.extract.scan.names import PRIME, START, name_hash
from curate.text.compiled import inner, part

SLOTS, SHIFT = 8192, np.uint64(51)
LONGEST_NAME, LONGEST_OLD_NAME = 32, 6
LAST_CODE, REPLACEMENT, SEMICOLON, HASH = 0x10FFFF, 0xFFFD, 0x3B, 0x23
FIRST_OF_1252, LAST_OF_1252 = 0x80, 0x9F


class ReferenceTable(NamedTuple):
    """`keys` uint64[8192]: hashes of names, ";" included where it belongs to them; `codes` int32[8192, 2]: one or two
    characters; `windows` int32[32]: what the numbers from 80 to 9F mean."""

    keys: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.int32]
    windows: npt.NDArray[np.int32]


@cache
def reference_table() -> ReferenceTable:
    table = ReferenceTable(
        np.zeros(SLOTS, dtype=np.uint64),
        np.zeros((SLOTS, 2), dtype=np.int32),
        np.array([_of_1252(code) for code in range(FIRST_OF_1252, LAST_OF_1252 + 1)], dtype=np.int32),
    )
    for name, characters in html5.items():
        key = name_hash(name)
        slot = key >> int(SHIFT)
        while table.keys[slot]:
            slot = (slot + 1) % SLOTS
        table.keys[slot] = key
        table.codes[slot, : len(characters)] = [ord(character) for character in characters]
    return table


def _of_1252(code: int) -> int:
    """Five of them mean nothing in Windows-1252, and stay control characters."""
    try:
        return ord(bytes([code]).decode("windows-1252"))
    except UnicodeDecodeError:
        return code


@part
def read_reference(data, at, end, keys, codes, windows):
    """What stands behind the "&" before `at`: where it ends, its character, and a second one or 0.

    The character is 0 if there is no reference, and the "&" is text.
    """
    if at < end and data[at] == HASH:
        return _read_number(data, at + 1, end, windows)
    begin, value = at, START
    old_end, old_slot = at, -1
    while at < end and at - begin < LONGEST_NAME and _is_letter_or_digit(data[at]):
        value = (value ^ np.uint64(data[at])) * PRIME
        at += 1
        if at - begin <= LONGEST_OLD_NAME:
            slot = _find(keys, value)
            if slot >= 0:
                old_end, old_slot = at, slot
    if at < end and data[at] == SEMICOLON:
        slot = _find(keys, (value ^ np.uint64(SEMICOLON)) * PRIME)
        if slot >= 0:
            return at + 1, np.int64(codes[2 * slot]), np.int64(codes[2 * slot + 1])
    if old_slot >= 0:
        return old_end, np.int64(codes[2 * old_slot]), np.int64(codes[2 * old_slot + 1])
    return begin, 0, 0


@inner
def _find(keys, value):
    slot = np.int64(value >> SHIFT)
    while keys[slot] != 0 and keys[slot] != value:
        slot = (slot + 1) & (SLOTS - 1)
    return slot if keys[slot] == value else -1


@inner
def _read_number(data, at, end, windows):
    begin, code, is_hex = at, 0, at < end and data[at] | 0x20 == 0x78
    if is_hex:
        at += 1
    first = at
    while at < end:
        byte = np.int64(data[at])
        if 0x30 <= byte <= 0x39:
            digit = byte - 0x30
        elif is_hex and 0x61 <= byte | 0x20 <= 0x66:
            digit = (byte | 0x20) - 0x61 + 10
        else:
            break
        code = min(code * (16 if is_hex else 10) + digit, LAST_CODE + 1)  # more digits than a number holds
        at += 1
    if at == first:
        return begin - 1, 0, 0
    if at < end and data[at] == SEMICOLON:
        at += 1
    if FIRST_OF_1252 <= code <= LAST_OF_1252:
        code = np.int64(windows[code - FIRST_OF_1252])
    if code == 0 or code > LAST_CODE or 0xD800 <= code <= 0xDFFF:
        code = REPLACEMENT
    return at, code, 0


@inner
def _is_letter_or_digit(byte):
    return 0x61 <= byte | 0x20 <= 0x7A or 0x30 <= byte <= 0x39
