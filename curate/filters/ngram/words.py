"""Texts as a language model sees them: a stream of 64-bit hashes of words, with the end of each sentence in it.

UTF-8 bytes ─▶ folded, cut into words ─▶ hash, hash, …, END, hash, …, END      a sentence is a line that has words

A hash is that of the word's spelling, so that a model needs no vocabulary to be asked. Two words of a million share
one with a chance of 3e-8.
"""

from __future__ import annotations

import functools
import unicodedata
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.folding import (
    ALONE,
    BEYOND,
    FNV_PRIME,
    IGNORED,
    NO_WORD,
    SEPARATOR,
    code_table,
    mix_word,
    next_code,
)

Units = Literal["words", "spaces", "bytes", "tokens"]
"""What a model predicts. "words": case folded, digits as 0, marks and the characters of scripts without spaces by
themselves. "spaces": what stands between white space, as it is, which is how KenLM reads a text. "bytes": those of
UTF-8, a text as one sentence. "tokens": ids of a run's tokenizer, a document as one sentence."""
UNITS: tuple[Units, ...] = get_args(Units)

NEWLINE = 0x0A
POINT, ALL = np.uint64((1 << 24) - 1), np.uint64((1 << 64) - 1)
"""The bits of a code that are its character, and all of them."""
FIRST, FIRST_CODE = 0x01, 0x110000
"""What U+0001 is where every character counts: its own number means `IGNORED`."""
SPACES = b"\t\n\v\f\r \0"
WORD_PRIME = np.uint64(0x9E3779B97F4A7C15)

TYPOGRAPHY = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—―−、。！，．：；？（）", '\'\'\'\'\'"""""""-------,.!,.:;?()')
"""Marks that are typed in two ways are one word."""


