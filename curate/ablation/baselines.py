"""Bigrams and trigrams beside a trained model: bits per byte of the same validation tokens, source by source.

RUN/tokens/train ─▶ n-grams of all sources together ─▶ what the tokens of RUN/tokens/validation cost
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.ablation.ngrams import TokenNgrams, train_ngrams
from curate.run_folder import folder_of
from curate.tokenize.run_rows import RunRows
from curate.train_min.evaluate import bits
from curate.train_min.loader import TokenData, open_tokens

ORDERS = (2, 3)
MAX_TOKENS = 1 << 24
"""Of the mixture, from its beginning: bounds time and memory."""
ROW_LENGTH = 1024
ROWS_AT_ONCE = 1024


def ngram_baselines(
    run: str | Path, *, orders: Sequence[int] = ORDERS, max_tokens: int | None = None
) -> dict[int, dict[str, float]]:
    """Bits per byte of each source's first `max_tokens` validation tokens (default: all), by the order of the model.

    A model of n-grams has read what a training reads, the run's plan from front to back, sources as often as the
    mixture draws them, at most 16 M tokens. End-of-text counts neither as tokens nor as bytes, as in `evaluate`.

    Raises:
        UsageError: the run holds no tokens.
    """
    data = open_tokens(folder_of(run))
    found: dict[int, dict[str, float]] = {}
    for order in orders:
        plan = data.record.mixture.tokens
        rows = drawn_rows(data, tokens=min(plan, MAX_TOKENS), seed=data.record.seed)
        model = train_ngrams(rows, order=order, vocab_size=data.record.vocabulary.size)
        found[order] = _by_source(model, data, max_tokens)
    return found


def drawn_rows(data: TokenData, *, tokens: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """The first tokens of the training sequence under a seed, in rows that do not overlap, int64[n, ROW_LENGTH]."""
    rows = RunRows(data.record.mixture, data.train, row_length=ROW_LENGTH, seed=seed)
    count = max(tokens // ROW_LENGTH, 1)
    for first in range(0, count, ROWS_AT_ONCE):
        positions = np.arange(first, min(first + ROWS_AT_ONCE, count), dtype=np.int64)
        yield rows.gather(positions).tokens[:, :-1]


def _by_source(model: TokenNgrams, data: TokenData, max_tokens: int | None) -> dict[str, float]:
    end = data.record.vocabulary.end_of_text
    found = {}
    for source, array in data.validation.items():
        tokens = np.concatenate([shard.tokens for shard in array.shards])[:max_tokens].astype(np.int64)
        counted = tokens != end
        if array.masks is not None:  # of a conversation the answers count
            counted &= np.concatenate(array.masks)[: len(tokens)] == 1
        nats = model.token_nats(tokens, end)
        found[source] = bits(float(nats[counted].sum()), int(data.token_bytes[tokens[counted]].sum()))
    return found
