"""Bits per byte of each source's validation tokens, by the model and by a unigram model of the training tokens.

Bits per byte = nats of the predicted tokens / (ln 2 · their UTF-8 bytes), end-of-text left out of both: it compares
models of different tokenizers. Every token is predicted once, in windows of the training length, in a fixed order; the
first one is predicted from an end-of-text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from curate.tokenize.shards import TokenArray
from curate.train_min.loader import TokenData, check_ids, move
from curate.train_min.model import GPT

COUNT_TOKENS = 1 << 24
"""Tokens counted at once: bounds the memory of the baseline."""
MIN_BATCH_TOKENS = 4096
"""Tokens predicted at once, if training does not take more: enough to keep a CPU's cores busy."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One row of the table of results. `loss` is in nats per token; `tokens` and `bytes` are what was predicted."""

    source: str
    tokens: int
    bytes: int
    loss: float
    bits_per_byte: float
    unigram_bits_per_byte: float


def evaluate(
    model: GPT, data: TokenData, *, unigram: Floats, min_rows: int = 1, max_tokens: int | None = None
) -> tuple[SourceScore, ...]:
    """Score every source that has validation tokens, over all of them or the first ones, at least `min_rows` windows
    at a time."""
    rows = max(min_rows, MIN_BATCH_TOKENS // model.config.context)
    scores = []
    for source, tokens in data.validation.items():
        count = min(len(tokens), max_tokens or len(tokens))
        for shard in tokens.shards:
            check_ids(shard.tokens, data.record.vocabulary.size)
        targets, nats = _predict(model, tokens, count, rows)
        text = targets != data.record.vocabulary.end_of_text
        if tokens.masks is not None:  # of a conversation the answers count
            text &= np.concatenate(tokens.masks)[:count] == 1
        size = int(data.token_bytes[targets[text]].sum())
        total, baseline = float(nats[text].sum()), float(unigram[targets[text]].sum())
        read = max(int(text.sum()), 1)
        scores.append(SourceScore(source, int(text.sum()), size, total / read, bits(total, size), bits(baseline, size)))
    return tuple(scores)


def bits(nats: float, size: int) -> float:
    """Bits per byte of `nats` spent on `size` bytes; nan where there are none."""
    return nats / (math.log(2) * size) if size else math.nan


def unigram_nats(data: TokenData) -> Floats:
    """What each id costs under its share of the drawn mixture, in nats, float64[vocab]; one is added to every count."""
    counts = np.ones(data.record.vocabulary.size)
    for share in data.record.mixture.shares:
        if share.tokens:
            found = _count(data.train[share.name], len(counts))
            counts += found * (share.tokens / found.sum())
    return np.asarray(-np.log(counts / counts.sum()))


def _count(array: TokenArray, size: int) -> Floats:
    counts = np.zeros(size)
    for shard in array.shards:
        for start in range(0, len(shard.tokens), COUNT_TOKENS):
            tokens = shard.tokens[start : start + COUNT_TOKENS]
            check_ids(tokens, size)
            counts += np.bincount(tokens, minlength=size)
    return counts


@torch.no_grad()
def _predict(model: GPT, tokens: TokenArray, count: int, rows: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """The first `count` tokens and the nats that each costs: int64[count], float64[count]."""
    device = model.embed.weight.device
    targets, nats = [], []
    for window in _windows(tokens, count, model.config.context, rows):
        moved = move(window, device)
        _, costs = model.loss(moved[:, :-1], moved[:, 1:], scale=1.0)
        targets.append(window[:, 1:].ravel())
        nats.append(costs.double().cpu().numpy().ravel())
    return np.concatenate(targets), np.concatenate(nats)


def _windows(tokens: TokenArray, count: int, length: int, rows: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of length + 1 that overlap by one token, then the shorter rest. The tokens are a ring: before the first
    stands the last one, an end-of-text."""
    starts = np.arange(count // length, dtype=np.int64) * length - 1  # -1 is the last token of the ring
    for first in range(0, len(starts), rows):
        yield tokens.gather(starts[first : first + rows], length + 1)
    rest = count % length
    if rest:
        yield tokens.gather(np.array([count - rest - 1], dtype=np.int64), rest + 1)
