"""How often each word stands in texts, where a word is what `tokenizers` would split off, and merges never leave it.

texts ─▶ UTF-8 ─▶ the kind of every byte's character, and where training cuts ─▶ words ─▶ a table of words and counts

Expressions with a look ahead are slow, and the split of a tokenizer is half the time of its training. A kernel finds
the same words in one pass; what is a letter it is told by the library's own expressions, so the two never differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from tokenizers import Regex, pre_tokenizers

from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel, pointer
from curate.text.hashes import HALF, hash_range, mix
from curate.tokenize.split import WordSplit

Scalar = TypeVar("Scalar", bound=np.generic)
MAX_RUN = 512
"""Characters of white space, or of none: training time grows faster than a word; longer runs are cut, in training."""
BATCH_CHARACTERS = 1 << 20
UNKNOWN, LETTER, NUMBER, OTHER, SPACE, NEWLINE = range(6)
"""What the split tells apart, after what nobody has asked about; SPACE is white space that does not end a line."""
KIND, CUT = 7, 8
"""In a byte: the kind; that no word reaches over its left side."""
SEPARATORS = (0x1C, 0x1F)
NOTHING = np.uint8(255)
CODE_POINTS = 0x110000
ASKED, ALL_KNOWN = 1 << 12, -1
SURROGATES = range(0xD800, 0xE000)
APOSTROPHE, ONE_SPACE, LOWER_CASE = 0x27, 0x20, 0x20
SHORT, EIGHT, LONG = 7, np.uint64(8), np.uint64(1 << 63)
LONG_S = (0xC5, 0xBF)
"""The letter ſ in UTF-8, which is an s to expressions that do not look at case."""
LETTER_S, LETTER_T, LETTER_M, LETTER_D, LETTER_L = (ord(letter) for letter in "stmdl")
LETTER_R, LETTER_V, LETTER_E = (ord(letter) for letter in "rve")


class CountedWords(NamedTuple):
    """Word i is `data[offsets[i]:offsets[i + 1]]`, in the order in which they first come; int64 offsets and counts."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def count_words(texts: Iterable[str], split: WordSplit) -> CountedWords:
    """Words of all texts; memory is that of different words, and of the largest text."""
    tally = Tally(split)
    for batch in _batches(texts):
        tally.add(batch)
    return tally.words()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    yield batch


