"""What the loop of `train` learns: its rows by position, their loss, and how a model is judged.

tokens of a run ─▶ next_tokens ─▶ Objective ─▶ the loop; tune.py has the others: answers, rewards, preferences
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from curate.tokenize.mix import Vocabulary
from curate.train_min.config import TrainConfig
from curate.train_min.evaluate import Floats, SourceScore, evaluate, unigram_nats
from curate.train_min.loader import Loader, TokenData, TrainRows
from curate.train_min.model import GPT


class RowSource(Protocol):
    """Rows by position, as of `Loader`."""

    sources: tuple[str, ...]

    def rows(self, first: int, count: int) -> TrainRows: ...


Loss = Callable[[GPT, TrainRows, float], tuple[Tensor, Tensor]]
"""A scale times the summed loss, to differentiate, and what each row costs, float32 [rows, any], which is not."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One of the things that a model is trained to do."""

    source: RowSource
    row_tokens: int
    """Of one row, to say how fast it goes."""
    loss: Loss
    evaluate: Callable[[GPT, int | None], tuple[Any, ...]]
    """Scores (dataclasses) of a model, on so many validation tokens a source; None: on all."""
    score: Callable[..., Any]
    """What makes such a score again of its fields."""
    vocabulary: Vocabulary
    tokenizer_file: Path | None
    fingerprint: Mapping[str, str]
    """What a checkpoint is bound to, by part."""
    unvalidated: tuple[str, ...] = ()
    """Sources that get no score."""
    tuning: Mapping[str, Any] | None = None
    """What a checkpoint keeps of how it was tuned (`tune.Tuning`)."""


def next_token_loss(model: GPT, rows: TrainRows, scale: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy of every target that is learned."""
    return model.loss(rows.inputs, rows.targets, scale=scale)


def next_tokens(data: TokenData, config: TrainConfig, device: torch.device) -> Objective:
    """To say the next token of a run's training sequence; judged in bits per byte of its validation tokens."""

    @cache
    def unigram() -> Floats:
        return unigram_nats(data)

    def judge(model: GPT, max_tokens: int | None) -> tuple[SourceScore, ...]:
        return evaluate(model, data, unigram=unigram(), min_rows=config.micro_rows, max_tokens=max_tokens)

    return Objective(
        source=Loader(data, context=config.model.context, seed=config.seed, device=device),
        row_tokens=config.model.context,
        loss=next_token_loss,
        evaluate=judge,
        score=SourceScore,
        vocabulary=data.record.vocabulary,
        tokenizer_file=data.tokenizer_file,
        fingerprint=data.fingerprint(),
        unvalidated=data.unvalidated,
    )
