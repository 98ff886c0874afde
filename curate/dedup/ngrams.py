"""Lines and documents most of whose n-grams were seen before, by a Bloom filter, one document after the other.

    documents in a fixed order ─▶ lines ─▶ n-grams: seen before? ─▶ most of them: the line is cut : they are seen now
                                           └─ of the whole document most of them: all of it is cut

The rule is "old-both" of BFF, by which DCLM-baseline was made (Li et al. 2024, arXiv:2406.11794): n-grams do not run
over lines, shorter lines stay, and those of lines that are cut do not count as seen. Words are those of
`curate.text.folding`, where BFF takes words and marks as Unicode bounds them. Hashes are fixed, and so is the order, so
that a run gives the same text again; BFF's do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.bloom import Bloom, has, put
from curate.dedup.cuts import NOBODY, Cuts
from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel
from curate.text.folding import Normalize, code_table, mix_word
from curate.text.shingles import BASE, hash_words

NEWLINE = 0x0A


class Seen(NamedTuple):
    """What a batch came to: its cuts, and how many n-grams were new to the filter."""

    cuts: Cuts
    added: int


def cut_seen(
    bloom: Bloom,
    documents: npt.NDArray[np.int64],
    texts: pl.Series,
    *,
    ngram: int,
    max_seen: float,
    normalize: Normalize,
    method: int,
) -> Seen:
    """The lines of the texts, in their order, of whose n-grams more than the share `max_seen` is in the filter, and all
    of a text of which that is so as a whole. The n-grams of the other lines are added to the filter."""
    data, offsets = text_buffers(texts)
    most = int(np.diff(offsets).max(initial=0)) // 2 + 2
    words, grams = np.empty(most, np.uint64), np.empty(most, np.uint64)  # a word takes two bytes, but for the last
    lines = int((data[offsets[0] : offsets[-1]] == NEWLINE).sum()) + len(texts)
    row, start, end = (np.empty(lines, np.int64) for _ in range(3))
    table = code_table(normalize)
    count, added = _pass(data, offsets, table, ngram, max_seen, *bloom, words, grams, row, start, end)
    nobody = np.full(count, NOBODY, np.int64)
    cuts = Cuts(documents[row[:count]], start[:count], end[:count], np.full(count, method, np.int8), nobody)
    return Seen(cuts, int(added))


def count_ngrams(texts: pl.Series, *, ngram: int, normalize: Normalize) -> int:
    """How many n-grams the lines of the texts have, those that repeat each time."""
    data, offsets = text_buffers(texts)
    words = np.empty(int(np.diff(offsets).max(initial=0)) // 2 + 2, np.uint64)
    return int(_count(data, offsets, code_table(normalize), ngram, words))


@kernel
def _count(data, offsets, table, ngram, words):
    total = 0
    for document in range(len(offsets) - 1):
        at = offsets[document]
        while at < offsets[document + 1]:
            begin, at = at, _line_end(data, at, offsets[document + 1])
            total += max(hash_words(data, begin, at, table, words) - ngram + 1, 0)
    return total


@kernel
def _pass(data, offsets, table, ngram, max_seen, bits, probes, words, grams, row, start, end):
    cut = added = 0
    for document in range(len(offsets) - 1):
        first_cut, first, stop = cut, offsets[document], offsets[document + 1]
        total = contained = 0
        at = first
        while at < stop:
            begin, at = at, _line_end(data, at, stop)
            many = hash_words(data, begin, at, table, words)
            count = _ngrams(words, many, ngram, grams)
            known = 0
            for number in range(count):
                known += has(bits, probes, grams[number])
            total, contained = total + count, contained + known
            if known > max_seen * count:  # never of a line without n-grams: 0 is not more than 0
                row[cut], start[cut], end[cut] = document, begin - first, at - first
                cut += 1
            else:
                for number in range(count):
                    added += put(bits, probes, grams[number])
        if contained > max_seen * total:
            cut = first_cut + 1  # one cut in the place of those of its lines
            row[first_cut], start[first_cut], end[first_cut] = document, 0, stop - first
    return cut, added


@inner
def _line_end(data, at, stop):
    """Behind the next line break."""
    while at < stop and data[at] != NEWLINE:
        at += 1
    return min(at + 1, stop)


@inner
def _ngrams(words, many, ngram, grams):
    """Hashes of every `ngram` words in a row; returns how many."""
    leaving = np.uint64(1)  # BASE ** (ngram - 1): the word that leaves goes before the window is multiplied again
    for _ in range(ngram - 1):
        leaving *= BASE
    window = np.uint64(0)
    for at in range(many):
        window = window * BASE + words[at]
        if at >= ngram - 1:
            grams[at - ngram + 1] = mix_word(window)
            window -= leaving * words[at - ngram + 1]
    return max(many - ngram + 1, 0)
