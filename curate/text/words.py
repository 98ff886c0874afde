"""Words: a document cut as the English tokenizer of spaCy cuts it, by rules in one pass over the code points.

    whitespace ─▶ chunks ─▶ listed? pieces : affixes off both ends ─▶ URL? whole : cut at infixes ─▶ tokens

Punctuation marks, symbols and icons are words of their own ("(see below)." ─▶ "(", "see", "below", ")", "."),
contractions are cut ("it's" ─▶ "it", "'s"), URLs and e-mail addresses are not. In a text mostly of Han and kana each
Han character and each hiragana is a word, and a run of katakana is one, as in UAX #29, which needs a dictionary for
more; an English text with some of them is cut as English. Thai, Lao, Khmer and Burmese, for which it needs one for
anything, give one word from space to space: the number of such words means little.
The rules are those of spaCy 3.8 (MIT), prefixes, suffixes and infixes for English; the code is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from curate.text.affixes import infix_length, prefix_length, suffix_length
from curate.text.buffers import text_buffers
from curate.text.characters import (
    AFFIX,
    ALONE,
    ALPHABETIC,
    ASCII_DIGIT,
    DOT,
    IDEOGRAPH,
    LETTER,
    LOWER,
    SPACE,
    SYMBOL,
    character_classes,
    decode,
)
from curate.text.compiled import inner, kernel, part
from curate.text.contractions import LONGEST, PIECE_BITS, UNIT, listed, special_words
from curate.text.urls import is_url

PIECE_MASK = (1 << PIECE_BITS) - 1
PIECES = UNIT - 1
SHORT_WORD = 4

STOP_WORDS = tuple(int.from_bytes(word, "little") for word in b"the be to of and that have with".split())
"""Gopher's eight, as their bytes read as one number."""


class WordCounts(NamedTuple):
    """`tokens` are all words; `words` those that are not of symbols alone, with their `characters`."""

    tokens: int
    words: int
    word_characters: int
    alphabetic_words: int
    stop_words: int
    stop_word_occurrences: int


def words_of(text: str) -> list[str]:
    """The words of one text, in order."""
    starts, ends = _segment_text(*text_buffers(pl.Series([text])), character_classes(), special_words())
    return [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


@kernel
def _segment_text(data, offsets, table, special):  # type: ignore[no-untyped-def]
    size = offsets[1] - offsets[0]
    codes, classes = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.uint32)
    starts, ends, stack = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    length = decode(data, offsets[0], offsets[1], table, codes, classes)
    count = segment(codes, classes, length, special, starts, ends, stack, 0)
    return starts[:count], ends[:count]


@inner
def segment(codes, classes, length, special, starts, ends, stack, count):  # type: ignore[no-untyped-def]
    """Add the words `codes[starts[i]:ends[i]]` of `codes[:length]`; returns how many there are now.

    `stack` is scratch of at least `length` entries.
    """
    alone = ALONE if is_mostly_ideographs(classes, length) else 0
    at = 0
    while at < length:
        while at < length and classes[at] & SPACE:
            at += 1
        begin, marks, mark = at, 0, at
        common, seen = ASCII_DIGIT, 0
        while at < length and not classes[at] & SPACE:
            common &= classes[at]
            seen |= classes[at]
            is_mark = not classes[at] & LETTER
            marks += is_mark
            mark = at if is_mark else mark
            at += 1
        if begin == at:
            break
        if common or at - begin == 1:
            starts[count], ends[count] = begin, at
            count += 1
        elif seen & alone:
            count = _cut_around_ideographs(codes, classes, begin, at, special, starts, ends, stack, count)
        elif marks == 0:
            count = _add_pieces(listed(codes, begin, at, special) & PIECES, begin, at, starts, ends, count)
        elif marks == 1 and _is_word_and_mark(codes, classes, begin, mark, at, special):
            count = _add_word_and_mark(begin, mark, at, starts, ends, count)
        else:
            count = _cut_chunk(codes, classes, begin, at, special, starts, ends, stack, count)
    return count


@inner
def is_mostly_ideographs(classes, length):  # type: ignore[no-untyped-def]
    """More Han and kana than other letters; two sums that compile to vector instructions."""
    ideographs = letters = 0
    for at in range(length):
        ideographs += (classes[at] & IDEOGRAPH) // IDEOGRAPH
        letters += (classes[at] & LETTER) // LETTER
    return 2 * ideographs > letters


@inner
def _cut_around_ideographs(codes, classes, low, high, special, starts, ends, stack, count):  # type: ignore[no-untyped-def]
    """Each ideograph is a word; what stands between two of them is cut like a chunk of its own."""
    at = low
    while at < high:
        begin = at
        while at < high and not classes[at] & ALONE:
            at += 1
        if begin < at:
            count = _cut_chunk(codes, classes, begin, at, special, starts, ends, stack, count)
        while at < high and classes[at] & ALONE:
            starts[count], ends[count] = at, at + 1
            count += 1
            at += 1
    return count


