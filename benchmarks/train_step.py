"""One step of training beside nanoGPT's, in turns and in CPU time, so that a machine may be busy: equal architecture.

random tokens ─▶ curate: loss, backward, clip, AdamW │ nanoGPT (peer_train.py): the same ─▶ CPU milliseconds, medians

    python benchmarks/train_step.py [--threads 1] [--steps 12]

The shape is train.py's, which compares whole trainings: GPT-2's with 14 M parameters and 8,192 ids.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from peer_train import NanoGPT
from torch import Tensor
from train import CONTEXT, HEADS, LAYERS, LEARNING_RATE, ROWS, SHAPE, WIDTH

from curate.train_min.model import GPT
from curate.train_min.optim import make_optimizer
from curate.train_min.presets import configure
from curate.train_min.train import _keep_freed_memory, compute_dtype

VOCAB_SIZE = 8192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    _keep_freed_memory()
    rows = torch.randint(0, VOCAB_SIZE, (ROWS, CONTEXT + 1))
    sides = {"curate": our_step(rows), "nanoGPT, float32": their_step(rows)}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for step in range(options.steps + 2):
        for name, take_step in sides.items():
            start = time.process_time()
            take_step()
            if step > 1:  # memory is touched for the first time before
                found[name].append(1000 * (time.process_time() - start))
    milliseconds = {name: statistics.median(times) for name, times in found.items()}
    for name, each in milliseconds.items():
        print(f"{name:16}  {each:6.0f} ms, {each / milliseconds['curate']:.2f} times curate's")


def our_step(rows: Tensor) -> Callable[[], None]:
    config = configure("gpt2", vocab_size=VOCAB_SIZE, settings=SHAPE)
    model = GPT(config.model)
    model.compute_dtype = compute_dtype(config, rows.device)
    optimizer = make_optimizer(model, config)

    def step() -> None:
        loss, _ = model.loss(rows[:, :-1], rows[:, 1:], scale=1 / rows[:, 1:].numel())
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(1.0, skip=1.0 - torch.isfinite(norm).float())

    return step


def their_step(rows: Tensor) -> Callable[[], None]:
    shape = {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "context": CONTEXT, "vocab_size": VOCAB_SIZE}
    model = NanoGPT(shape)
    groups = [
        {"params": [weight for weight in model.parameters() if weight.ndim >= 2], "weight_decay": 0.1},
        {"params": [weight for weight in model.parameters() if weight.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.99))

    def step() -> None:
        logits = model(rows[:, :-1])
        F.cross_entropy(logits.reshape(-1, VOCAB_SIZE).float(), rows[:, 1:].reshape(-1)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


if __name__ == "__main__":
    main()
