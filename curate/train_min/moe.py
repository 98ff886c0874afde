"""A mixture of experts in the place of an MLP: each token goes through the few that its router chooses.

    x [N, C] ─▶ scores [N, E] ─▶ + bias ─▶ the k highest ─▶ tokens sorted by expert ─▶ up, down ─▶ · gates, sum
    load of each expert in a step ─▶ bias: a little up where it was under the mean, a little down where it was over

Balanced without an auxiliary loss (Wang et al. 2024; DeepSeek-V3, 2024): the bias decides who is chosen and nothing
else; gates are the scores, sigmoids, of the chosen ones over their sum. No token is dropped, whatever the load.

Shapes in comments: N tokens, C channels, E experts of F inner channels, k of them a token's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.train_min.activate import activate
from curate.train_min.config import ModelConfig


class MoE(nn.Module):
    """E experts, of which each token has k; with one expert it is the MLP of the same weights."""

    bias: Tensor
    load: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.experts is not None
        experts, sides = config.experts, 2 if config.activation == "swiglu" else 1
        self.active, self.activation = config.experts_active, config.activation
        self.router = nn.Parameter(torch.zeros(experts, config.width))  # [E, C]
        self.up = nn.Parameter(torch.zeros(experts, sides * config.inner, config.width))  # [E, F, C]; SwiGLU: 2 · F
        self.down = nn.Parameter(torch.zeros(experts, config.width, config.inner))  # [E, C, F]
        self.register_buffer("bias", torch.zeros(experts))  # [E], saved with the weights
        self.register_buffer("load", torch.zeros(experts), persistent=False)  # [E]: choices since the last step

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])  # [N, C]
        chosen, gates = self._route(flat)  # [N, k] each
        order = chosen.flatten().argsort(stable=True)  # [N · k]: choices, those of the first expert first
        load = torch.zeros_like(self.load).scatter_add_(0, chosen.flatten(), torch.ones_like(gates).flatten())
        if torch.is_grad_enabled():  # of what is learned, not of what is evaluated
            self.load += load
        y = self._experts(flat[order // self.active], load)  # [N · k, C]
        back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=x.device))
        parts = y[back].view(-1, self.active, x.shape[-1])  # [N, k, C]
        return (parts * gates[..., None].to(x.dtype)).sum(dim=1).view_as(x)

    def _route(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Each token's experts, and what each counts for it: float32, as a rounded score is another choice."""
        logits = F.linear(flat.float(), self.router)  # [N, E]
        chosen = (torch.sigmoid(logits).detach() + self.bias).topk(self.active, dim=1).indices
        # The scores over their sum, by their logarithms: scores that are all 0 in float32 still have ratios, and the
        # gate of one alone is 1, not nearly 1.
        return chosen, F.softmax(F.logsigmoid(logits.gather(1, chosen)), dim=1)

    def _experts(self, x: Tensor, load: Tensor) -> Tensor:
        up, down = self.up.to(x.dtype), self.down.to(x.dtype)
        if x.device.type == "cuda" and x.dtype == torch.bfloat16 and hasattr(F, "grouped_mm"):
            return through_grouped(x, up, down, load, self.activation)
        return through_each(x, up, down, load, self.activation)


def through_each(x: Tensor, up: Tensor, down: Tensor, load: Tensor, activation: str) -> Tensor:
    """x [N · k, C], sorted by expert, `load[e]` rows for each: one expert after the other. It asks the device for the
    loads, and so waits for it: a CPU does not mind."""
    parts = torch.split(x, load.long().tolist())
    pieces = zip(parts, up, down, strict=True)
    return torch.cat([F.linear(activate(F.linear(piece, a), activation), b) for piece, a, b in pieces])


def through_grouped(x: Tensor, up: Tensor, down: Tensor, load: Tensor, activation: str) -> Tensor:
    """The same in one kernel for all experts, which reads the loads where they are."""
    ends = load.cumsum(0).to(torch.int32)  # [E]
    inner = activate(F.grouped_mm(x, up.transpose(1, 2), offs=ends), activation)  # [N · k, F]
    return F.grouped_mm(inner, down.transpose(1, 2), offs=ends)


@torch.no_grad()
def balance(model: nn.Module, rate: float, *, skip: Tensor, add: Callable[[Tensor], None]) -> None:
    """After a step: move every bias by `rate` towards an even load. `add` sums loads over all ranks, `skip` is 1 where
    the step changed nothing, so that biases stay as well."""
    layers = [layer for layer in model.modules() if isinstance(layer, MoE)]
    if not layers:
        return
    loads = torch.stack([layer.load for layer in layers])  # [layers, E]
    add(loads)
    steps = torch.sign(loads.mean(dim=1, keepdim=True) - loads) * (rate * (1 - skip))
    for layer, step in zip(layers, steps, strict=True):
        layer.bias += step
        layer.load.zero_()