@inner
def _is_word_and_mark(codes, classes, begin, mark, end, special):  # type: ignore[no-untyped-def]
    """A word of letters with a mark before it or after it, which are two words and need no further look: "word,".

    The general rules come to the same; nine of ten chunks that are no bare words are so, or nearly so.
    """
    at_end = mark == end - 1
    if not at_end and mark > begin:
        return False
    is_affix = classes[mark] & AFFIX or (
        at_end and codes[mark] == DOT and end - begin > 1 and classes[mark - 1] & LOWER
    )
    if not is_affix or listed(codes, begin, end, special):
        return False
    low, high = (begin, mark) if at_end else (mark + 1, end)
    return low < high and listed(codes, low, high, special) == 0


@inner
def _add_word_and_mark(begin, mark, end, starts, ends, count):  # type: ignore[no-untyped-def]
    middle = mark if mark > begin else mark + 1
    starts[count], ends[count] = begin, middle
    starts[count + 1], ends[count + 1] = middle, end
    return count + 2


@inner
def count_words(codes, classes, starts, ends, count):  # type: ignore[no-untyped-def]
    """The counts of the words that `segment` found."""
    words = characters = alphabetic = stop_words = occurrences = 0
    for word in range(count):
        seen, common = classes[starts[word]], SYMBOL
        for at in range(starts[word], ends[word] if not seen & ALPHABETIC else starts[word]):
            seen |= classes[at]
            common &= classes[at]
        common = common if not classes[starts[word]] & ALPHABETIC else 0
        alphabetic += seen & ALPHABETIC != 0
        if not common & SYMBOL:
            words += 1
            characters += ends[word] - starts[word]
        if 2 <= ends[word] - starts[word] <= 4:
            bit = _stop_word_bit(codes, starts[word], ends[word])
            stop_words |= bit
            occurrences += bit > 0
    distinct = 0
    while stop_words:
        distinct += stop_words & 1
        stop_words >>= 1
    return WordCounts(count, words, characters, alphabetic, distinct, occurrences)


@inner
def _stop_word_bit(codes, start, end):  # type: ignore[no-untyped-def]
    """Bit i for the i-th stop word, 0 for every other word."""
    packed = 0
    for at in range(end - 1, start - 1, -1):
        packed = packed << 8 | codes[at] if codes[at] < 0x80 else -1
        if packed < 0:
            return 0
    for number in range(len(STOP_WORDS)):
        if packed == STOP_WORDS[number]:
            return 1 << number
    return 0


@part
def _cut_chunk(codes, classes, low, high, special, starts, ends, stack, count):  # type: ignore[no-untyped-def]
    """Cut one run without spaces: affixes from both ends in turn until what is left is listed or has none."""
    first = count
    depth = 0  # ends of the suffixes, the outermost at the bottom
    pieces = 0
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
                continue
        suffix = suffix_length(codes, classes, low, high, special)
        if suffix:
            stack[depth] = high
            depth += 1
            high -= suffix
        if not prefix and not suffix:
            break
    if low < high:
        if pieces or is_url(codes, classes, low, high):
            count = _add_pieces(pieces, low, high, starts, ends, count)
        else:
            count = _cut_infixes(codes, classes, low, high, starts, ends, count)
    for level in range(depth - 1, -1, -1):
        starts[count], ends[count] = high, stack[level]
        high = stack[level]
        count += 1
    return _join_listed(codes, special, starts, ends, first, count)


@inner
def _add_pieces(pieces, low, high, starts, ends, count):  # type: ignore[no-untyped-def]
    """Add `codes[low:high]` in pieces of the packed lengths; 0 adds it whole."""
    while pieces > PIECE_MASK:
        starts[count], ends[count] = low, low + (pieces & PIECE_MASK)
        low = ends[count]
        pieces >>= PIECE_BITS
        count += 1
    starts[count], ends[count] = low, high
    return count + 1


@inner
def _cut_infixes(codes, classes, low, high, starts, ends, count):  # type: ignore[no-untyped-def]
    """Cut where a mark stands between letters or digits: "and/or", "well-known", "10-20", "one...two"."""
    start = low
    at = low
    while at < high:
        infix = infix_length(codes, classes, low, at, high)
        if infix and at > low:
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
def _join_listed(codes, special, starts, ends, first, count):  # type: ignore[no-untyped-def]
    """Put words of one chunk together again where they make a listed one: ")" ":" ─▶ "):"."""
    write = read = first
    while read < count:
        last, pieces = read, 0
        if ends[read] - starts[read] <= SHORT_WORD:
            last, pieces = _longest_listed(codes, special, starts, ends, read, count)
        if pieces:
            low, high = starts[read], ends[last]
            write = _add_pieces(pieces, low, high, starts, ends, write)
        else:
            starts[write], ends[write] = starts[read], ends[read]
            write += 1
        read = last + 1
    return write


@inner
def _longest_listed(codes, special, starts, ends, read, count):  # type: ignore[no-untyped-def]
    """The last of the words from `read` on that make a listed one together, and its pieces (0: none do)."""
    found, pieces = read, 0
    last = read + 1
    while last < count and ends[last] - starts[read] <= LONGEST:
        joined = listed(codes, starts[read], ends[last], special) & PIECES
        if joined:
            found, pieces = last, joined
        last += 1
    return found, pieces
