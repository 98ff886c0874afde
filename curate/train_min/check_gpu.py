"""What of the trainer can only be seen on its device: is it right there, how fast, and does nothing wait for the host?

    python -m curate.train_min.check_gpu [--device cuda] [--out check.json]

device ─▶ documents apart, windows, block masks, bfloat16, compiled, graphs, resumed ─▶ PASS or FAIL
       ─▶ attention by both kinds of masks ─▶ milliseconds
       ─▶ steps of 124 M and 350 M parameters ─▶ tokens/s, share of the peak, memory ─▶ JSON

Torch and numpy are all that it needs; tokens are made. It is meant for eight minutes on one H100-class GPU. On a CPU
the same lines come at a small size, but for what only CUDA has.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from curate.train_min.attention import Masks, attend, document_starts, slices_of
from curate.train_min.block_masks import BLOCK, block_mask
from curate.train_min.compiled_blocks import begin_pass, compile_blocks, uses_graphs
from curate.train_min.device_trial import (
    END_OF_TEXT,
    MAX_DIFFERENCE,
    MAX_SHORT_DIFFERENCE,
    SMALL,
    VOCAB_SIZE,
    CheckLine,
    TrialTraining,
    compared,
    document,
    gradients,
    made,
    made_rows,
    seconds_of,
)
from curate.train_min.optim import make_optimizer
from curate.train_min.peak import flops_per_token, peak_flops
from curate.train_min.presets import configure
from curate.train_min.train import pick_device

RESUMED_STEPS = 3
TIMED = {"cuda": {"d12": 20, "d24": 12}, "cpu": {"nano": 4}}
"""Presets and steps by device."""
MODES = ("default", "reduce-overhead", "max-autotune-no-cudagraphs")
"""Of torch.compile: the second makes CUDA graphs."""
WARM_UP = 3


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
    yield check_blocks(device)
    yield check_bfloat16(device)
    for mode in MODES[:2]:
        yield check_compiled(device, mode)
    for optimizer in ("adamw", "muon"):
        yield check_resumed(device, optimizer)
    for is_masked in (False, True):
        yield check_waits(device, is_masked=is_masked)
    yield measure_masks(device)
    for preset, steps in TIMED.get(device.type, TIMED["cpu"]).items():
        yield measure_speed(device, preset, steps)
    if device.type == "cuda":
        for mode in MODES[1:]:
            yield measure_speed(device, "d12", TIMED["cuda"]["d12"], mode)


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


def check_blocks(device: torch.device) -> CheckLine:
    """Documents in a window by FlexAttention, against dense masks: gradients; where it has none, on a CPU, logits."""
    shape = dataclasses.replace(SMALL, context=2 * BLOCK, documents=True, window=BLOCK + 20)
    row = torch.cat([document(length, device) for length in (17, 1, 150, 88)])[None]
    config = configure("nano", vocab_size=SMALL.vocab_size, settings={"compile": True})
    found = []
    for has_blocks in (False, True):
        model = made(shape, device)
        if has_blocks and device.type == "cuda":
            compile_blocks(model, config)
        model.has_block_masks = has_blocks
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a CPU is told that this is slow
            model.requires_grad_(device.type == "cuda")
            loss, nats = model.loss(row, row, scale=1 / row.numel())
        if device.type == "cuda":
            loss.backward()  # type: ignore[no-untyped-call]
        found.append(gradients(model) if device.type == "cuda" else nats)
    return compared("block masks against dense ones", *found)


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


def check_compiled(device: torch.device, mode: str) -> CheckLine:
    """Gradients that two micro-batches add up to, when all is compiled, and graphs are replayed."""
    name = f"compiled against eager, {mode}"
    if device.type != "cuda":
        return CheckLine(name, None, "blocks are compiled on CUDA alone")
    settings = {"compile": True, "compile_mode": mode, "optimizer": "adamw", "precision": "float32"}
    config = configure("nano", vocab_size=SMALL.vocab_size, settings=settings)
    rows = made_rows(8, SMALL.context, SMALL.vocab_size, device)
    found = []
    for is_compiled in (False, True):
        model = made(SMALL, device)
        make_optimizer(model, config)
        if is_compiled:
            compile_blocks(model, config)
        for _ in range(WARM_UP):
            model.zero_grad(set_to_none=not uses_graphs(config))
            for part in rows.chunk(2):
                begin_pass(config)
                loss, _ = model.loss(part[:, :-1], part[:, 1:], scale=1 / rows[:, 1:].numel())
                loss.backward()  # type: ignore[no-untyped-call]
        found.append(gradients(model))
    return compared(name, *found)


def check_resumed(device: torch.device, optimizer: str) -> CheckLine:
    """Weights after some steps, against those of a copy that was put back half-way, as from a checkpoint. On CUDA the
    gradient of the embedding adds up in any order, so there it is nearly the same."""
    config = configure("nano", vocab_size=512, settings={"optimizer": optimizer, "precision": "float32"})
    trained = TrialTraining(config, device)
    trained.steps(RESUMED_STEPS)
    held = copy.deepcopy((trained.model.state_dict(), trained.states(), trained.done))
    trained.steps(RESUMED_STEPS)
    resumed = TrialTraining(config, device)
    resumed.put_back(*held)
    resumed.steps(RESUMED_STEPS)
    pairs = zip(trained.model.parameters(), resumed.model.parameters(), strict=True)
    off = max(float((one - other).abs().max().detach()) for one, other in pairs)
    passed = off == 0 if device.type == "cpu" else off < MAX_DIFFERENCE
    told = "the same bits" if off == 0 else f"off by {off:.1e}"
    return CheckLine(f"resumed, {optimizer}", passed, told, {"off": off})


def check_waits(device: torch.device, *, is_masked: bool) -> CheckLine:
    """A step puts all of its work into the device's queue, and asks for nothing on the way."""
    name = "no wait for the host within a step" + (", compiled, of documents" if is_masked else "")
    if device.type != "cuda":
        return CheckLine(name, None, "a CPU has no queue")
    settings = {"documents": is_masked, "compile": is_masked}
    training = TrialTraining(configure("nano", vocab_size=512, settings=settings), device)
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


