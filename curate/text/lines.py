"""Lines and paragraphs of a document: how many, of which kind, and how much of them repeats.

    classes ─▶ breaks ─▶ lines, pieces, paragraphs ─▶ counts

Three ways to cut lines are in use, and each rule keeps its own: `str.splitlines` (bullets, ellipses), runs of "\\n"
(duplicates), and single "\\n" without blank lines (FineWeb's rules).
"""

from __future__ import annotations

from typing import NamedTuple

from curate.text.bits import find_places
from curate.text.characters import ASCII_DIGIT, BULLET_MARK, LINE_BREAK, SPACE, TERMINAL
from curate.text.compiled import inner
from curate.text.hashes import clear, hash_between, mix, table_size, was_seen

NEWLINE, RETURN, DOT, HYPHEN, CLOSING_BRACKET = 0x0A, 0x0D, 0x2E, 0x2D, 0x29
BULLET, ELLIPSIS = 0x2022, 0x2026
SHORT_LINE, LONGEST_NUMBER = 30, 3


class LineCounts(NamedTuple):
    """Lines as `str.splitlines` cuts them."""

    lines: int
    bullet_lines: int
    ellipsis_lines: int
    item_lines: int


class NewlineCounts(NamedTuple):
    """Lines between newlines: those that are not empty count as pieces, those that are not blank are full."""

    pieces: int
    duplicates: int
    duplicate_characters: int
    full_lines: int
    terminal_lines: int
    short_lines: int
    full_duplicate_characters: int


class ParagraphCounts(NamedTuple):
    """Pieces between two newlines or more."""

    paragraphs: int
    duplicates: int
    duplicate_characters: int


@inner
def find_breaks(classes, length, breaks):
    """Where `str.splitlines` would cut, every character that does so by itself; returns how many there are."""
    return find_places(classes, length, LINE_BREAK, breaks)


@inner
def count_lines(codes, classes, length, breaks, number):
    """Lines that start with a bullet ("•", "-") or end with an ellipsis ("...", "…"), spaces around them aside; and
    those that are items of a list: a bullet of any shape and a space, or a number, a period or bracket, and a space.

    `breaks[:number]` are those of `find_breaks`.
    """
    lines = bullets = ellipses = items = 0
    begin = 0
    for at in range(number + 1):
        end = breaks[at] if at < number else length
        if end < begin or begin >= length:  # the second half of "\r\n", or nothing behind the last break
            continue
        lines += 1
        low, high = strip(classes, begin, end)
        if low < high:
            bullets += codes[low] == BULLET or codes[low] == HYPHEN
            ellipses += ends_with_ellipsis(codes, low, high)
            items += _is_item(codes, classes, low, high)
        begin = next_line(codes, end, length)
    return LineCounts(lines, bullets, ellipses, items)


@inner
def line_end(classes, begin, length):
    """Where `str.splitlines` ends the line that begins at `begin`."""
    end = begin
    while end < length and not classes[end] & LINE_BREAK:
        end += 1
    return end


@inner
def next_line(codes, end, length):
    """Where the line after one that ends at `end` begins."""
    return end + (2 if end + 1 < length and codes[end] == RETURN and codes[end + 1] == NEWLINE else 1)


@inner
def count_newline_lines(codes, classes, length, prefixes, powers, breaks, number, keys):
    """Lines that repeat an earlier one; full lines that end a sentence, and those of at most 30 characters.

    Newlines at an end of the text leave an empty piece there, as in `re.split`; two of them are duplicates.
    """
    at_ends = 0 if length == 0 else int(codes[0] == NEWLINE) + int(codes[length - 1] == NEWLINE)
    pieces, duplicates = at_ends, at_ends // 2  # the second empty piece repeats the first
    repeated = full = terminal = short = full_repeated = 0
    mask = table_size(number + 1) - 1
    clear(keys, mask + 1)
    begin = 0
    for at in range(number + 1):
        end = breaks[at] if at < number else length
        if at < number and codes[end] != NEWLINE:
            continue
        size = end - begin
        if size > 0:
            again = size if was_seen(keys, mask, mix(hash_between(prefixes, powers, begin, end))) else 0
            pieces += 1
            duplicates += again > 0
            repeated += again
            if not _is_blank(classes, begin, end):
                full += 1
                terminal += classes[end - 1] & TERMINAL != 0
                short += size <= SHORT_LINE
                full_repeated += again
        begin = end + 1
    return NewlineCounts(pieces, duplicates, repeated, full, terminal, short, full_repeated)


@inner
def count_paragraphs(codes, classes, length, prefixes, powers, breaks, number, keys):
    """Paragraphs of the stripped text, and those that repeat an earlier one."""
    begin, high = strip(classes, 0, length)
    if begin == high:
        return ParagraphCounts(0, 0, 0)
    paragraphs = duplicates = repeated = 0
    mask = table_size(number + 1) - 1
    clear(keys, mask + 1)
    for at in range(number + 1):
        end = breaks[at] if at < number else high
        # Stripped text ends in no newline, so that `end + 1` is still in it.
        is_cut = at < number and begin <= end < high and codes[end] == NEWLINE and codes[end + 1] == NEWLINE
        if not is_cut and at < number:
            continue
        if at == number:
            end = high
        if paragraphs == 0 and end == high:  # the only one: nothing to compare it with
            return ParagraphCounts(1, 0, 0)
        paragraphs += 1
        if was_seen(keys, mask, mix(hash_between(prefixes, powers, begin, end))):
            duplicates += 1
            repeated += end - begin
        begin = end
        while begin < high and codes[begin] == NEWLINE:
            begin += 1
    return ParagraphCounts(paragraphs, duplicates, repeated)


@inner
def _is_blank(classes, low, high):
    while low < high and classes[low] & SPACE:
        low += 1
    return low == high


@inner
def _is_item(codes, classes, low, high):
    at = low
    while at < high and classes[at] & ASCII_DIGIT:
        at += 1
    is_numbered = 0 < at - low <= LONGEST_NUMBER and at < high and (codes[at] == DOT or codes[at] == CLOSING_BRACKET)
    is_marked = at == low and classes[low] & BULLET_MARK != 0
    return (is_numbered or is_marked) and at + 1 < high and classes[at + 1] & SPACE != 0


@inner
def strip(classes, low, high):
    """The range without white space at its ends."""
    while low < high and classes[low] & SPACE:
        low += 1
    while low < high and classes[high - 1] & SPACE:
        high -= 1
    return low, high


@inner
def longest_chunk(classes, low, high):
    """Characters of the longest word that `str.split` gives."""
    longest = size = 0
    for at in range(low, high):
        size = 0 if classes[at] & SPACE else size + 1
        longest = max(longest, size)
    return longest


@inner
def ends_with_ellipsis(codes, low, high):
    if codes[high - 1] == ELLIPSIS:
        return True
    return high - low >= 3 and codes[high - 1] == DOT and codes[high - 2] == DOT and codes[high - 3] == DOT
