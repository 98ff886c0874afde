"""A training: from the tokens of a run folder to a checkpoint and a table of bits per byte.

    RUN/tokens, preset, settings ─▶ Session: new, or of OUT's checkpoint, or of another's ─▶ loop ─▶ TrainResult

A run that is interrupted and resumed gives the weights of one that was not, bit for bit, on a CPU with the same number
of threads: sums of floats depend on how a machine splits them, so another core count, or a GPU, gives nearly the same.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from curate.errors import UsageError
from curate.interrupts import noted
from curate.run_files import checkpoints
from curate.train_min.average import start_average
from curate.train_min.checkpoint import (
    check_fork,
    check_same_run,
    delete_checkpoints,
    latest_checkpoint,
    read_state,
    restore,
)
from curate.train_min.compiled_blocks import compile_blocks
from curate.train_min.config import TrainConfig
from curate.train_min.loader import TokenData, home_of_tokens, open_tokens
from curate.train_min.log import Log, StepReport
from curate.train_min.loop import Session, TrainProgress, read_progress, train_steps
from curate.train_min.model import GPT
from curate.train_min.objective import Objective, next_tokens
from curate.train_min.optim import make_optimizer
from curate.train_min.presets import configure
from curate.train_min.regularize import regularize
from curate.train_min.spread import Spread, processes_here, spread_out

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True, slots=True)
class TrainResult:
    checkpoint: Path
    steps: int
    parameters: int
    scores: tuple[Any, ...]
    """`SourceScore`s; of a tuning on preferences `PairScore`s."""
    unvalidated: tuple[str, ...]
    """Sources that were trained on and have no validation documents."""
    was_complete: bool
    """The folder held the finished run already, and nothing was done."""


def train(
    run: Path,
    *,
    preset: str = "nano",
    out: Path | None = None,
    device: str = "auto",
    steps: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = True,
    fork: Path | None = None,
    threads: int | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TrainResult:
    """Train `preset` on the tokens of `run`, writing to `out` (default: RUN/train/PRESET) alone.

    `steps` defaults to the preset's, or to what the mixture's `max_epochs` allows if that is less; `seed` (of the
    weights and of the draw) to the run's; `settings` replaces single values of the preset by name. SIGINT and SIGTERM
    let the step finish and save it. `resume=False` deletes the training that the folder holds. `fork` is a checkpoint,
    or a training's folder, whose weights, moments and steps a training that has none of its own begins with, whatever
    tokens and settings it had but for the model's shape. `threads` is what torch may use on a CPU; by default every
    core that the process may.

    Under `torchrun` the processes train together: each has a share of every batch, and the first alone reports and
    saves.

    Raises:
        UsageError: no tokens, or an unknown preset, setting or device.
        RunConflict: the folder holds a checkpoint of other tokens or settings.
        Interrupted: by a signal, after saving; the same call goes on from there.
        MachineError: a checkpoint could not be written, or memory does not do.
        CheckFailed: the loss or its gradient was not finite in several steps in a row.
    """
    picked = pick_device(device)
    run = home_of_tokens(run)
    data = open_tokens(run)
    config = _configure(data, preset, steps, seed, settings)
    objective = next_tokens(data, config, picked)
    model = GPT(config.model, generator=torch.Generator().manual_seed(config.seed))
    out = out or run / checkpoints(preset)
    return train_model(
        objective, model, config, out=out, device=picked, resume=resume, fork=fork, threads=threads, report=report
    )


def train_model(
    objective: Objective,
    model: GPT,
    config: TrainConfig,
    *,
    out: Path,
    device: torch.device,
    resume: bool = True,
    fork: Path | None = None,
    threads: int | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TrainResult:
    """Train a model, which is as it begins, towards an objective; raises what `train` does."""
    if device.type == "cpu":
        torch.set_num_threads(threads or max(1, usable_cores() // processes_here()))
        _keep_freed_memory()
    with spread_out(device) as (spread, own_device):
        if spread.is_first:
            out.mkdir(parents=True, exist_ok=True)
            if not resume:
                delete_checkpoints(out)
        spread.wait()
        session = _open_session(config, objective, model, own_device, spread, out=out, fork=fork, report=report)
        complete = session.progress.step == config.steps
        if not complete:
            with noted() as note:
                train_steps(session, note)
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    parameters = sum(weight.numel() for weight in session.model.parameters())
    scores = tuple(objective.score(**score) for score in session.progress.scores)
    return TrainResult(checkpoint, config.steps, parameters, scores, objective.unvalidated, complete)


def pick_device(name: str) -> torch.device:
    """ "auto" is CUDA, then Apple's GPU, then the CPU.

    Raises:
        UsageError: the device is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = name.partition(":")[0]
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if not there.get(kind):
        known = ", ".join(kind for kind in there if there[kind])
        raise UsageError(f'there is no device "{name}" here (there is: auto, {known})')
    return torch.device(name)


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_freed_memory() -> None:
    """Let glibc keep freed blocks of up to 32 MB for the next step, which wants the same ones: giving them back to the
    system and faulting them in again was a quarter of nano's CPU time. Other allocators are left as they are."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


def _configure(
    data: TokenData, preset: str, steps: int | None, seed: int | None, settings: Mapping[str, Any] | None
) -> TrainConfig:
    asked = dict(settings or {})
    asked["seed"] = seed if seed is not None else asked.get("seed", data.record.seed)
    if steps is not None:
        asked["steps"] = steps
    config = configure(preset, vocab_size=data.record.vocabulary.size, settings=asked)
    if "steps" in asked:
        return regularize(config, data.record, asked)
    mixture = data.record.mixture
    most = max(share.epochs for share in mixture.shares)
    # The plan may be gone through again until its most repeated source is at the limit.
    allowed = int(mixture.tokens * max(mixture.max_epochs / most, 1.0)) // config.batch_tokens
    config = dataclasses.replace(config, steps=max(1, min(config.steps, allowed)))
    return regularize(config, data.record, asked)


def _open_session(
    config: TrainConfig,
    objective: Objective,
    model: GPT,
    device: torch.device,
    spread: Spread,
    *,
    out: Path,
    fork: Path | None,
    report: Callable[[StepReport], None] | None,
) -> Session:
    """A new run, or the one that the folder's checkpoint goes on with."""
    sources = objective.source.sources
    model.compute_dtype, model.recompute, model.z_loss = compute_dtype(config, device), config.recompute, config.z_loss
    model.end_of_text = objective.vocabulary.end_of_text
    spread.place(model, device, in_shards=config.shard_weights)
    optimizer = make_optimizer(model, config)
    average = start_average(model, config) if spread.takes_part else None
    count = len(sources)
    progress, forked = TrainProgress(0, [0] * count, [0] * count, [0.0] * count), None
    own = latest_checkpoint(out)
    checkpoint = own or _checkpoint_of(fork)
    if checkpoint is not None:
        state = read_state(checkpoint)
        if own is not None:
            check_same_run(state, config, objective.fingerprint, checkpoint=own, tuning=objective.tuning)
            forked = state.forked
        else:
            changes = check_fork(state, config, objective.fingerprint, checkpoint=checkpoint)
            forked = {"checkpoint": str(checkpoint), "step": state.step, "changes": changes}
        # A fork's end is elsewhere, and so is the begin of its average.
        own_average = average if own is not None else None
        restore(checkpoint, model=model, optimizer=optimizer, average=own_average)
        progress = read_progress(state.progress, sources)
    names = [*dict.fromkeys((*sources, *objective.judged))]
    log = Log(out, step=progress.step, sources=names, measure=objective.measure) if spread.is_first else None
    if config.compile and device.type == "cuda":
        compile_blocks(model, config, apart=spread.in_shards)
    return Session(config, objective, model, optimizer, progress, average, spread, out, log, report, forked)


def _checkpoint_of(fork: Path | None) -> Path | None:
    return None if fork is None else latest_checkpoint(fork) or fork


def compute_dtype(config: TrainConfig, device: torch.device) -> torch.dtype:
    """What blocks compute in on this device; see `TrainConfig.precision`."""
    is_short = config.precision == "bfloat16" or (config.precision == "auto" and multiplies_bfloat16(device))
    return torch.bfloat16 if is_short else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether its units multiply bfloat16 themselves: CUDA from Ampere on, CPUs with AMX or AVX512-BF16. Elsewhere it
    is float32 in disguise, and slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # of torch 2.6 and later
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in names)
