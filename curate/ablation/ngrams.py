"""An n-gram model of a run's tokens: interpolated modified Kneser–Ney, the judge of seconds and a baseline for minutes.

rows of tokens ─▶ counts ─▶ Kneser–Ney ─▶ table;   token and those before it ─▶ log p of both, less that of the latter

An end-of-text is a token like others here, as it is to the transformer, so that both are asked the same: what does a
token cost after those before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.filters.ngram.counts import NgramCounts
from curate.filters.ngram.kneser_ney import estimate
from curate.filters.ngram.table import NgramTable, build_table, score
from curate.filters.ngram.words import WordStream, token_stream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PIECE_TOKENS = 1 << 18
"""Asked about at once."""


@dataclass(frozen=True, slots=True)
class TokenNgrams:
    """A model of ids; `unseen` is how many of the vocabulary it has not met, which share one probability."""

    table: NgramTable
    unseen: int

    def token_nats(self, tokens: Ints, end_of_text: int) -> Floats:
        """What each of the tokens costs after those before it, the first one after an end-of-text: float64[n]."""
        order = self.table.order
        behind = np.full(max(order - 1, 1), end_of_text, dtype=np.int64)
        whole = np.concatenate([behind, tokens])[len(behind) - order + 1 :]
        windows = np.lib.stride_tricks.sliding_window_view(whole, order)  # [n, order]: a token behind its context
        pieces = [windows[at : at + PIECE_TOKENS] for at in range(0, len(windows), PIECE_TOKENS)]
        return np.concatenate([np.zeros(0), *map(self._last_nats, pieces)])

    def _last_nats(self, windows: Ints) -> Floats:
        whole, context = score(_stream(windows), self.table), score(_stream(windows[:, :-1]), self.table)
        nats = (context.logarithms - whole.logarithms) * math.log(10)
        return np.asarray(nats + (whole.unknown > context.unknown) * math.log(max(self.unseen, 1)))


def train_ngrams(rows: Iterable[Ints], *, order: int, vocab_size: int) -> TokenNgrams:
    """The model of order `order` of rows of ids, int64[n, T] each, which must hold a token."""
    counts = NgramCounts(order, units="tokens")
    for part in rows:
        counts.add(_ended(part))
    trie = counts.trie()
    seen = len(trie.hashes) - len(("<unk>", "<s>", "</s>"))
    return TokenNgrams(build_table(trie, estimate(trie)), vocab_size - seen)


def _stream(rows: Ints) -> WordStream:
    """Each row as a text that goes on: no end behind it."""
    ended = _ended(rows)
    hashes = ended.hashes.reshape(len(rows), -1)[:, :-1].ravel()
    return WordStream(hashes, np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1], ended.starts, ended.ends)


def _ended(rows: Ints) -> WordStream:
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
    return token_stream(np.ascontiguousarray(rows, dtype=np.int64).ravel(), offsets)
