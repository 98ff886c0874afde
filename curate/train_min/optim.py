"""The optimizers of a GPT and the learning rate of each step: AdamW alone, or Muon for the matrices inside the blocks.

parameters ─▶ those that Muon takes │ those that decay │ the others ─▶ Optimizers: one step for all of them
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from curate.train_min.compiled_blocks import uses_graphs
from curate.train_min.config import TrainConfig
from curate.train_min.model import GPT
from curate.train_min.weight_shards import part_of, whole

PAIR_DECAY = 4.0
"""Times that of matrices, of the embedding of pairs: most are met once or twice, and would stay learned by heart.
Without it `nano` is 2 to 3 % worse on the quickstart's validation."""
LEAST_OF_COSINE = 0.1
STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pulls singular values towards 1, steepest at 0 (Jordan et al. 2024)."""


class Muon(torch.optim.Optimizer):
    """Steps along the nearest orthogonal matrix of Nesterov's momentum (Jordan et al. 2024), so that every direction of
    a matrix is learned at one pace.

    A group holds one matrix, or one for each expert, and `rows`, the parts that it is made of: queries, keys and values
    stand in one matrix, and are three. Where `found_inf` is set and not 0, a step changes nothing. Of a matrix in
    shards (weight_shards.py) each rank keeps its part of the momentum, and turns the whole.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], *, momentum: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})
        self.found_inf: Tensor | None = None
        """float32 []; asked for on its device, so that the step does not wait for it. AdamW has one, too."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # there is no loss to give back
        """One step; `closure` is of torch's interface, and not used."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                held = state["momentum_buffer"].lerp(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(held, group["momentum"])
                parts = torch.split(whole(ahead.bfloat16()), group["rows"], dim=-2)
                turned = part_of(torch.cat([orthogonal(part) for part in parts], dim=-2), weight)
                moved = weight.mul(1 - group["lr"] * group["weight_decay"])
                moved.add_(turned.to(weight.dtype), alpha=-group["lr"])
                self._put(state["momentum_buffer"], held)
                self._put(weight, moved)

    def _put(self, old: Tensor, new: Tensor) -> None:
        old.copy_(new if self.found_inf is None else torch.where(self.found_inf > 0, old, new))


def orthogonal(matrix: Tensor) -> Tensor:
    """bfloat16: nearly the orthogonal matrix next to one, by five steps of Newton and Schulz, and longer by the root of
    rows / columns where that is over 1, so that a tall one moves its outputs as much. Of [E, rows, columns] each."""
    a, b, c = COEFFICIENTS
    rows, columns = matrix.shape[-2:]
    add_product = torch.addmm if matrix.ndim == 2 else torch.baddbmm
    x = matrix.bfloat16()
    x = x.mT if rows > columns else x  # the smaller of the two products of a matrix with itself
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)  # no singular value is over 1
    for _ in range(STEPS):
        gram = x @ x.mT
        x = add_product(x, add_product(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    turned: Tensor = (x.mT if rows > columns else x) * max(1.0, rows / columns) ** 0.5
    return turned


class Optimizers:
    """Several of them that step together; each group's rate is its own `most` times the share of the step."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], *, keep_gradients: bool = False) -> None:
        """`keep_gradients`: in one place, where they become 0; else a backward pass brings them along."""
        self._each, self._keep = tuple(optimizers), keep_gradients
        for group in self.param_groups if keep_gradients else ():
            for weight in group["params"]:
                weight.grad = torch.zeros_like(weight)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [*chain.from_iterable(one.param_groups for one in self._each)]

    def states(self) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """The moments of every weight that has some."""
        yield from chain.from_iterable(one.state.items() for one in self._each)

    def set_state(self, weight: Tensor, kinds: dict[str, Tensor]) -> None:
        for one in self._each:
            if any(weight is held for group in one.param_groups for held in group["params"]):
                one.state[weight] = kinds

    def step(self, share: float, *, skip: Tensor | None = None) -> None:
        """`skip`, float32 [] on the device of the weights, is 1 where weights and moments are to stay as they are."""
        for group in self.param_groups:
            group["lr"] = group["most"] * share
        for one in self._each:
            one.found_inf = skip  # type: ignore[attr-defined]  # AdamW's for GradScaler
            one.step()
            one.zero_grad(set_to_none=not self._keep)


def make_optimizer(model: GPT, config: TrainConfig) -> Optimizers:
    """AdamW (Loshchilov & Hutter 2019), or beside it Muon for the matrices inside the blocks. Those decay, and
    the embedding of pairs; that of tokens, head and vectors do not."""
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = {name: weight for name, weight in named if is_matrix(name, weight)}
    pairs = [weight for name, weight in named if name == "pairs.weight"]
    others = [weight for name, weight in named if name not in matrices and name != "pairs.weight"]
    groups: list[dict[str, Any]] = [{"params": others, "weight_decay": 0.0, "most": config.learning_rate}]
    if pairs:
        groups.append({"params": pairs, "weight_decay": PAIR_DECAY * config.weight_decay, "most": config.learning_rate})
    if config.optimizer == "muon":
        parts = [
            {"params": [weight], "rows": _rows(name, weight, model), "most": config.matrix_learning_rate}
            for name, weight in matrices.items()
        ]
        muon = Muon(parts, momentum=config.momentum, weight_decay=config.weight_decay)
        return Optimizers([muon, _adamw(groups, config)], keep_gradients=uses_graphs(config))
    decaying = {"params": [*matrices.values()], "weight_decay": config.weight_decay, "most": config.learning_rate}
    return Optimizers([_adamw([decaying, *groups], config)], keep_gradients=uses_graphs(config))


def is_matrix(name: str, weight: Tensor) -> bool:
    """Inside a block, and none that reads a token's scores off it: a router has the optimizer of the head."""
    return name.startswith("blocks.") and weight.ndim > 1 and not name.endswith("router")


def _adamw(groups: Sequence[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True)


def _rows(name: str, weight: Tensor, model: GPT) -> list[int]:
    """The parts of a matrix that several were put into."""
    config = model.config
    if name.endswith("qkv.weight"):
        return [config.channels * heads for heads in (config.heads, config.key_heads, config.key_heads)]
    if name.endswith(("up.weight", "mlp.up")) and config.activation == "swiglu":
        return [config.inner, config.inner]
    return [weight.shape[-2]]


def rate_share(step: int, config: TrainConfig) -> float:
    """Of step 0, 1, …: a linear rise, a plateau, a fall to 0 ("warm-up, stable, decay"), as a share of the most.

    Not a cosine by default: until the fall begins, the rate does not depend on the number of steps, so that runs of
    several lengths, or falls over several corpora, can start from one trunk (Hägele et al. 2024 find no loss in
    quality).
    """
    rising = max(1.0, config.warmup * config.steps)
    rise = (step + 1) / rising
    if config.schedule == "cosine":
        way = max(0.0, step + 1 - rising) / max(1.0, config.steps - rising)
        return min(1.0, rise) * (LEAST_OF_COSINE + (1 - LEAST_OF_COSINE) * (1 + math.cos(math.pi * way)) / 2)
    fallen = 1 - (config.steps - step) / max(1.0, config.cooldown * config.steps)
    fall: float = 1 - max(0.0, fallen) ** config.cooldown_power
    return min(1.0, rise, fall)