def _hash(spelling: str) -> int:
    value = int(NO_WORD)
    for character in spelling:
        value = (value ^ ord(character)) * int(FNV_PRIME) % (1 << 64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor % (1 << 64)
    return value ^ value >> 33


UNKNOWN, BEGIN, END = (np.uint64(_hash(word)) for word in ("<unk>", "<s>", "</s>"))
"""The words that each model has. Where a text spells one of them it is an unknown word."""


class WordStream(NamedTuple):
    """Document i is `hashes[offsets[i]:offsets[i + 1]]` (uint64; int64 offsets), `END` behind each of its sentences;
    `starts` and `ends` (int64) are the places of each word in the bytes, where they were asked for."""

    hashes: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def word_stream(
    texts: TextBuffers, units: Units, *, places: bool = False, may_spell_special: bool = False
) -> WordStream:
    """The words of a batch, which need at most 8 bytes for each byte of text, and 24 with their `places`; `<s>` is an
    unknown word, or, where a text `may_spell_special` words, the begin of a sentence."""
    room = len(texts.data) + texts.documents
    hashes, offsets = np.empty(room, dtype=np.uint64), np.zeros(texts.documents + 1, dtype=np.int64)
    starts, ends = (np.empty(room if places else 0, dtype=np.int64) for _ in range(2))
    if units == "bytes":
        _hash_bytes(*texts, hashes, offsets)
    else:
        _hash_words(*texts, word_table(units), may_spell_special, hashes, offsets, starts, ends)
    count = int(offsets[-1])
    return WordStream(hashes[:count], offsets, starts[:count], ends[:count])


def token_stream(tokens: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> WordStream:
    """The same for documents `tokens[offsets[i]:offsets[i + 1]]` of token ids, with an end behind each."""
    hashes = np.empty(len(tokens) + len(offsets) - 1, dtype=np.uint64)
    made = np.zeros(len(offsets), dtype=np.int64)
    _hash_tokens(tokens, offsets, hashes, made)
    nothing = np.empty(0, dtype=np.int64)
    return WordStream(hashes, made, nothing, nothing)


def spellings(texts: TextBuffers, units: Units, stream: WordStream, places: npt.NDArray[np.int64]) -> list[str]:
    """How the words at these places of a stream are spelled once they are folded."""
    codes = np.empty(int((stream.ends - stream.starts)[places].sum()), dtype=np.uint32)
    offsets = np.zeros(len(places) + 1, dtype=np.int64)
    _spell(texts.data, word_table(units), stream.starts[places], stream.ends[places], codes, offsets)
    whole = codes[: offsets[-1]].astype("<u4").tobytes().decode("utf-32-le")
    return [whole[start:end] for start, end in pairwise(offsets.tolist())]


@functools.cache
def word_table(units: Units) -> npt.NDArray[np.uint32]:
    """What each character is to a word, as `curate.text.folding.code_table` gives it: uint32[65537]."""
    return _table_of_spaces() if units == "spaces" else _table_of_words()


def _table_of_words() -> npt.NDArray[np.uint32]:
    """Accents stay: vowel signs of India and Thailand are of the same kind."""
    table = code_table("words").copy()
    known = unicodedata.ucd_3_2_0
    for point in range(BEYOND):
        character = chr(point)
        category = known.category(character)
        if category == "Nd":
            table[point] = ord("0")
        elif category[0] in "PS" and table[point] == SEPARATOR:
            table[point] = ord(character.translate(TYPOGRAPHY)) | int(ALONE)
    return table


def _table_of_spaces() -> npt.NDArray[np.uint32]:
    table = np.arange(BEYOND + 1, dtype=np.uint32)
    table[list(SPACES)] = SEPARATOR
    table[FIRST] = FIRST_CODE
    table[BEYOND] = 1
    return table


@kernel
def _hash_words(data, offsets, table, may_spell_special, hashes, bounds, starts, ends):
    count = 0
    text, codes, found = pointer(data), pointer(table), pointer(hashes)
    has_places = len(starts) > 0
    counts = POINT if codes[BEYOND] else ALL  # between spaces no character stands alone
    for document in range(len(offsets) - 1):
        at, high = offsets[document], offsets[document + 1]
        begin, sentence = at, count
        word = NO_WORD
        while at < high:
            place = at
            byte = text[place]
            code, at = next_code(text, at, codes)
            code &= counts
            if IGNORED < code < ALONE:
                begin = place if word == NO_WORD else begin
                word = (word ^ code) * FNV_PRIME
                continue
            if code == IGNORED:
                continue
            if word != NO_WORD:
                found[count] = _plain(mix_word(word), may_spell_special)
                if has_places:
                    starts[count], ends[count] = begin, place
                count, word = count + 1, NO_WORD
            if code != SEPARATOR:
                found[count] = mix_word((NO_WORD ^ (code & POINT)) * FNV_PRIME)
                if has_places:
                    starts[count], ends[count] = place, at
                count += 1
            elif byte == NEWLINE and count > sentence:
                count = _end_sentence(found, starts, ends, has_places, place, count)
                sentence = count
        if word != NO_WORD:
            found[count] = _plain(mix_word(word), may_spell_special)
            if has_places:
                starts[count], ends[count] = begin, high
            count += 1
        if count > sentence:
            count = _end_sentence(found, starts, ends, has_places, high, count)
        bounds[document + 1] = count


@inner
def _end_sentence(hashes, starts, ends, has_places, at, count):
    hashes[count] = END
    if has_places:
        starts[count], ends[count] = at, at
    return count + 1


@inner
def _plain(value, may_spell_special):
    """A word's hash, or that of an unknown word for one that a text may not spell."""
    return UNKNOWN if not may_spell_special and ((value == BEGIN) | (value == END)) else value


@kernel
def _hash_bytes(data, offsets, hashes, bounds):
    count = 0
    for document in range(len(offsets) - 1):
        for at in range(offsets[document], offsets[document + 1]):
            hashes[count] = _hash_number(np.uint64(data[at]))
            count += 1
        if offsets[document] < offsets[document + 1]:
            hashes[count] = END
            count += 1
        bounds[document + 1] = count


@kernel
def _hash_tokens(tokens, offsets, hashes, bounds):
    count = 0
    for document in range(len(offsets) - 1):
        for at in range(offsets[document], offsets[document + 1]):
            hashes[count] = _hash_number(np.uint64(tokens[at]))
            count += 1
        hashes[count] = END
        count += 1
        bounds[document + 1] = count


@inner
def _hash_number(value):
    return mix_word((value + np.uint64(1)) * WORD_PRIME)


@kernel
def _spell(data, table, starts, ends, codes, offsets):
    """The characters of words, folded, one word behind the other."""
    count = 0
    for word in range(len(starts)):
        at = starts[word]
        while at < ends[word]:
            code, at = next_code(data, at, table)
            if code != IGNORED:
                codes[count] = FIRST if code == FIRST_CODE else code & POINT
                count += 1
        offsets[word + 1] = count
