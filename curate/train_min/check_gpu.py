"""What of the trainer can only be seen on its device: is it right there, how fast, and does nothing wait for the host?

    python -m curate.train_min.check_gpu [--device cuda] [--out check.json]

device ─▶ documents apart, windows, bfloat16, compiled, resumed ─▶ PASS or FAIL
       ─▶ steps of 124 M and 350 M parameters ─▶ tokens/s, share of the peak, memory ─▶ JSON

Torch and numpy are all that it needs; tokens are made. It takes some eight minutes on one H100-class GPU. On a CPU the
same lines come at a small size, but for what only CUDA has.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.model import GPT
from curate.train_min.optim import Optimizers, make_optimizer
from curate.train_min.peak import flops_per_token, peak_flops
from curate.train_min.presets import configure
from curate.train_min.train import compute_dtype, pick_device

VOCAB_SIZE, END_OF_TEXT = 50_304, 0
SMALL = ModelConfig(layers=2, width=128, heads=4, context=128, vocab_size=512, kv_heads=2)
MAX_DIFFERENCE = 1e-4
"""Of logits in float32 between two ways to the same; products of a GPU add up in another order."""
MAX_SHORT_DIFFERENCE = 0.02
"""Of logits in bfloat16, which has three digits."""
RESUMED_STEPS = 3
TIMED = {"cuda": {"d12": 20, "d24": 12}, "cpu": {"nano": 4}}
"""Presets and steps by device."""
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was looked at. `passed` None: a figure, or nothing that this device has."""

    name: str
    passed: bool | None
    figure: str
    values: dict[str, float] = dataclasses.field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--out", type=Path, help="a file for the same as JSON")
    options = parser.parse_args()
    device = pick_device(options.device)
    sys.stdout.write(f"{name_of(device)}, torch {torch.__version__}\n")
    lines = []
    for line in check_device(device):
        lines.append(line)
        verdict = {True: "PASS", False: "FAIL", None: "    "}[line.passed]
        sys.stdout.write(f"{verdict}  {line.name}: {line.figure}\n")
        sys.stdout.flush()
    found = {
        "device": name_of(device),
        "torch": torch.__version__,
        "lines": [dataclasses.asdict(each) for each in lines],
    }
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(found) + "\n")
    sys.exit(any(line.passed is False for line in lines))


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def check_device(device: torch.device) -> Iterator[CheckLine]:
    """Each line as soon as it is known."""
    yield check_documents(device)
    yield check_window(device)
    yield check_bfloat16(device)
    yield check_compiled(device)
    for optimizer in ("adamw", "muon"):
        yield check_resumed(device, optimizer)
    yield check_waits(device)
    for preset, steps in TIMED.get(device.type, TIMED["cpu"]).items():
        yield measure_speed(device, preset, steps)


def check_documents(device: torch.device) -> CheckLine:
    """Documents of a row, kept apart by a mask, against each by itself."""
    model = made(dataclasses.replace(SMALL, documents=True), device)
    lengths = (17, 1, 64, 46)
    row = torch.cat([document(length, device) for length in lengths])[None]
    together = model(row)[0]
    apart = torch.cat([model(part[None])[0] for part in torch.split(row[0], [*lengths])])
    return compared("documents of a row see only themselves", together, apart)


def check_window(device: torch.device) -> CheckLine:
    """Each token's logits against those of a row that begins with its window, in a model of one layer: through more of
    them a window sees farther."""
    window = 16
    model = made(dataclasses.replace(SMALL, layers=1, window=window), device)
    row = document(SMALL.context, device)[None]
    whole = model(row)[0, window - 1 :]
    pieces = row[0].unfold(0, window, 1)  # [T - window + 1, window]
    return compared("a window of attention", whole, model(pieces)[:, -1])


@torch.no_grad()
def check_bfloat16(device: torch.device) -> CheckLine:
    """How far logits are off, as a share of their length."""
    row = document(SMALL.context, device)[None]
    model = made(SMALL, device)
    exact = model(row)
    model.compute_dtype = torch.bfloat16
    off = float((model(row) - exact).norm() / exact.norm())
    is_near = 0 < off < MAX_SHORT_DIFFERENCE
    return CheckLine("bfloat16 against float32", is_near, f"logits off by {off:.2%}", {"off": off})


