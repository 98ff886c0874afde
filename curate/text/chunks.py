"""One run of characters without a space, cut into words by the general rules.

chunk ─▶ listed? its pieces : affixes off both ends, one by one ─▶ URL? whole : cut at infixes ─▶ listed ones joined
"""

from __future__ import annotations

from curate.text.affixes import infix_length, prefix_length, suffix_length
from curate.text.compiled import inner, part
from curate.text.contractions import LONGEST, PIECE_BITS, UNIT, listed
from curate.text.urls import is_url

PIECE_MASK = (1 << PIECE_BITS) - 1
PIECES = UNIT - 1  # all bits below UNIT: the packed lengths
SHORT_WORD = 4


@part
def cut_chunk(codes, classes, low, high, special, starts, ends, stack, count):
    """Add the words of `codes[low:high]` to the `count` words found so far; returns how many there are now.

    `stack` is scratch of as many entries as the chunk has characters.
    """
    first = count
    low, high, pieces, suffixes, count = _cut_affixes(codes, classes, low, high, special, starts, ends, stack, count)
    if low < high:
        if pieces or is_url(codes, classes, low, high):
            count = _add_pieces(pieces, low, high, starts, ends, count)
        else:
            count = _cut_infixes(codes, classes, low, high, starts, ends, count)
    count = _add_suffixes(high, suffixes, starts, ends, stack, count)
    return _join_listed(codes, special, starts, ends, first, count)


@inner
def _cut_affixes(codes, classes, low, high, special, starts, ends, stack, count):
    """Cut from both ends in turn until what is left is listed or has no affix; prefixes are added as words.

    Returns what is left and its pieces if it is listed, how many ends of suffixes are on the stack, and the count.
    """
    suffixes = pieces = 0
    while low < high:
        pieces = listed(codes, low, high, special) & PIECES
        if pieces:
            break
        prefix = prefix_length(codes, classes, low, high, special)
        if prefix:
            starts[count], ends[count] = low, low + prefix
            count += 1
            low += prefix
            if low < high and listed(codes, low, high, special) & PIECES:
                continue  # what is left is listed: its suffix is part of it
        suffix = suffix_length(codes, classes, low, high, special)
        if suffix:
            stack[suffixes] = high
            suffixes += 1
            high -= suffix
        if not prefix and not suffix:
            break
    return low, high, pieces, suffixes, count


@inner
def _add_suffixes(low, suffixes, starts, ends, stack, count):
    """Add them from the innermost to the outermost, the first from `low` on."""
    for suffix in range(suffixes - 1, -1, -1):
        starts[count], ends[count] = low, stack[suffix]
        low = stack[suffix]
        count += 1
    return count


@inner
def _add_pieces(pieces, low, high, starts, ends, count):
    """Add `codes[low:high]` in pieces of the packed lengths; 0 adds it whole."""
    while pieces > PIECE_MASK:  # the last piece goes up to `high`, and its length is not asked for
        starts[count], ends[count] = low, low + (pieces & PIECE_MASK)
        low = ends[count]
        pieces >>= PIECE_BITS
        count += 1
    starts[count], ends[count] = low, high
    return count + 1


@inner
def _cut_infixes(codes, classes, low, high, starts, ends, count):
    """Cut where a mark stands between letters or digits: "and/or", "well-known", "10-20", "one...two"."""
    start = low
    at = low
    while at < high:
        infix = infix_length(codes, classes, low, at, high)
        if infix and at > low:  # to spaCy, one at the very start is no cut
            if start < at:
                starts[count], ends[count] = start, at
                count += 1
            starts[count], ends[count] = at, at + infix
            count += 1
            start = at + infix
        at += max(infix, 1)
    if start < high:
        starts[count], ends[count] = start, high
        count += 1
    return count


@inner
def _join_listed(codes, special, starts, ends, first, count):
    """Put words of one chunk together again where they make a listed one: ")" ":" ─▶ "):"."""
    write = read = first
    while read < count:
        last, pieces = read, 0
        if ends[read] - starts[read] <= SHORT_WORD:
            last, pieces = _longest_listed(codes, special, starts, ends, read, count)
        if pieces:
            low, high = starts[read], ends[last]
            # "°", "C." have three pieces together: the words behind them make room before they are written over.
            over = max(write + _number_of(pieces) - (last + 1), 0)
            _move_words(starts, ends, last + 1, count, over)
            count, last = count + over, last + over
            write = _add_pieces(pieces, low, high, starts, ends, write)
        else:
            starts[write], ends[write] = starts[read], ends[read]
            write += 1
        read = last + 1
    return write


@inner
def _longest_listed(codes, special, starts, ends, read, count):
    """The last of the words from `read` on that make a listed one together, and its pieces (0: none do)."""
    found, pieces = read, 0
    last = read + 1
    while last < count and ends[last] - starts[read] <= LONGEST:
        joined = listed(codes, starts[read], ends[last], special) & PIECES
        if joined:
            found, pieces = last, joined
        last += 1
    return found, pieces


@inner
def _number_of(pieces):
    """How many lengths are packed."""
    number = 1
    while pieces > PIECE_MASK:
        pieces >>= PIECE_BITS
        number += 1
    return number


@inner
def _move_words(starts, ends, first, count, by):
    """Words `first` to `count` go so many places on; from the last, as the places may overlap."""
    for word in range(count - 1, first - 1, -1):
        starts[word + by], ends[word + by] = starts[word], ends[word]
