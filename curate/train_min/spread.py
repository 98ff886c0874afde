"""One training spread over processes that `torchrun` has started: each learns its share of every batch's rows.

    batch [B rows] ─▶ rows of rank 0 │ rank 1 │ … ─▶ gradients ─▶ sum over all ranks ─▶ the same step everywhere

A gradient is summed as soon as it is there, while the backward pass goes on. As sums have one result for all ranks,
weights stay the same on all, and the first one alone evaluates, reports and saves. Or each keeps a shard of them
(weight_shards.py), and all evaluate together. Which rows stand in which step does not depend on how many ranks there
are, so that a training goes on with any other number of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from curate.errors import UsageError
from curate.train_min.model import GPT
from curate.train_min.weight_shards import into_shards

MAX_WAIT = timedelta(hours=2)
"""For the others: the first evaluates and saves alone."""


@dataclass(slots=True)
class Spread:
    """This process among those that train together: one of one by default."""

    rank: int = 0
    size: int = 1
    in_shards: bool = False
    """Weights, gradients and moments are."""
    _is_summing: bool = False
    _waiting: list[Any] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def takes_part(self) -> bool:
        """Whether this rank evaluates, averages weights and gathers what is saved: the first alone where it has all."""
        return self.is_first or self.in_shards

    def rows(self, batch_rows: int) -> range:
        """Which rows of each batch are this rank's.

        Raises:
            UsageError: they cannot be shared out evenly.
        """
        if batch_rows % self.size:
            raise UsageError(f"batch_rows {batch_rows} is not a multiple of the {self.size} processes that train")
        share = batch_rows // self.size
        return range(self.rank * share, (self.rank + 1) * share)

    def add(self, values: Tensor) -> None:
        """Sum a tensor over all ranks, in place."""
        if self.size > 1:
            dist.all_reduce(values)

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.size > 1:
            dist.barrier()

    def place(self, model: GPT, device: torch.device, *, in_shards: bool) -> None:
        """Bring a model to this rank's device: whole, with its gradients summed in the backward passes of `summed`, or
        its shard, whose gradients are summed by itself."""
        self.in_shards = in_shards and self.size > 1
        if self.in_shards:
            into_shards(model, self.size, device)
            return
        model.to(device)
        if self.size > 1:
            for weight in filter(lambda each: each.requires_grad, model.parameters()):
                weight.register_post_accumulate_grad_hook(self._sum)  # type: ignore[no-untyped-call]

    @contextmanager
    def summed(self, is_last: bool) -> Iterator[None]:
        """A backward pass is in here; in the last one of a step gradients are whole, and are summed over the ranks."""
        self._is_summing = is_last
        yield
        for work in self._waiting:
            work.wait()
        self._waiting.clear()

    def _sum(self, weight: Tensor) -> None:
        if self._is_summing:
            self._waiting.append(dist.all_reduce(weight.grad, async_op=True))


@contextmanager
def spread_out(device: torch.device) -> Iterator[tuple[Spread, torch.device]]:
    """Join the processes that `torchrun` tells of, over NCCL on CUDA and gloo elsewhere; gives the own device of this
    one. Without `torchrun`, or where the caller has joined them already, nothing is opened."""
    if dist.is_available() and dist.is_initialized():
        yield Spread(dist.get_rank(), dist.get_world_size()), device
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        yield Spread(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=MAX_WAIT)
    try:
        yield Spread(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


def is_first_process() -> bool:
    """Whether this process is the one that tells of the training."""
    return int(os.environ.get("RANK", "0")) == 0


def processes_here() -> int:
    """How many of them share this machine's cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
