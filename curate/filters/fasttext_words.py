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
from curate.text.bits import BLOCK, ONE, count_ones
from curate.text.buffers import TextBuffers
from curate.text.compiled import inner, kernel, part, pointer
from curate.text.hashes import find_slot, hash_range, mix, place_words, table_size

END = b"</s>"
LABEL_PREFIX = b"__label__"
OPENING, CLOSING = 0x3C, 0x3E
TAB, RETURN, SPACE = 0x09, 0x0D, 0x20
FNV_BASIS, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
WORD_PRIME = np.uint64(116049371)
END_HASH = np.uint64(0xFFFFFFFFD79C9359)
"""That of "</s>", as `_signed` gives it."""
CACHE_BYTES = 1 << 23
MOST_CACHED = 1 << 17


FloatRows = npt.NDArray[np.float32]


class Lookup(NamedTuple):
    """A model as the kernel takes it; the words' hashes lie in an open-addressing table at most half full.

    `has_row` has a bit for each hash of an n-gram, 64 to a block; `rows_before` counts those before each block.
    """

    keys: npt.NDArray[np.uint64]
    ids: npt.NDArray[np.int32]
    matrix: FloatRows
    rows_before: npt.NDArray[np.int32]
    has_row: npt.NDArray[np.uint64]
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
    return Lookup(keys, ids, *_by_hash(tables), numbers)


def _by_hash(tables: FastTextTables) -> tuple[FloatRows, npt.NDArray[np.int32], npt.NDArray[np.uint64]]:
    """The matrix of a pruned model, the rows of n-grams in the order of their hashes: so a row's number is the count
    of those before it, which a bit for each hash tells in a twentieth of the memory of a number for each."""
    is_row = np.zeros(len(tables.rows_of) // BLOCK * BLOCK + BLOCK, dtype=bool)
    is_row[: len(tables.rows_of)] = tables.rows_of >= 0
    counts = is_row.reshape(-1, BLOCK).sum(axis=1, dtype=np.int32)
    has_row = np.packbits(is_row, bitorder="little").view(np.uint64)
    matrix = tables.matrix
    if len(tables.rows_of):
        kept = tables.rows_of[tables.rows_of >= 0]
        matrix = np.concatenate([matrix[: len(tables.words)], matrix[kept]])
    return np.ascontiguousarray(matrix), np.cumsum(counts, dtype=np.int32) - counts, has_row


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
    longest_text = int(np.diff(buffers.offsets).max(initial=0))
    hashes, marked = np.empty(longest_text // 2 + 2, dtype=np.uint64), np.empty(longest_text + 3, dtype=np.uint8)
    _add_documents(*buffers, *lookup, *cached, hashes, marked, totals, counts)
    return totals, counts


@kernel
def _add_documents(
    data,
    offsets,
    keys,
    ids,
    matrix,
    rows_before,
    has_row,
    numbers,
    known,
    vectors,
    sizes,
    hashes,
    marked,
    totals,
    counts,
):
    lookup = Lookup(pointer(keys), pointer(ids), pointer(matrix), pointer(rows_before), pointer(has_row), numbers)
    text, vectors, sizes, totals = pointer(data), pointer(vectors), pointer(sizes), pointer(totals)
    cache, mask, hashes, marked = pointer(known), len(known) - 1, pointer(hashes), pointer(marked)
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
                sizes[slot] = _add_word(text, begin, at, key, lookup, vectors, slot * numbers.dim, marked)
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
def _add_word(text, begin, end, key, lookup, vectors, first, marked):
    """Write the sum of a word's rows to `vectors` from `first` on; returns how many rows. A label is no word. `marked`
    has room for the word and three bytes."""
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
    length, bucket = _mark(text, begin, end, marked), np.uint32(numbers.bucket)
    for start in range(length):
        if _is_tail(marked[start]):
            continue
        value, at, size = FNV_BASIS, start, 0
        while at < length and size < numbers.max_ngram:
            value = _extended(value, marked[at])
            at += 1
            while _is_tail(marked[at]):  # what stands behind the mark is no tail
                value = _extended(value, marked[at])
                at += 1
            size += 1
            is_mark = size == 1 and (start == 0 or at == length)
            if size >= numbers.min_ngram and not is_mark:
                rows += _add_hashed(lookup, np.int64(value % bucket), vectors, first)
    return rows


@inner
def _mark(text, begin, end, marked):
    """Write "<word>" and a NUL to `marked`; returns the length without the NUL."""
    marked[0] = OPENING
    for at in range(begin, end):
        marked[at - begin + 1] = text[at]
    marked[end - begin + 1], marked[end - begin + 2] = CLOSING, 0
    return end - begin + 2


@inner
def _is_tail(byte):
    """Whether it continues a character."""
    return byte & 0xC0 == 0x80


@inner
def _fnv(text, begin, end):
    value = FNV_BASIS
    for at in range(begin, end):
        value = _extended(value, text[at])
    return value


@inner
def _extended(value, byte):
    """FNV-1a of one byte more; bytes are signed there."""
    return np.uint32((value ^ np.uint32(np.int32(np.int8(byte)))) * FNV_PRIME)


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
    block, bit = lookup.has_row[value >> 6], np.uint64(value & 63)
    if not block >> bit & ONE:
        return 0
    # Those of its own block that stand below its bit.
    rank = lookup.rows_before[value >> 6] + np.int64(count_ones(block & ((ONE << bit) - ONE)))
    return _add_row(lookup, lookup.numbers.words + rank, vectors, first)


@inner
def _add_row(lookup, row, vectors, first):
    for column in range(lookup.numbers.dim):
        vectors[first + column] += lookup.matrix[row * lookup.numbers.dim + column]
    return 1
