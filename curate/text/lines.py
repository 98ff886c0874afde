"""Lines and paragraphs of a document: how many, of which kind, and how much of them repeats.

Three ways to cut lines are in use, and each rule keeps its own: `str.splitlines` (bullets, ellipses), runs of "\\n"
(duplicates), and single "\\n" without blank lines (FineWeb's rules).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.text.characters import LINE_BREAK, SPACE, TERMINAL
from curate.text.compiled import inner
from curate.text.hashes import hash_range, mix, table_size, was_seen

NEWLINE, RETURN, DOT, HYPHEN = 0x0A, 0x0D, 0x2E, 0x2D
BULLET, ELLIPSIS = 0x2022, 0x2026
SHORT_LINE = 30


class LineCounts(NamedTuple):
    """Lines as `str.splitlines` cuts them."""

    lines: int
    bullet_lines: int
    ellipsis_lines: int


class PieceCounts(NamedTuple):
    """Pieces between newlines: lines, or paragraphs."""

    pieces: int
    duplicates: int
    duplicate_characters: int


class SentenceCounts(NamedTuple):
    """Lines that are not blank."""

    lines: int
    terminal_lines: int
    short_lines: int
    duplicate_characters: int


@inner
def count_lines(codes, classes, length):  # type: ignore[no-untyped-def]
    """Lines that start with a bullet ("•", "-") or end with an ellipsis ("...", "…"), spaces around them aside."""
    lines = bullets = ellipses = 0
    begin = 0
    while begin < length:
        end = begin
        while end < length and not classes[end] & LINE_BREAK:
            end += 1
        lines += 1
        low, high = strip(classes, begin, end)
        if low < high:
            bullets += codes[low] == BULLET or codes[low] == HYPHEN
            ellipses += _ends_with_ellipsis(codes, low, high)
        begin = end + (2 if end + 1 < length and codes[end] == RETURN and codes[end + 1] == NEWLINE else 1)
    return LineCounts(lines, bullets, ellipses)


@inner
def count_duplicate_lines(codes, length):  # type: ignore[no-untyped-def]
    """Lines between runs of newlines; newlines at an end of the text leave an empty line there, as in `re.split`."""
    if length == 0:
        return PieceCounts(0, 0, 0)
    at_ends = (codes[0] == NEWLINE) + (codes[length - 1] == NEWLINE)
    found = _count_duplicates(codes, 0, length, 1)
    return PieceCounts(found.pieces + at_ends, found.duplicates + at_ends // 2, found.duplicate_characters)


@inner
def count_duplicate_paragraphs(codes, classes, length):  # type: ignore[no-untyped-def]
    """Paragraphs of the stripped text: what stands between two newlines or more."""
    low, high = strip(classes, 0, length)
    return _count_duplicates(codes, low, high, 2)


@inner
def count_sentence_lines(codes, classes, length):  # type: ignore[no-untyped-def]
    """Lines that are not blank: those that end a sentence, those of at most 30 characters, repeated characters."""
    lines = terminal = short = repeated = 0
    keys = _table_for_lines(codes, 0, length)
    begin = 0
    while begin < length:
        end = begin
        blank = True
        while end < length and codes[end] != NEWLINE:
            blank = blank and classes[end] & SPACE != 0
            end += 1
        if not blank:
            lines += 1
            terminal += classes[end - 1] & TERMINAL != 0
            short += end - begin <= SHORT_LINE
            if was_seen(keys, len(keys) - 1, mix(hash_range(codes, begin, end))):
                repeated += end - begin
        begin = end + 1
    return SentenceCounts(lines, terminal, short, repeated)


@inner
def strip(classes, low, high):  # type: ignore[no-untyped-def]
    """The range without white space at its ends."""
    while low < high and classes[low] & SPACE:
        low += 1
    while low < high and classes[high - 1] & SPACE:
        high -= 1
    return low, high


@inner
def _count_duplicates(codes, low, high, newlines):  # type: ignore[no-untyped-def]
    """Non-empty pieces between runs of at least `newlines` newlines; the first of equal pieces is no duplicate."""
    pieces = duplicates = characters = 0
    keys = _table_for_lines(codes, low, high)
    begin = low
    while begin < high:
        end = begin
        run = 0
        while end < high:
            run = _newlines_at(codes, end, high)
            if run >= newlines:
                break
            end += max(run, 1)
        if begin < end:
            pieces += 1
            if was_seen(keys, len(keys) - 1, mix(hash_range(codes, begin, end))):
                duplicates += 1
                characters += end - begin
        begin = end + max(run, 1)
    return PieceCounts(pieces, duplicates, characters)


@inner
def _table_for_lines(codes, low, high):  # type: ignore[no-untyped-def]
    """An empty table with room for every line of the range that is not empty."""
    lines = 0
    for at in range(low, high):
        lines += codes[at] != NEWLINE and (at == low or codes[at - 1] == NEWLINE)
    return np.zeros(table_size(lines), dtype=np.uint64)


@inner
def _newlines_at(codes, at, high):  # type: ignore[no-untyped-def]
    end = at
    while end < high and codes[end] == NEWLINE:
        end += 1
    return end - at


@inner
def _ends_with_ellipsis(codes, low, high):  # type: ignore[no-untyped-def]
    if codes[high - 1] == ELLIPSIS:
        return True
    return high - low >= 3 and codes[high - 1] == DOT and codes[high - 2] == DOT and codes[high - 3] == DOT
