"""How the next token is chosen among all ids: the likeliest, or a draw from those that are likely enough.

logits [V] ─▶ seen ids made less likely ─▶ temperature ─▶ top k ─▶ top p ─▶ a draw ─▶ id
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from curate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sampling:
    """The defaults of `curate generate`. Steps are those of transformers' processors of logits, in their order."""

    temperature: float = 0.8
    """What logits are divided by; 0 takes the likeliest id each time."""
    top_k: int | None = 50
    """Only so many of the likeliest ids are drawn from; None: all."""
    top_p: float = 1.0
    """Only the likeliest ids that together have this share are drawn from (Holtzman et al. 2020)."""
    repetition_penalty: float = 1.0
    """What logits of ids in the text are divided by, and negative ones multiplied with (Keskar et al. 2019)."""


def check_sampling(sampling: Sampling) -> None:
    """Raises UsageError for a value that makes no sense, and says what would."""
    if not sampling.temperature >= 0:
        raise UsageError(f"temperature is {sampling.temperature}; it must be at least 0")
    if sampling.top_k is not None and sampling.top_k < 1:
        raise UsageError(f"top_k is {sampling.top_k}; it must be at least 1")
    if not 0 < sampling.top_p <= 1:
        raise UsageError(f"top_p is {sampling.top_p}; it is a share, over 0 and at most 1")
    if not sampling.repetition_penalty > 0:
        raise UsageError(
            f"repetition_penalty is {sampling.repetition_penalty}; it must be over 0, and 1 changes nothing"
        )


def choose(logits: Tensor, seen: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """The id, int64 [], that follows the ids `seen` int64 [T], of logits float32 [V]; the generator is the CPU's."""
    if sampling.repetition_penalty != 1:
        logits = _penalized(logits, torch.unique(seen), sampling.repetition_penalty)
    if sampling.temperature == 0:
        return logits.argmax()
    shares = torch.softmax(likely(logits / sampling.temperature, sampling), dim=0)
    return torch.multinomial(shares.cpu(), 1, generator=generator)[0].to(logits.device)


def likely(logits: Tensor, sampling: Sampling) -> Tensor:
    """The same with -inf for ids that are not likely enough to be drawn."""
    if sampling.top_k is not None and sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], -torch.inf)
    if sampling.top_p < 1:
        ordered, order = logits.sort(descending=True)
        shares = torch.softmax(ordered, dim=0)
        is_out = shares.cumsum(dim=0) - shares >= sampling.top_p  # those before it have the share without it
        logits = logits.index_fill(0, order[is_out], -torch.inf)
    return logits


def _penalized(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    found = logits[seen]
    return logits.index_copy(0, seen, torch.where(found > 0, found / penalty, found * penalty))
