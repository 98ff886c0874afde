"""What the loop of `train` learns: its rows by position, their loss, and how a model is judged.

tokens of a run ─▶ next_tokens ─▶ Objective ─▶ the loop; tune.py has the others: answers, rewards, preferences
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from curate.tokenize.mix import Vocabulary
from curate.train_min.config import TrainConfig
from curate.train_min.evaluate import Floats, SourceScore, evaluate, unigram_nats
from curate.train_min.guard import name_documents
from curate.train_min.loader import Batch, Loader, TokenData
from curate.train_min.model import GPT


class RowSource(Protocol):
    """Rows by position, as of `Loader`."""

    sources: tuple[str, ...]

    def batch(self, first: int, count: int, *, own: range, micro_rows: int) -> Batch: ...


Loss = Callable[[GPT, Tensor, Tensor, float], tuple[Tensor, Tensor]]
"""Of a micro-batch's inputs and targets: a scale times the summed loss, to differentiate, and what each row costs,
float32 [rows, any], which is not."""


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
    documents: Callable[[Sequence[int]], tuple[str, ...]]
    """What the rows at some positions are made of."""
    command: Callable[[Sequence[int]], str]
    """What shows them."""
    measure: str = "bits_per_byte"
    """The field of a score that there is a curve of."""
    judged: tuple[str, ...] = ()
    """Sources that get a score."""
    unvalidated: tuple[str, ...] = ()
    """Sources that get no score."""
    tuning: Mapping[str, Any] | None = None
    """What a checkpoint keeps of how it was tuned (`tune.Tuning`)."""


def next_token_loss(model: GPT, inputs: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy of every target that is learned."""
    return model.loss(inputs, targets, scale=scale)


def next_tokens(data: TokenData, config: TrainConfig, device: torch.device) -> Objective:
    """To say the next token of a run's training sequence; judged in bits per byte of its validation tokens."""

    @cache
    def unigram() -> Floats:
        return unigram_nats(data)

    def judge(model: GPT, max_tokens: int | None) -> tuple[SourceScore, ...]:
        return evaluate(model, data, unigram=unigram(), min_rows=config.micro_rows, max_tokens=max_tokens)

    length, seed = config.model.context, config.seed
    loader = Loader(data, context=length, seed=seed, device=device)
    return Objective(
        source=loader,
        row_tokens=length,
        loss=next_token_loss,
        evaluate=judge,
        score=SourceScore,
        vocabulary=data.record.vocabulary,
        tokenizer_file=data.tokenizer_file,
        fingerprint=data.fingerprint(),
        documents=lambda positions: name_documents(loader.tracer(), positions),
        command=lambda positions: (
            f"curate tokens {data.run} --position {' '.join(map(str, positions))} --row-length {length} --seed {seed}"
        ),
        judged=(*data.validation,),
        unvalidated=data.unvalidated,
    )
