"""Low-rank adaptation (Hu et al. 2021): matrices stay as they are, and beside each learn two thin ones.

    x ─┬▶ W (frozen) ───────────┬▶ +
       └▶ A [r, C] ─▶ B [V, r] ─┘ · alpha / r        merged: W + alpha / r · B A, a plain matrix again

A starts random, B at 0: so at first nothing is changed. `score`, the head of a reward model, is learned besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.errors import UsageError
from curate.train_min.layers import Linear, uniform_bound
from curate.train_min.model import GPT

MATRICES = ("qkv", "out", "up", "down")
"""Those of a block that can be adapted, by their names in layers.py."""


@dataclass(frozen=True, slots=True)
class Lora:
    """`rank` 0 learns nothing, and changes nothing."""

    rank: int = 8
    alpha: float = 16.0
    """What B A is multiplied with, before it is divided by the rank."""
    matrices: tuple[str, ...] = MATRICES


class LowRank(nn.Module):
    """A matrix with what is learned beside it."""

    def __init__(self, plain: Linear, lora: Lora, generator: torch.Generator) -> None:
        super().__init__()
        outputs, inputs = plain.weight.shape
        bound = uniform_bound(inputs)
        self.plain = plain
        self.scale = lora.alpha / lora.rank
        self.is_on = True
        # [r, C] and [V, r]
        self.a = nn.Parameter(torch.empty(lora.rank, inputs).uniform_(-bound, bound, generator=generator))
        self.b = nn.Parameter(torch.zeros(outputs, lora.rank))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.plain(x)
        if not self.is_on:
            return y
        return y + F.linear(F.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype)) * self.scale

    @torch.no_grad()
    def merged(self) -> Linear:
        """The plain matrix with what was learned in it."""
        self.plain.weight.add_(self.b @ self.a, alpha=self.scale)
        return self.plain


def check_lora(lora: Lora) -> None:
    """Raises UsageError for a rank or matrices that cannot be."""
    if lora.rank < 0:
        raise UsageError(f"the rank of LoRA is {lora.rank}; it must be at least 0")
    for name in lora.matrices:
        if name not in MATRICES:
            raise UsageError(f'LoRA knows no matrix "{name}"; there are {", ".join(MATRICES)}')


def add_low_rank(model: GPT, lora: Lora, *, seed: int = 0) -> None:
    """Freeze a model and put what is learned beside the matrices that `lora` names.

    Raises:
        UsageError: it has some already.
    """
    if any(isinstance(module, LowRank) for module in model.modules()):
        raise UsageError("the checkpoint is an adapter beside another one; merge them first: curate model merge")
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for owner, name, plain in _linears(model, lora.matrices):
        if lora.rank:
            setattr(owner, name, LowRank(plain, lora, generator))


def merge(model: GPT) -> None:
    """Make every matrix a plain one again, with what was learned beside it."""
    for owner in list(model.modules()):
        for name, module in list(owner.named_children()):
            if isinstance(module, LowRank):
                setattr(owner, name, module.merged())
    model.requires_grad_(True)


@contextmanager
def low_rank_off(model: GPT) -> Iterator[None]:
    """Within it the model is the one that it started from."""
    parts = [module for module in model.modules() if isinstance(module, LowRank)]
    for part in parts:
        part.is_on = False
    try:
        yield
    finally:
        for part in parts:
            part.is_on = True


def add_score(model: GPT, *, seed: int = 0) -> None:
    """A head that gives one number for a token, learned also where all else is frozen. It starts random, with the
    variance 1 / (width + 1) (Stiennon et al. 2020): from 0 a model whose answers look alike would never leave."""
    width, generator = model.config.width, torch.Generator().manual_seed(seed)
    model.score = Linear(width, 1)
    with torch.no_grad():
        model.score.weight.normal_(0.0, (width + 1) ** -0.5, generator=generator)
    model.score.to(model.embed.weight.device)


def add_parts(model: GPT, tuning: Mapping[str, Any], *, seed: int = 0) -> None:
    """What a tuned model has besides those of its shape."""
    if tuning["lora"] is not None:
        add_low_rank(model, Lora(**{**tuning["lora"], "matrices": tuple(tuning["lora"]["matrices"])}), seed=seed)
    if tuning["method"] == "reward" and model.score is None:
        add_score(model, seed=seed)


def trained_weights(model: GPT) -> dict[str, Tensor]:
    """Those that are saved: all, or with LoRA what is learned beside them, and what steps set without a gradient."""
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    return {name: weight for name, weight in model.state_dict().items() if name not in frozen}


def _linears(model: GPT, matrices: tuple[str, ...]) -> Iterator[tuple[nn.Module, str, Linear]]:
    for owner in list(model.blocks.modules()):
        for name, module in list(owner.named_children()):
            if isinstance(module, Linear) and name in matrices:
                yield owner, name, module
