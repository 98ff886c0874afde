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

from curate.text.bits import LAST, NO_BITS, ONE, bits_between, blocks_of, class_bits, find_runs
from curate.text.buffers import text_buffers
from curate.text.characters import (
    AFFIX,
    ALONE,
    ALPHABETIC,
    DOT,
    IDEOGRAPH,
    LETTER,
    LOWER,
    SPACE,
    SYMBOL,
    character_classes,
    decode,
)
from curate.text.chunks import cut_chunk
from curate.text.compiled import inner, kernel, pointer
from curate.text.contractions import may_be_listed, may_have_pieces, special_words
from curate.text.room import character_pointers, room_for

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
    buffers = text_buffers(pl.Series([text]))
    room = room_for(buffers).characters
    count = _segment_text(buffers.data, character_classes(), special_words(), room)
    words = zip(room.starts[:count].tolist(), room.ends[:count].tolist(), strict=True)
    return [text[start:end] for start, end in words]


@kernel
def _segment_text(data, table, special, room):  # type: ignore[no-untyped-def]
    characters = character_pointers(room)
    length = decode(pointer(data), 0, len(data), pointer(table), characters.codes, characters.classes)
    return segment(characters, length, pointer(special))


@inner
def segment(characters, length, special):  # type: ignore[no-untyped-def]
    """Cut `codes[:length]` into words `codes[starts[i]:ends[i]]`; returns how many there are."""
    codes, classes, letters, edges, starts, ends, stack = characters
    alone = ALONE if is_mostly_ideographs(classes, length) else 0
    for block in range(blocks_of(length)):
        letters[block] = class_bits(classes, block, length, LETTER)
    count = 0
    for chunk in range(find_runs(classes, length, SPACE, edges)):
        begin, end = np.int64(edges[2 * chunk]), np.int64(edges[2 * chunk + 1])
        middle = begin if alone else _plain_middle(codes, classes, letters, begin, end, special)
        if middle > begin:
            place = np.uint64(count)
            starts[place], ends[place] = begin, middle
            starts[place + ONE], ends[place + ONE] = middle, end
            count += 1 + (middle < end)
        elif alone:
            count = _cut_around_ideographs(codes, classes, begin, end, special, starts, ends, stack, count)
        else:
            count = cut_chunk(codes, classes, begin, end, special, starts, ends, stack, count)
    return count


@inner
def _plain_middle(codes, classes, letters, begin, end, special):  # type: ignore[no-untyped-def]
    """Where to cut a chunk that is letters alone, then at most one mark, and is not listed; `begin` for any other.

    Nearly nine of ten chunks are so: "word", "word,". The general rules come to the same.
    """
    low, high = np.uint64(begin), np.uint64(end)
    size = high - low
    if size > LAST:
        return begin
    marks = ~bits_between(letters, low, high) & ((ONE << size) - ONE)
    last = high - ONE
    mark = marks >> (size - ONE) if size > ONE else NO_BITS
    middle = high - mark
    is_cut = (classes[last] & AFFIX != 0) | ((codes[last] == DOT) & (classes[last - mark] & LOWER != 0))
    is_plain = (marks == mark << (size - ONE)) & ((mark == NO_BITS) | is_cut) | (size == ONE)
    is_special = may_have_pieces(codes, low, middle, special) | may_be_listed(codes, low, high, special) & mark
    return np.int64(middle) if is_plain & (is_special == NO_BITS) else begin


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
            count = cut_chunk(codes, classes, begin, at, special, starts, ends, stack, count)
        while at < high and classes[at] & ALONE:
            starts[count], ends[count] = at, at + 1
            count += 1
            at += 1
    return count


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