def measure_masks(device: torch.device) -> CheckLine:
    """A forward and a backward pass of attention alone, masks made anew: documents of some 256 tokens in long rows."""
    name = "attention to documents, block masks and dense ones"
    if device.type != "cuda":
        return CheckLine(name, None, "block masks are for CUDA")
    rows, heads, length, channels = 16, 6, 2048, 128
    starts = document_starts(made_rows(rows, length - 1, 1 << 16, device), END_OF_TEXT)
    q, k, v = (torch.randn(rows, heads, length, channels, device=device).bfloat16().requires_grad_() for _ in "qkv")
    makers: dict[str, Callable[[], Masks]] = {
        "block": lambda: block_mask(starts, None, length, device),
        "dense": lambda: slices_of(starts, length, None, device, q.dtype),
    }
    values = {kind: 1000 * _pass_seconds((q, k, v), masks) for kind, masks in makers.items()}
    told = ", ".join(f"{kind} {milliseconds:.2f} ms" for kind, milliseconds in values.items())
    return CheckLine(name, None, told, values)


def _pass_seconds(inputs: tuple[Tensor, Tensor, Tensor], masks: Callable[[], Masks]) -> float:
    attended = torch.compile(attend)

    def pass_through(times: int) -> None:
        for _ in range(times):
            attended(*inputs, masks()).sum().backward()  # type: ignore[no-untyped-call]

    pass_through(WARM_UP)
    return seconds_of(inputs[0].device, lambda: pass_through(10)) / 10


def measure_speed(device: torch.device, preset: str, steps: int, mode: str = "default") -> CheckLine:
    """Tokens a second of whole steps of one micro-batch, gradients clipped and weights changed."""
    vocab_size = VOCAB_SIZE if device.type == "cuda" else 2048
    config = configure(preset, vocab_size=vocab_size, settings={"compile_mode": mode})
    config = dataclasses.replace(config, batch_rows=config.micro_rows)
    training = TrialTraining(config, device)
    training.steps(WARM_UP)
    seconds = seconds_of(device, lambda: training.steps(steps))
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
    name = f"{preset}, {values['parameters'] / 1e6:.0f} M parameters" + (f", {mode}" if mode != "default" else "")
    return CheckLine(name, None, told, values)


if __name__ == "__main__":
    main()
