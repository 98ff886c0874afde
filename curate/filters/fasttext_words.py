"""What a fastText model sees in each text of a batch: the sum of the vectors of its words and of their n-grams.

UTF-8 bytes ─▶ words ─┬▶ met before in this batch ────────────▶ its vector ─┬▶ sum float64[texts, dim]
                      └▶ itself and its n-grams, hashed ─▶ rows ─▶ their sum ┘

What counts as a word, an n-gram and a hash is as in fastText 0.9 (Joulin et al. 2016, arXiv:1607.01759; Bojanowski et
al. 2016, arXiv:1607.04606). A word's sum has 32 bits, a text's 64, where fastText's has 32: means differ by some 1e-7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.filters.fasttext_file import FastTextTables
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, part, pointer
from curate.text.hashes import find_slot, hash_range, mix, place_words, table_size

END = b"</s>"
LABEL_PREFIX = b"__label__"
OPENING, CLOSING = 0x3C, 0x3E
TAB, RETURN, SPACE = 0x09, 0x0D, 0x20
FNV_BASIS, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
SIGN, SIGNS = np.uint32(0x80), np.uint32(0xFFFFFF00)
WORD_PRIME = np.uint64(116049371)
END_HASH = np.uint64(0xFFFFFFFFD79C9359)
"""That of "</s>", as `_signed` gives it."""
CACHE_BYTES = 1 << 22
MOST_CACHED = 1 << 16


class Lookup(NamedTuple):
    """A model as the kernel takes it; the words' hashes lie in an open-addressing table at most half full.

    `has_row` has a bit for each hash of an n-gram: it fits a cache that `rows_of` does not, and few hashes have a row.
    """

    keys: npt.NDArray[np.uint64]
    ids: npt.NDArray[np.int32]
    matrix: npt.NDArray[np.float32]
    rows_of: npt.NDArray[np.int32]
    has_row: npt.NDArray[np.uint8]
    numbers: Numbers


class Numbers(NamedTuple):
    dim: int
    mask: int
    words: int
    min_ngram: int
    max_ngram: int
    word_ngrams: int
    bucket: int
    is_pruned: bool
    end: int


def new_lookup(tables: FastTextTables) -> Lookup:
    """The tables with the words where the kernel finds them."""
    entries = [*tables.words, *(label.encode() for label in tables.labels)]
    size = int(table_size.py_func(len(entries)))
    keys, ids = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
    ends = np.cumsum([0, *map(len, entries)], dtype=np.int64)
    slots = place_words(np.frombuffer(b"".join(entries), dtype=np.uint8), ends, keys)
    ids[slots] = np.arange(len(entries))
    numbers = Numbers(
        tables.matrix.shape[1],
        size - 1,
        len(tables.words),
        tables.min_ngram,
        tables.max_ngram,
        tables.word_ngrams,
        tables.bucket,
        len(tables.rows_of) > 0,
        tables.words.index(END) if END in tables.words else -1,
    )
    has_row = np.packbits(tables.rows_of >= 0, bitorder="little")
    return Lookup(keys, ids, np.ascontiguousarray(tables.matrix), tables.rows_of, has_row, numbers)


def add_features(buffers: TextBuffers, lookup: Lookup) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The sum of the vectors of each text's features, float64[texts, dim], and how many features it has.

    A text counts as one line; a row depends on its own text alone.
    """
    dim = lookup.numbers.dim
    size = int(buffers.offsets[-1] - buffers.offsets[0])
    slots = int(table_size.py_func(min(max(size // 8, 8), CACHE_BYTES // (8 * dim), MOST_CACHED // 2)))
    totals = np.zeros((buffers.documents, dim), dtype=np.float64)
    counts = np.zeros(buffers.documents, dtype=np.int64)
    cached = np.zeros(slots, np.uint64), np.empty(slots * dim, np.float32), np.empty(slots, np.int32)
    longest = int(np.diff(buffers.offsets).max(initial=0)) // 2 + 2
    _add_documents(*buffers, *lookup, *cached, np.empty(longest, dtype=np.uint64), totals, counts)
    return totals, counts


@kernel
def _add_documents(
    data, offsets, keys, ids, matrix, rows_of, has_row, numbers, known, vectors, sizes, hashes, totals, counts
):
    lookup = Lookup(pointer(keys), pointer(ids), pointer(matrix), pointer(rows_of), pointer(has_row), numbers)
    text, vectors, sizes, totals = pointer(data), pointer(vectors), pointer(sizes), pointer(totals)
    cache, mask, hashes = pointer(known), len(known) - 1, pointer(hashes)
    for document in range(len(offsets) - 1):
        total = document * numbers.dim
        at, end, words = offsets[document], offsets[document + 1], 0
        while at < end:
            while at < end and _is_separator(text[at]):
                at += 1
            begin = at
            while at < end and not _is_separator(text[at]):
                at += 1
            if begin == at:
                continue
            key = mix(hash_range(text, begin, at))
            slot = np.int64(key >> np.uint64(32)) & mask
            if cache[slot] != key:  # one word a slot: the last one takes it, and frequent words soon have it back
                cache[slot] = key
                sizes[slot] = _add_word(text, begin, at, key, lookup, vectors, slot * numbers.dim)
            for column in range(numbers.dim):
                totals[total + column] += vectors[slot * numbers.dim + column]
            counts[document] += sizes[slot]
            if numbers.word_ngrams > 1 and not _is_label(text, begin, at):
                hashes[words] = _signed(_fnv(text, begin, at))
                words += 1
        counts[document] += _add_end(lookup, totals, total)
        if numbers.word_ngrams > 1:
            hashes[words] = END_HASH
            counts[document] += _add_word_ngrams(hashes, words + 1, lookup, totals, total)


@inner
def _is_separator(byte):
    return (byte == SPACE) | ((byte >= TAB) & (byte <= RETURN)) | (byte == 0)


@part
def _add_word(text, begin, end, key, lookup, vectors, first):
    """Write the sum of a word's rows to `vectors` from `first` on; returns how many rows. A label is no word."""
    numbers = lookup.numbers
    for column in range(numbers.dim):
        vectors[first + column] = 0
    slot = find_slot(lookup.keys, numbers.mask, key)
    is_known = lookup.keys[slot] == key
    if (is_known and lookup.ids[slot] >= numbers.words) or (not is_known and _is_label(text, begin, end)):
        return 0
    rows = 0
    if is_known:
        rows += _add_row(lookup, np.int64(lookup.ids[slot]), vectors, first)
    for start in range(begin - 1, end + 1):  # "<" stands before the word, and ">" behind it
        if _is_tail(text, start, begin, end):
            continue
        value, at, size = FNV_BASIS, start, 0
        while at <= end and size < numbers.max_ngram:
            value = _extended(value, _byte_at(text, at, begin, end))
            at += 1
            while _is_tail(text, at, begin, end):
                value = _extended(value, np.uint32(text[at]))
                at += 1
            size += 1
            is_mark = size == 1 and (start < begin or at > end)
            if size >= numbers.min_ngram and not is_mark:
                # Of 32 bits, so that it is no negative number.
                rows += _add_hashed(lookup, np.int64(value) % numbers.bucket, vectors, first)
    return rows


@inner
def _byte_at(text, at, begin, end):
    if at < begin:
        return np.uint32(OPENING)
    return np.uint32(text[at]) if at < end else np.uint32(CLOSING)


@inner
def _is_tail(text, at, begin, end):
    """Whether a byte of the word continues a character."""
    return begin <= at < end and text[at] & 0xC0 == 0x80


@inner
def _fnv(text, begin, end):
    value = FNV_BASIS
    for at in range(begin, end):
        value = _extended(value, np.uint32(text[at]))
    return value


@inner
def _extended(value, byte):
    """FNV-1a of one byte more; bytes are signed there."""
    return np.uint32((value ^ (byte | (SIGNS if byte & SIGN else np.uint32(0)))) * FNV_PRIME)


@inner
def _signed(value):
    return np.uint64(np.int64(np.int32(value)))


@inner
def _is_label(text, begin, end):
    if end - begin < len(LABEL_PREFIX):
        return False
    for at in range(len(LABEL_PREFIX)):  # noqa: SIM110 - numba has no generators in `all`
        if text[begin + at] != LABEL_PREFIX[at]:
            return False
    return True


@inner
def _add_end(lookup, totals, first):
    """fastText reads the end of a line as a word."""
    return _add_row(lookup, lookup.numbers.end, totals, first) if lookup.numbers.end >= 0 else 0


@inner
def _add_word_ngrams(hashes, words, lookup, totals, first):
    rows = 0
    for word in range(words):
        value = hashes[word]
        for follower in range(word + 1, min(word + lookup.numbers.word_ngrams, words)):
            value = value * WORD_PRIME + hashes[follower]
            rows += _add_hashed(lookup, np.int64(value % np.uint64(lookup.numbers.bucket)), totals, first)
    return rows


@inner
def _add_hashed(lookup, value, vectors, first):
    if not lookup.numbers.is_pruned:
        return _add_row(lookup, value + lookup.numbers.words, vectors, first)
    if not lookup.has_row[value >> 3] >> np.uint8(value & 7) & 1:
        return 0
    return _add_row(lookup, np.int64(lookup.rows_of[value]), vectors, first)


@inner
def _add_row(lookup, row, vectors, first):
    for column in range(lookup.numbers.dim):
        vectors[first + column] += lookup.matrix[row * lookup.numbers.dim + column]
    return 1
