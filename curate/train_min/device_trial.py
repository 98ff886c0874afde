"""What a device is tried with: small models of random weights, made tokens, steps of the optimizer, and what is told.

made_rows(step) ─▶ TrialTraining.learn, as the loop does it ─▶ weights, seconds ─▶ CheckLine
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from curate.train_min.compiled_blocks import begin_pass, compile_blocks
from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.model import GPT
from curate.train_min.optim import Optimizers, make_optimizer
from curate.train_min.train import compute_dtype

VOCAB_SIZE, END_OF_TEXT = 50_304, 0
SMALL = ModelConfig(layers=2, width=128, heads=4, context=128, vocab_size=512, kv_heads=2)
MAX_DIFFERENCE = 1e-4
"""Of logits in float32 between two ways to the same; products of a GPU add up in another order."""
MAX_SHORT_DIFFERENCE = 0.02
"""Of logits in bfloat16, which has three digits."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was looked at. `passed` None: a figure, or nothing that this device has."""

    name: str
    passed: bool | None
    figure: str
    values: dict[str, float] = field(default_factory=dict)


class TrialTraining:
    """Steps of the optimizer on made rows, of which each follows from its number."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config, self.device, self.done = config, device, 0
        self.model = GPT(config.model, generator=torch.Generator().manual_seed(config.seed)).to(device)
        self.model.compute_dtype = compute_dtype(config, device)
        self.model.end_of_text = END_OF_TEXT
        self.optimizer: Optimizers = make_optimizer(self.model, config)
        if config.compile and device.type == "cuda":
            compile_blocks(self.model, config)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.learn(self.rows())

    def rows(self) -> Tensor:
        shape = self.config.model
        return made_rows(self.config.micro_rows, shape.context, shape.vocab_size, self.device, seed=self.done)

    def learn(self, rows: Tensor) -> None:
        begin_pass(self.config)
        loss, _ = self.model.loss(rows[:, :-1], rows[:, 1:], scale=1 / rows[:, 1:].numel())
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        self.optimizer.step(1.0, skip=1.0 - torch.isfinite(norm).float())
        self.done += 1

    def states(self) -> list[dict[str, Any]]:
        """The moments, in the order of the weights."""
        known = {id(weight): state for weight, state in self.optimizer.states()}
        return [known[id(weight)] for weight in self.model.parameters()]

    def put_back(self, weights: dict[str, Tensor], states: list[dict[str, Any]], done: int) -> None:
        self.model.load_state_dict(weights)
        for weight, state in zip(self.model.parameters(), states, strict=True):
            self.optimizer.set_state(weight, state)
        self.done = done


def made(config: ModelConfig, device: torch.device) -> GPT:
    """Weights are drawn once more, as those that a training begins with are 0 where a block ends."""
    model = GPT(config)
    chance = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.05, generator=chance)
    model.end_of_text = END_OF_TEXT
    return model.to(device)


def document(length: int, device: torch.device) -> Tensor:
    """int64 [length], the last one the end of a text."""
    chance = torch.Generator().manual_seed(length)
    tokens = torch.randint(1, SMALL.vocab_size, (length,), generator=chance)
    tokens[-1] = END_OF_TEXT
    return tokens.to(device)


def made_rows(count: int, length: int, vocab_size: int, device: torch.device, *, seed: int = 0) -> Tensor:
    """int64 [count, length + 1] of squared chance, so that there is something to learn."""
    chance = torch.rand(count, length + 1, generator=torch.Generator().manual_seed(seed))
    rows = (chance.square() * vocab_size).long()
    return rows.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else rows


def gradients(model: GPT) -> Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def compared(name: str, one: Tensor, other: Tensor) -> CheckLine:
    off = float((one.float() - other.float()).abs().max().detach())
    return CheckLine(name, off < MAX_DIFFERENCE, f"off by {off:.1e}", {"off": off})


def seconds_of(device: torch.device, work: Callable[[], None]) -> float:
    settle(device)
    start = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - start


def settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