def check_compiled(device: torch.device) -> CheckLine:
    name = "compiled against eager"
    if device.type != "cuda":
        return CheckLine(name, None, "blocks are compiled on CUDA alone")
    rows = made_rows(4, SMALL.context, SMALL.vocab_size, device)
    found = []
    for is_compiled in (False, True):
        model = made(SMALL, device)
        if is_compiled:
            model.hidden = torch.compile(model.hidden)  # type: ignore[method-assign]
        loss, _ = model.loss(rows[:, :-1], rows[:, 1:], scale=1 / rows[:, 1:].numel())
        loss.backward()  # type: ignore[no-untyped-call]
        found.append(torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]))
    return compared(name, *found)


def check_resumed(device: torch.device, optimizer: str) -> CheckLine:
    """Weights after some steps, against those of a copy that was put back half-way, as from a checkpoint. On CUDA the
    gradient of the embedding adds up in any order, so there it is nearly the same."""
    config = configure("nano", vocab_size=512, settings={"optimizer": optimizer, "precision": "float32"})
    trained = _Training(config, device)
    trained.steps(RESUMED_STEPS)
    held = copy.deepcopy((trained.model.state_dict(), trained.states(), trained.done))
    trained.steps(RESUMED_STEPS)
    resumed = _Training(config, device)
    resumed.put_back(*held)
    resumed.steps(RESUMED_STEPS)
    pairs = zip(trained.model.parameters(), resumed.model.parameters(), strict=True)
    off = max(float((one - other).abs().max().detach()) for one, other in pairs)
    passed = off == 0 if device.type == "cpu" else off < MAX_DIFFERENCE
    told = "the same bits" if off == 0 else f"off by {off:.1e}"
    return CheckLine(f"resumed, {optimizer}", passed, told, {"off": off})


def check_waits(device: torch.device) -> CheckLine:
    """A step puts all of its work into the device's queue, and asks for nothing on the way."""
    name = "no wait for the host within a step"
    if device.type != "cuda":
        return CheckLine(name, None, "a CPU has no queue")
    training = _Training(configure("nano", vocab_size=512), device)
    training.steps(WARM_UP)
    rows = training.rows()
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.learn(rows)
    except RuntimeError as error:
        return CheckLine(name, False, str(error).splitlines()[0])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return CheckLine(name, True, "none")


def measure_speed(device: torch.device, preset: str, steps: int) -> CheckLine:
    """Tokens a second of whole steps of one micro-batch, gradients clipped and weights changed."""
    config = configure(preset, vocab_size=VOCAB_SIZE if device.type == "cuda" else 2048)
    config = dataclasses.replace(config, batch_rows=config.micro_rows)
    training = _Training(config, device)
    if config.compile and device.type == "cuda":
        training.model.hidden = torch.compile(training.model.hidden)  # type: ignore[method-assign]
    training.steps(WARM_UP)
    seconds = _seconds(device, lambda: training.steps(steps))
    speed = steps * config.batch_tokens / seconds
    peak = peak_flops(device, training.model.compute_dtype)
    values = {
        "tokens_per_second": speed,
        "parameters": float(sum(each.numel() for each in training.model.parameters())),
    }
    told = f"{speed:,.0f} tokens/s"
    if peak is not None:
        values["mfu"] = speed * flops_per_token(config.model) / peak
        told += f", {values['mfu']:.1%} of the peak"
    if device.type == "cuda":
        values["peak_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        told += f", {values['peak_gb']:.1f} GB"
    return CheckLine(f"{preset}, {values['parameters'] / 1e6:.0f} M parameters", None, told, values)


class _Training:
    """Steps of the optimizer on made rows, of which each follows from its number."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config, self.device, self.done = config, device, 0
        self.model = GPT(config.model, generator=torch.Generator().manual_seed(config.seed)).to(device)
        self.model.compute_dtype = compute_dtype(config, device)
        self.optimizer: Optimizers = make_optimizer(self.model, config)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.learn(self.rows())

    def rows(self) -> Tensor:
        shape = self.config.model
        return made_rows(self.config.micro_rows, shape.context, shape.vocab_size, self.device, seed=self.done)

    def learn(self, rows: Tensor) -> None:
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


def compared(name: str, one: Tensor, other: Tensor) -> CheckLine:
    off = float((one.float() - other.float()).abs().max().detach())
    return CheckLine(name, off < MAX_DIFFERENCE, f"off by {off:.1e}", {"off": off})


def _seconds(device: torch.device, work: Callable[[], None]) -> float:
    _settle(device)
    start = time.perf_counter()
    work()
    _settle(device)
    return time.perf_counter() - start


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
