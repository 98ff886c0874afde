"""Words: a document cut as the English tokenizer of spaCy cuts it, by rules in one pass over the code points.

    white space ─▶ chunks ─┬▶ letters, and perhaps a mark behind them: cut there ─┬▶ words
                           └▶ any other: by the rules of `curate.text.chunks` ────┘

Punctuation marks, symbols and icons are words of their own ("(see below)." ─▶ "(", "see", "below", ")", "."),
contractions are cut ("it's" ─▶ "it", "'s"), URLs and e-mail addresses are not. In a text mostly of Han and kana each
Han character and each hiragana is a word, and a run of katakana is one, as in UAX #29, which needs a dictionary for
more; an English text with some of them is cut as English. Thai, Lao, Khmer and Burmese, for which it needs one for
anything, give one word from space to space: the number of such words means little.
The rules are those of spaCy 3.8 (MIT), prefixes, suffixes and infixes for English; the code is not.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.bits import BLOCK, LAST, NO_BITS, ONE, bits_between, class_bits, find_runs
from curate.text.buffers import text_buffer, text_buffers
from curate.text.characters import (
    ADDED,
    AFFIX,
    ALONE,
    ALPHABETIC,
    DOT,
    IDEOGRAPH,
    LETTER,
    LOWER,
    SPACE,
    SYMBOL,
    add_classes,
    character_classes,
    count_of,
    decode,
)
from curate.text.chunks import cut_chunk
from curate.text.compiled import inner, kernel, pointer
from curate.text.contractions import may_be_listed, may_have_pieces, special_words
from curate.text.hashes import find_slot, place_words
from curate.text.workspace import character_pointers, workspace_for

STOP_WORDS = "the be to of and that have with"
"""Gopher's eight."""
STOP_SLOTS = 256


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
    buffers = text_buffer(text)
    room = workspace_for(buffers).characters
    count = _segment_text(*buffers, character_classes(), special_words(), room)
    words = zip(room.starts[:count].tolist(), room.ends[:count].tolist(), strict=True)
    return [text[start:end] for start, end in words]


@kernel
def _segment_text(data, offsets, table, special, room):
    characters = character_pointers(room)
    start, end = offsets[0], offsets[1]
    length = decode(pointer(data), start, end, pointer(table), characters.codes, characters.classes)
    count, _ = segment(characters, length, pointer(special))
    return count


@cache
def stop_words() -> npt.NDArray[np.uint64]:
    """An open-addressing table, uint64[2 * 256]: hashes of words, and a bit of its own for each."""
    words = pl.Series(STOP_WORDS.split())
    table = np.zeros(2 * STOP_SLOTS, dtype=np.uint64)
    slots = place_words(*text_buffers(words), table[:STOP_SLOTS])
    # So that distinct ones are counted as bits.
    table[STOP_SLOTS + slots] = ONE << np.arange(len(words), dtype=np.uint64)
    return table


@inner
def segment(characters, length, special):
    """Cut `codes[:length]` into words `codes[starts[i]:ends[i]]`.

    Returns how many there are, and the characters of the longest run without white space.
    """
    codes, classes, _, letters, edges, starts, ends, stack = characters
    alone = ALONE if is_mostly_ideographs(classes, length) else 0
    for first in range(0, length, BLOCK):
        letters[first // BLOCK] = class_bits(classes, first, length, LETTER)
    count, longest = np.int64(0), 0
    for chunk in range(find_runs(classes, length, SPACE, edges)):
        begin, end = np.int64(edges[2 * chunk]), np.int64(edges[2 * chunk + 1])
        longest = max(longest, int(end - begin))
        middle = begin if alone else _plain_middle(codes, classes, letters, begin, end, special)
        if middle > begin:
            place = np.uint64(count)
            starts[place], ends[place] = begin, middle
            starts[place + ONE], ends[place + ONE] = middle, end  # written in any case, and counted if there is a mark
            count += 1 + int(middle < end)
        elif alone:
            count = _cut_around_ideographs(codes, classes, begin, end, special, starts, ends, stack, count)
        else:
            count = cut_chunk(codes, classes, begin, end, special, starts, ends, stack, count)
    return count, longest


@inner
def _plain_middle(codes, classes, letters, begin, end, special):
    """Where to cut a chunk that is letters alone, then at most one mark, and is not listed; `begin` for any other.

    Nearly nine of ten chunks are so: "word", "word,". The general rules come to the same.
    """
    low, high = np.uint64(begin), np.uint64(end)
    size = high - low
    if size > LAST:  # more than one number has bits for, with one to spare for `ONE << size`
        return begin
    marks = ~bits_between(letters, low, high) & ((ONE << size) - ONE)  # a bit for each character that is no letter
    last = high - ONE
    # 1 if the last one is such, else 0; a lone one is a word in any case.
    mark = marks >> (size - ONE) if size > ONE else NO_BITS
    middle = high - mark
    is_cut = (classes[last] & AFFIX != 0) | ((codes[last] == DOT) & (classes[last - mark] & LOWER != 0))
    is_plain = (marks == mark << (size - ONE)) & ((mark == NO_BITS) | is_cut) | (size == ONE)
    is_special = may_have_pieces(codes, low, middle, special) | may_be_listed(codes, low, high, special) & mark
    return np.int64(middle) if is_plain & (is_special == NO_BITS) else begin


@inner
def is_mostly_ideographs(classes, length):
    """More Han and kana than other letters."""
    ideographs = letters = 0
    for first in range(0, length, ADDED):
        sums = add_classes(classes, first, min(first + ADDED, length), IDEOGRAPH | LETTER)
        ideographs += count_of(sums, IDEOGRAPH)
        letters += count_of(sums, LETTER)
    return 2 * ideographs > letters


@inner
def _cut_around_ideographs(codes, classes, low, high, special, starts, ends, stack, count):
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
def count_words(classes, starts, ends, hashes, count, stops):
    """The counts of the words that `segment` found; `hashes` are those of `hash_words`, `stops` is `stop_words()`."""
    words = characters = alphabetic = occurrences = 0
    stop_words = NO_BITS
    for word in range(count):
        start, size = starts[word], ends[word] - starts[word]
        seen = common = classes[start]
        if (size > 1) & (seen & ALPHABETIC == 0):  # else the first character tells
            for at in range(start + 1, start + size):
                seen |= classes[at]
                common &= classes[at]
        is_word = (seen & ALPHABETIC != 0) | (common & SYMBOL == 0)
        alphabetic += seen & ALPHABETIC != 0
        words += is_word
        characters += size * is_word
        bit = stops[STOP_SLOTS + find_slot(stops, STOP_SLOTS - 1, hashes[word])]  # a free slot has none
        stop_words |= bit
        occurrences += bit != NO_BITS
    distinct = 0
    while stop_words != NO_BITS:
        distinct += 1
        stop_words &= stop_words - ONE
    return WordCounts(count, words, characters, alphabetic, distinct, occurrences)
