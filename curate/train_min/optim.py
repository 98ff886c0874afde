"""AdamW over the parameters of a GPT, and the learning rate of each step."""

from __future__ import annotations

import torch
from torch import nn

from curate.train_min.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); only matrices inside the blocks decay, embedding, head and vectors do not."""
    named = list(model.named_parameters())
    decaying = [weight for name, weight in named if _decays(name, weight)]
    others = [weight for name, weight in named if not _decays(name, weight)]
    groups = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=config.learning_rate, betas=betas, fused=True)


def _decays(name: str, weight: torch.Tensor) -> bool:
    return name.startswith("blocks.") and weight.ndim >= 2


def learning_rate(step: int, config: TrainConfig) -> float:
    """Of step 0, 1, …: a linear rise, a plateau, a linear fall to 0 ("warm-up, stable, decay").

    Not a cosine: until the fall begins, the rate does not depend on the number of steps, so that runs of several
    lengths, or falls over several corpora, can start from one trunk (Hägele et al. 2024 find no loss in quality).
    """
    rise = (step + 1) / max(1.0, config.warmup * config.steps)
    fall = (config.steps - step) / max(1.0, config.cooldown * config.steps)
    return config.learning_rate * min(1.0, rise, fall)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
