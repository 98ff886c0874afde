"""The average of the weights over the last part of a training, which is its result where it is asked for.

    weights of step N ─▶ Average.follow: average ← average + (weights - average) / memory ─▶ at the last step they swap

The decay is constant, as that of the tails of the speed records: where the rate falls, earlier weights are worse ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from curate.train_min.config import TrainConfig
from curate.train_min.model import GPT
from curate.train_min.weight_shards import part_of

SPANS = 5
"""Memories of the average before the end at which it begins: of its first weights e^-5 is left, under one percent."""


class Average:
    """That of the weights that are learned; `is_swapped` says that the model has it, and the last weights are here."""

    def __init__(self, model: GPT, config: TrainConfig) -> None:
        self._weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._memory = max(1.0, config.average * config.steps)
        self._first = config.steps - math.ceil(SPANS * self._memory)
        self._steps = config.steps
        self.is_swapped = False
        self.held: dict[str, Tensor] = {}
        """By name; empty before it begins."""

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after so many steps; after the last the model gets the average."""
        if step < self._first:
            return
        if not self.held:
            self.held = {name: weight.detach().clone() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            self.held[name].lerp_(weight, 1 / self._memory)
        if step == self._steps:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """The average into the model, and its weights here, or back."""
        for name, weight in self._weights.items():
            before = weight.clone()
            weight.copy_(self.held[name])
            self.held[name] = before
        self.is_swapped = not self.is_swapped

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on with what was saved on the way."""
        self.held = {name: part_of(tensor, self._weights[name]) for name, tensor in held.items()}


def start_average(model: GPT, config: TrainConfig) -> Average | None:
    """None where none is asked for."""
    return Average(model, config) if config.average else None
