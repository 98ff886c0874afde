"""One side of train.py in a process of its own: trains for some seconds, and prints steps, seconds and nats.

train.bin ─▶ rows at random places ─▶ forward, backward, clip, AdamW ─▶ the clock is over ─▶ val.bin ─▶ nats

`nanogpt` has the settings that its README gives for a CPU (float32, not compiled, no dropout; AdamW with betas .9 and
.99, decay .1 of matrices, cosine to a tenth, clipped at 1) and its architecture, made anew: LayerNorm, learned
positions, GELU, a tied head, cross-entropy over all logits at once. `litgpt` is the model of that package in the same
size, by its own recipe: bfloat16 where torch mixes precisions, compiled, betas .9 and .95.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

WARM_UP, LEAST_SHARE = 0.02, 0.1


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.first(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.second(x))))


class NanoGPT(nn.Module):
    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        width = given["width"]
        self.tokens, self.places = nn.Embedding(given["vocab_size"], width), nn.Embedding(given["context"], width)
        self.layers = nn.ModuleList(Layer(width, given["heads"]) for _ in range(given["layers"]))
        self.norm = nn.LayerNorm(width)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:  # what writes into the stream is smaller by the number of writers
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * given["layers"]) if writes else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.norm(x), self.tokens.weight)


def litgpt_model(given: dict[str, Any]) -> nn.Module:
    from litgpt import GPT, Config

    config = Config(
        n_layer=given["layers"], n_head=given["heads"], n_embd=given["width"], block_size=given["context"],
        padded_vocab_size=given["vocab_size"], vocab_size=given["vocab_size"], rotary_percentage=1.0,
        parallel_residual=False, norm_class_name="LayerNorm", mlp_class_name="GptNeoxMLP", bias=True,
    )  # fmt: skip
    return torch.compile(GPT(config))  # type: ignore[return-value]


def mixed_precision() -> AbstractContextManager[Any]:
    return torch.autocast("cpu", dtype=torch.bfloat16)


SIDES: dict[str, tuple[Callable[[dict[str, Any]], nn.Module], Callable[[], AbstractContextManager[Any]], float]] = {
    "nanogpt": (NanoGPT, nullcontext, 0.99),
    "litgpt": (litgpt_model, mixed_precision, 0.95),
}


def main() -> None:
    side, folder, given = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    torch.set_num_threads(given["threads"])
    torch.manual_seed(1337)
    make, precision, beta2 = SIDES[side]
    model = make(given)
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=given["rate"], betas=(0.9, beta2))
    train = np.memmap(folder / "train.bin", dtype=np.uint16, mode="r")
    step_of = lambda share: one_step(model, optimizer, train, given, precision, share)  # noqa: E731
    for _ in range(3):
        step_of(0.0)  # compiled, and its memory touched, before the clock starts; at a rate of 0 nothing is learned
    started = time.perf_counter()
    for _ in range(given["trial_steps"]):
        step_of(0.0)
    steps = max(1, int(given["seconds"] * given["trial_steps"] / (time.perf_counter() - started)))
    started = time.perf_counter()
    for step in range(steps):
        step_of(rate_share(step, steps))
    seconds = time.perf_counter() - started
    print(
        json.dumps({"steps": steps, "seconds": seconds, "nats": nats_of(model, folder / "val.bin", given, precision)})
    )


def one_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: Any,
    given: dict[str, Any],
    precision: Callable[[], AbstractContextManager[Any]],
    share: float,
) -> None:
    length = given["context"]
    places = torch.randint(len(train) - length - 1, (given["rows"],)).tolist()
    rows = torch.from_numpy(np.stack([train[place : place + length + 1].astype(np.int64) for place in places]))
    for group in optimizer.param_groups:
        group["lr"] = given["rate"] * share
    with precision():
        logits = model(rows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), rows[:, 1:].reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def rate_share(step: int, steps: int) -> float:
    """A linear rise and half a cosine, down to a tenth."""
    rise = (step + 1) / max(1.0, WARM_UP * steps)
    fall = LEAST_SHARE + (1 - LEAST_SHARE) * (1 + math.cos(math.pi * step / steps)) / 2
    return min(rise, fall)


@torch.no_grad()
def nats_of(
    model: nn.Module, file: Path, given: dict[str, Any], precision: Callable[[], AbstractContextManager[Any]]
) -> float:
    """Of all validation tokens but end-of-text, each predicted once in a window of the training length; the first one
    from an end-of-text."""
    tokens = np.fromfile(file, dtype=np.uint16).astype(np.int64)
    length, total = given["context"], 0.0
    tokens = np.concatenate([[given["end_of_text"]], tokens])
    starts = range(0, len(tokens) - 1, length)
    for first in range(0, len(starts), given["rows"]):
        window = np.stack([tokens[start : start + length + 1] for start in starts[first : first + given["rows"]]])
        rows = torch.from_numpy(window)
        with precision():
            logits = model(rows[:, :-1]).float()
        costs = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1), reduction="none")
        total += float(costs[rows[:, 1:].reshape(-1) != given["end_of_text"]].double().sum())
    return total


if __name__ == "__main__":
    main()
