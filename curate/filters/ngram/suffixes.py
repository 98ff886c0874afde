"""Shorter n-grams that an ARPA file left out, put back: SRILM prunes "x y" by entropy and may keep "a x y".

n-grams by length ─▶ which lack the n-gram without their first word? ─▶ added, as probable as backing off makes it

A text is scored from the shortest n-gram to the longest that is there, so that none may be missing in between. What is
added changes no answer: it has the probability that was to be had without it, and a back-off of 1 (as KenLM does it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.filters.ngram.table import KeyedNgrams, joined_ngrams, powers

Hashes = npt.NDArray[np.uint64]


class SpelledNgrams(NamedTuple):
    """The n-grams of one length, and their words: uint64[n-grams, length]."""

    ngrams: KeyedNgrams
    words: Hashes


def keys_of(words: Hashes) -> Hashes:
    """uint64[n-grams], as `curate.filters.ngram.table` keys them."""
    keys: Hashes = (words * powers(words.shape[1])[: words.shape[1]]).sum(axis=1, dtype=np.uint64)
    return keys


def with_suffixes(parts: Sequence[SpelledNgrams]) -> list[SpelledNgrams]:
    """The same, by length from 1 on, with all that was missing; the first words of each n-gram are there already."""
    whole, counts = list(parts), [len(part.words) for part in parts]
    for length in range(len(whole), 1, -1):  # the longest first: what is added may lack its own
        whole[length - 2] = _with_last_words(whole[length - 2], whole[length - 1].words[:, 1:])
    for length in range(2, len(whole)):
        _fill(whole[length - 1], whole[length - 2], counts[length - 1])
    return whole


def _with_last_words(part: SpelledNgrams, words: Hashes) -> SpelledNgrams:
    keys = keys_of(words)
    missing = ~np.isin(keys, part.ngrams.keys)
    if not missing.any():
        return part
    _, places = np.unique(keys[missing], return_index=True)
    words = words[missing][places]
    nothing = np.zeros(len(words), dtype=np.float32)
    more = KeyedNgrams(keys_of(words), np.full(len(words), words.shape[1], dtype=np.int8), nothing, nothing)
    ngrams = joined_ngrams((part.ngrams, more))
    return SpelledNgrams(ngrams, np.concatenate([part.words, words]))


def _fill(part: SpelledNgrams, shorter: SpelledNgrams, first: int) -> None:
    """Give what was added from `first` on its probability: back off from all words but the last."""
    words = part.words[first:]
    order = np.argsort(shorter.ngrams.keys)
    contexts, lasts = (
        order[np.searchsorted(shorter.ngrams.keys, keys_of(rest), sorter=order)]
        for rest in (words[:, :-1], words[:, 1:])
    )
    part.ngrams.probabilities[first:] = shorter.ngrams.backoffs[contexts] + shorter.ngrams.probabilities[lasts]
