"""N-grams of documents as 32-bit hashes, for comparing documents that are nearly the same.

UTF-8 bytes ─▶ codes (text/folding) ─▶ one 64-bit hash a word, or a character ─▶ rolling hash of n of them ─▶ 32 bits
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel
from curate.text.folding import (
    ALONE,
    FNV_PRIME,
    IGNORED,
    NO_WORD,
    SEPARATOR,
    Normalize,
    code_table,
    mix_word,
    next_code,
)

Unit = Literal["words", "characters"]
BASE = np.uint64(0x9E3779B97F4A7C15)


class Shingles(NamedTuple):
    """Document i has the shingles `values[offsets[i]:offsets[i + 1]]`, in reading order, with repetitions.

    values: uint32[n_shingles]; offsets: int64[n_documents + 1].
    """

    values: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


def shingles(texts: pl.Series, *, ngram: int, unit: Unit = "words", normalize: Normalize = "words") -> Shingles:
    """The n-grams of each document, hashed.

    Words are runs of characters between separators; what separates, what is folded and what does not count says
    `normalize` (`curate.text.folding.code_table`). N-grams of characters run over words: what separates two of them
    is one space, whatever it was.

    A document with fewer words (or characters) than `ngram`, but at least one, has one shingle of them all; one
    without any has none.

    Raises:
        UsageError: `ngram` is less than 1, or there is no such normalization.
    """
    return shingles_of_lengths(texts, [ngram], unit=unit, normalize=normalize)[0]


def shingles_of_lengths(
    texts: pl.Series, ngrams: Sequence[int], *, unit: Unit = "words", normalize: Normalize = "words"
) -> list[Shingles]:
    """`shingles` of several lengths, for which words are hashed once."""
    if min(ngrams) < 1:
        raise UsageError(f"ngram is {min(ngrams)}; a shingle has at least 1 word")
    data, offsets = text_buffers(texts)
    lengths = np.diff(offsets)
    # A word takes two bytes at least: a letter and a separator, or a character of a script without spaces.
    most = lengths // 2 + 1 if unit == "words" else lengths + 1
    values = np.empty((len(ngrams), int(most.sum())), dtype=np.uint32)
    hashes = np.empty(int(most.max(initial=1)), dtype=np.uint64)
    ends = np.zeros((len(ngrams), len(offsets)), dtype=np.int64)
    lengths = np.array(ngrams, dtype=np.int64)
    _shingle_documents(data, offsets, code_table(normalize), lengths, unit == "words", hashes, values, ends)
    return [Shingles(row[: bounds[-1]], bounds) for row, bounds in zip(values, ends, strict=True)]


@kernel
def _shingle_documents(data, offsets, table, ngrams, are_words, hashes, values, ends):
    for document in range(len(offsets) - 1):
        if are_words:
            count = hash_words(data, offsets[document], offsets[document + 1], table, hashes)
        else:
            count = _hash_characters(data, offsets[document], offsets[document + 1], table, hashes)
        for kind in range(len(ngrams)):
            ends[kind, document + 1] = _roll(hashes, count, ngrams[kind], values[kind], ends[kind, document])


@inner
def hash_words(data, start, end, table, words):
    """One hash a word into `words`; returns how many."""
    count = 0
    at = start
    word = NO_WORD  # says, too, that no word is in hand: one of 2^64 words hashes to it
    while at < end:
        code, at = next_code(data, at, table)
        if code > IGNORED and code < ALONE:
            word = (word ^ code) * FNV_PRIME
        elif code != IGNORED:
            if word != NO_WORD:
                words[count] = mix_word(word)
                count += 1
                word = NO_WORD
            if code != SEPARATOR:
                words[count] = mix_word((NO_WORD ^ code) * FNV_PRIME)
                count += 1
    if word != NO_WORD:
        words[count] = mix_word(word)
        count += 1
    return count


@inner
def _hash_characters(data, start, end, table, hashes):
    """One hash a character into `hashes`, and one for what separates two words; returns how many."""
    count = 0
    at = start
    is_apart = False
    while at < end:
        code, at = next_code(data, at, table)
        if code == SEPARATOR:
            is_apart = count > 0
        elif code != IGNORED:
            if is_apart:
                hashes[count] = mix_word(NO_WORD)
                count += 1
                is_apart = False
            hashes[count] = mix_word((NO_WORD ^ code) * FNV_PRIME)
            count += 1
    return count


@inner
def _roll(words, count, ngram, values, at):
    """Hashes every `ngram` words in a row: the high half of a rolling polynomial, into `values` from `at` on."""
    leaving = np.uint64(1)  # BASE ** ngram: by so much a word was multiplied when it leaves
    for _ in range(min(ngram, count)):
        leaving *= BASE
    window = np.uint64(0)
    for i in range(count):
        window = window * BASE + words[i]
        if i >= ngram:
            window -= leaving * words[i - ngram]
        if i >= ngram - 1 or i == count - 1:  # the second where all words are fewer than `ngram`
            values[at] = np.uint32(window >> np.uint64(32))  # low bits depend on the words' low bits alone
            at += 1
    return at