class Tally:
    """Words of the texts so far, in tables that grow."""

    def __init__(self, split: WordSplit) -> None:
        self._rules = split.max_digits, split.whitespace == "single"
        self._normalizer = split.normalizer
        self._data = np.empty(1 << 16, dtype=np.uint8)
        self._offsets = np.zeros((1 << 12) + 1, dtype=np.int64)
        self._counts = np.zeros(1 << 12, dtype=np.int64)
        self._table = np.zeros(1 << 14, dtype=np.uint64)
        self._kinds = np.full(CODE_POINTS, UNKNOWN, dtype=np.uint8)
        self._words = 0

    def add(self, texts: list[str]) -> None:
        if self._normalizer is not None:
            texts = [self._normalizer.normalize_str(text) for text in texts]
        data, offsets = text_buffers(pl.Series(texts, dtype=pl.String))
        kinds = self._mark(data, offsets)
        at, end = int(offsets[0]), int(offsets[-1])
        while at < end:
            held = (self._data, self._offsets, self._counts, self._table)
            at, self._words = _count(data, kinds, at, end, *self._rules, self._words, *held)
            if at < end:
                self._grow()

    def words(self) -> CountedWords:
        offsets = self._offsets[: self._words + 1]
        return CountedWords(self._data[: offsets[-1]], offsets, self._counts[: self._words])

    def _mark(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The kind of each byte; those of characters are asked for, some thousand at a time, once one of them comes."""
        kinds = np.zeros(len(data) + 1, dtype=np.uint8)
        while (unknown := _mark_kinds(data, offsets, self._kinds, kinds)) != ALL_KNOWN:
            start = unknown - unknown % ASKED
            self._kinds[start : start + ASKED] = character_kinds(range(start, start + ASKED))
        return kinds

    def _grow(self) -> None:
        """Twice the room for each, as a word did not fit."""
        self._data, self._offsets, self._counts = _doubled(self._data), _doubled(self._offsets), _doubled(self._counts)
        before, self._table = self._table, np.zeros(2 * len(self._table), dtype=np.uint64)
        _place_again(before, self._table)


def _doubled(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    return np.concatenate([array, np.zeros_like(array)])


def character_kinds(codes: range) -> npt.NDArray[np.uint8]:
    """The kind of each code point, as the expressions of `tokenizers` see it; half a microsecond each."""
    characters = [chr(code) for code in codes if code not in SURROGATES]
    found = np.full(len(characters), OTHER, dtype=np.uint8)
    for kind, expression in ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+")):
        found[_is_found("".join(characters), expression)] = kind
    found[[character in "\r\n" for character in characters]] = NEWLINE
    kinds = np.full(len(codes), OTHER, dtype=np.uint8)
    kinds[[code not in SURROGATES for code in codes]] = found
    return kinds


def _is_found(text: str, expression: str) -> npt.NDArray[np.bool_]:
    """Whether each character of a text is in a run that an expression finds."""
    is_found = np.ones(len(text), dtype=bool)
    for _, (start, end) in pre_tokenizers.Split(Regex(expression), "removed").pre_tokenize_str(text):
        is_found[start:end] = False
    return is_found


@kernel
def _mark_kinds(data, offsets, kinds_of_codes, kinds):
    """The kind of each byte's character, and CUT where a text begins and where a run has gone on for too long; returns
    the first code point whose kind nobody knows, or ALL_KNOWN."""
    of_code, end_of_all = pointer(kinds_of_codes), offsets[len(offsets) - 1]
    data, kinds = pointer(data), pointer(kinds)
    at = offsets[0]
    while at < end_of_all:
        size = _size(data[at])
        code = _code(data, at, size)
        kind = of_code[code]
        if kind == UNKNOWN:
            return code
        kinds[at] = kind
        for tail in range(at + 1, at + size):
            kinds[tail] = kind
        at += size
    for text in range(len(offsets) - 1):
        _cut_runs(data, kinds, offsets[text], offsets[text + 1])
        kinds[offsets[text]] |= CUT
    kinds[end_of_all] = CUT
    return ALL_KNOWN


@inner
def _cut_runs(data, kinds, start, end):
    """CUT after each 512 characters of white space, or of none. A run begins at `start`; looked at is, from behind, no
    more of the next 512 bytes than it takes to see that it ends there."""
    while end - start > MAX_RUN:
        border = start + MAX_RUN
        while border > start and _is_blank(data, kinds, border) == _is_blank(data, kinds, border - 1):
            border -= 1
        start = border if border > start else _cut_run(data, kinds, start, end)


@inner
def _cut_run(data, kinds, at, end):
    """CUT in the run that begins at `at`; returns where it ends."""
    is_blank, characters = _is_blank(data, kinds, at), 0
    while at < end and _is_blank(data, kinds, at) == is_blank:
        if characters == MAX_RUN:
            kinds[at] |= CUT
            characters = 0
        characters += 1
        at += _size(data[at])
    return at


@inner
def _is_blank(data, kinds, at):
    """As `str.isspace`, to which four control characters are white space that are none to expressions."""
    return kinds[at] & KIND >= SPACE or (SEPARATORS[0] <= data[at] <= SEPARATORS[1])


@inner
def _size(lead):
    """Bytes of the character that a byte begins."""
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


@inner
def _code(data, at, size):
    code = np.int64(data[at]) & (0xFF >> (size + 1) if size > 1 else 0x7F)  # without the lead byte's mark
    for tail in range(at + 1, at + size):
        code = code << np.int64(6) | np.int64(data[tail] & 0x3F)
    return code


@kernel
def _count(data, kinds, at, end, max_digits, is_space_single, words, pool, offsets, counts, table):
    """Count from `at` to `end`; returns where it stopped, which is before a word for which there is no room, and how
    many words there are."""
    room, max_words, slots = len(pool), len(counts), len(table) >> 1
    data, kinds, pool = pointer(data), pointer(kinds), pointer(pool)
    offsets, counts, table = pointer(offsets), pointer(counts), pointer(table)
    while at < end:
        stop = _word_end(data, kinds, at, max_digits, is_space_single)
        key = _key(data, at, stop)
        slot = _first_slot(key, slots)
        while table[slot] and not _holds(table, slot, key, data, at, stop, pool, offsets):
            slot = _next_slot(slot, slots)
        if not table[slot]:
            used = offsets[words]
            if words == max_words or used + stop - at > room:
                break
            for place in range(stop - at):
                pool[used + place] = data[at + place]
            words += 1
            offsets[words] = used + stop - at
            table[slot], table[slot + 1] = key, np.uint64(words)
        counts[np.int64(table[slot + 1]) - 1] += 1
        at = stop
    return at, words


@inner
def _key(data, at, stop):
    """Of most words the word itself: up to seven bytes and how many; of a longer one a hash."""
    size = stop - at
    if size > SHORT:
        return hash_range(data, at, stop) | LONG
    key = np.uint64(size)
    for place in range(at, stop):
        key = key << EIGHT | np.uint64(data[place])
    return key


@inner
def _first_slot(key, slots):
    """A slot is two entries of a table: a word's key, or 0, and its number, from 1 on."""
    return (np.int64(mix(key) >> HALF) & (slots - 1)) << 1


@inner
def _next_slot(slot, slots):
    return (slot + 2) & ((slots << 1) - 1)


@inner
def _holds(table, slot, key, data, at, stop, pool, offsets):
    if table[slot] != key or stop - at <= SHORT:
        return table[slot] == key
    place, end = offsets[np.int64(table[slot + 1]) - 1], offsets[np.int64(table[slot + 1])]
    if end - place != stop - at:
        return False
    while at < stop and data[at] == pool[place]:
        at += 1
        place += 1
    return at == stop


@kernel
def _place_again(old, table):
    slots = len(table) >> 1
    for entry in range(0, len(old), 2):
        if old[entry]:
            slot = _first_slot(old[entry], slots)
            while table[slot]:
                slot = _next_slot(slot, slots)
            table[slot], table[slot + 1] = old[entry], old[entry + 1]


@inner
def _word_end(data, kinds, at, max_digits, is_space_single):
    """Where the word that begins at `at` ends: the alternatives of `WordSplit.words`, in their order."""
    kind = kinds[at] & KIND
    if kind == LETTER:
        return _run_end(kinds, at + 1, LETTER)
    if data[at] == APOSTROPHE:
        size = _contraction_size(data, kinds, at)
        if size:
            return at + size
    behind = at + _size(data[at])
    if kind == NUMBER:
        return _digits_end(data, kinds, behind, max_digits)
    if kind != NEWLINE and kinds[behind] == LETTER:
        return _run_end(kinds, behind, LETTER)
    if kind == OTHER or (data[at] == ONE_SPACE and kinds[behind] == OTHER):
        end = _run_end(kinds, behind, OTHER)
        return end if is_space_single else _run_end(kinds, end, NEWLINE)
    return behind if is_space_single else _space_end(data, kinds, at, behind)


@inner
def _run_end(kinds, at, kind):
    while kinds[at] == kind:
        at += 1
    return at


@inner
def _digits_end(data, kinds, at, max_digits):
    digits = 1
    while digits < max_digits and kinds[at] == NUMBER:
        at += _size(data[at])
        digits += 1
    return at


@inner
def _space_end(data, kinds, at, end):
    """Up to the last end of a line; without one, all but the last character, which belongs to what comes behind."""
    line_end = end if kinds[at] & KIND == NEWLINE else at
    while kinds[end] == SPACE or kinds[end] == NEWLINE:
        end += 1
        line_end = end if kinds[end - 1] == NEWLINE else line_end
    if line_end > at:
        return line_end
    if kinds[end] & CUT:
        return end
    last = end - 1
    while data[last] & 0xC0 == 0x80:
        last -= 1
    return last if last > at else end


@inner
def _contraction_size(data, kinds, at):
    """Bytes of 's, 't, 'm, 'd, 're, 've or 'll in any case; 0 where there is none."""
    if kinds[at + 1] != LETTER:
        return 0
    if data[at + 1] == LONG_S[0] and data[at + 2] == LONG_S[1]:
        return 3
    first = data[at + 1] | LOWER_CASE if data[at + 1] < 0x80 else 0
    if first == LETTER_S or first == LETTER_T or first == LETTER_M or first == LETTER_D:
        return 2
    second = data[at + 2] | LOWER_CASE if kinds[at + 2] == LETTER and data[at + 2] < 0x80 else 0
    is_re = (first == LETTER_R or first == LETTER_V) and second == LETTER_E
    return 3 if is_re or (first == LETTER_L and second == LETTER_L) else 0
