"""The training loop: from the tokens of a run folder to a checkpoint and a table of bits per byte.

    Loader ─▶ micro-batches ─▶ gradients add up ─▶ clip ─▶ optimizer ─▶ every so often: report, evaluate, save
                                       OUT/log.jsonl ◀─┘      └─▶ OUT/checkpoint-NNNNNNNN ─▶ resume

A run that is interrupted and resumed gives the weights of one that was not, bit for bit, on a CPU with the same number
of threads: sums of floats depend on how a machine splits them, so another core count, or a GPU, gives nearly the same.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from curate.errors import CheckFailed, Interrupted, UsageError
from curate.interrupts import Note, noted
from curate.run_files import checkpoints
from curate.train_min.checkpoint import (
    State,
    check_same_run,
    delete_checkpoints,
    latest_checkpoint,
    read_state,
    restore,
    save_checkpoint,
)
from curate.train_min.config import TrainConfig
from curate.train_min.loader import TokenData, open_tokens
from curate.train_min.model import GPT
from curate.train_min.objective import Objective, next_tokens
from curate.train_min.optim import Optimizers, make_optimizer, rate_share
from curate.train_min.presets import configure

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True, slots=True)
class StepReport:
    """One line of log.jsonl. Losses are training losses in nats per token, averaged since the report before."""

    step: int
    steps: int
    loss: float
    losses: Mapping[str, float]
    """By source; a source that was not drawn since is absent."""
    tokens: Mapping[str, int]
    """Trained on so far, by source."""
    learning_rate: float
    tokens_per_second: float
    validation: tuple[Any, ...] | None
    """Present where this step was evaluated: on the first validation tokens, at the last step on more or all."""


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


@dataclass(slots=True)
class TrainProgress:
    """What goes on through a run beside weights and moments."""

    step: int
    seen: list[int]
    """Rows by source."""
    trained: list[int]
    """Tokens that were learned by source since the last report, and their nats."""
    nats: list[float]
    reported: int = 0
    """Tokens of the rows up to the last report."""
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Of the last whole evaluation."""


@dataclass(frozen=True, slots=True)
class _Session:
    """All that the loop works with."""

    config: TrainConfig
    objective: Objective
    model: GPT
    optimizer: Optimizers
    progress: TrainProgress
    out: Path
    report: Callable[[StepReport], None] | None


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
    threads: int | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TrainResult:
    """Train `preset` on the tokens of `run`, writing to `out` (default: RUN/train/PRESET) alone.

    `steps` defaults to the preset's, or to what the mixture's `max_epochs` allows if that is less; `seed` (of the
    weights and of the draw) to the run's; `settings` replaces single values of the preset by name. SIGINT and SIGTERM
    let the step finish and save it. `resume=False` deletes the training that the folder holds. `threads` is what torch
    may use on a CPU; by default every core that the process may.

    Raises:
        UsageError: no tokens, or an unknown preset, setting or device.
        RunConflict: the folder holds a checkpoint of other tokens or settings.
        Interrupted: by a signal, after saving; the same call goes on from there.
        MachineError: a checkpoint could not be written.
        CheckFailed: the loss is not a number any more.
    """
    target = pick_device(device)
    data = open_tokens(run)
    config = _configure(data, preset, steps, seed, settings)
    objective = next_tokens(data, config, target)
    model = GPT(config.model, generator=torch.Generator().manual_seed(config.seed))
    out = out or run / checkpoints(preset)
    return train_model(objective, model, config, out=out, device=target, resume=resume, threads=threads, report=report)


def train_model(
    objective: Objective,
    model: GPT,
    config: TrainConfig,
    *,
    out: Path,
    device: torch.device,
    resume: bool = True,
    threads: int | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TrainResult:
    """Train a model, which is as it begins, towards an objective; raises what `train` does."""
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        delete_checkpoints(out)
    if device.type == "cpu":
        torch.set_num_threads(threads or usable_cores())
        _keep_freed_memory()
    session = _open_session(config, objective, model.to(device), out, report)
    with noted() as note:
        complete = session.progress.step == config.steps
        if not complete:
            _loop(session, note)
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
        return config
    mixture = data.record.mixture
    most = max(share.epochs for share in mixture.shares)
    # The plan may be gone through again until its most repeated source is at the limit.
    allowed = int(mixture.tokens * max(mixture.max_epochs / most, 1.0)) // config.batch_tokens
    return dataclasses.replace(config, steps=max(1, min(config.steps, allowed)))


def _open_session(
    config: TrainConfig,
    objective: Objective,
    model: GPT,
    out: Path,
    report: Callable[[StepReport], None] | None,
) -> _Session:
    """A new run, or the one that the folder's checkpoint goes on with."""
    device = model.embed.weight.device
    model.compute_dtype = _compute_dtype(config, device)
    model.end_of_text = objective.vocabulary.end_of_text
    optimizer = make_optimizer(model, config)
    count = len(objective.source.sources)
    progress = TrainProgress(0, [0] * count, [0] * count, [0.0] * count)
    checkpoint = latest_checkpoint(out)
    if checkpoint is not None:
        state = read_state(checkpoint)
        check_same_run(state, config, objective.fingerprint, checkpoint=checkpoint, tuning=objective.tuning)
        restore(checkpoint, model=model, optimizer=optimizer)
        progress = TrainProgress(**state.progress)
    _cut_log(out / "log.jsonl", progress.step)
    if config.compile and device.type == "cuda":
        model.hidden = torch.compile(model.hidden)  # type: ignore[method-assign]
    return _Session(config, objective, model, optimizer, progress, out, report)


def _compute_dtype(config: TrainConfig, device: torch.device) -> torch.dtype:
    if config.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def _loop(session: _Session, note: Note) -> None:
    config, progress = session.config, session.progress
    clock = time.perf_counter()
    while progress.step < config.steps:
        share = rate_share(progress.step, config)
        _train_step(session, share)
        last = progress.step == config.steps
        if last or progress.step % config.evaluate_every == 0 or progress.step % config.report_every == 0:
            _report(session, config.learning_rate * share, time.perf_counter() - clock)
            clock = time.perf_counter()  # evaluation is no time of training
        if last or progress.step % config.save_every == 0 or note.number:
            _save(session)
        if note.number and not last:
            told = f"training stopped after step {progress.step} of {config.steps}, and is saved"
            raise Interrupted(told, note.number)


def _train_step(session: _Session, share: float) -> None:
    """One step of the optimizer, over one batch in micro-batches."""
    config, model, progress = session.config, session.model, session.progress
    count = len(session.objective.source.sources)
    # On the device, which is asked for it once a step, below.
    nats = torch.zeros(count, dtype=torch.float64, device=model.embed.weight.device)
    drawn = torch.zeros_like(nats, dtype=torch.int64)
    first = progress.step * config.batch_rows
    batch = [
        session.objective.source.rows(first + offset, config.micro_rows)
        for offset in range(0, config.batch_rows, config.micro_rows)
    ]
    trained = np.sum([rows.trained for rows in batch], axis=0)
    # Gradients of micro-batches add up to that of the mean over all that is learned in the batch.
    scale = 1 / max(int(trained.sum()), 1)
    for rows in batch:
        loss, costs = session.objective.loss(model, rows, scale)
        loss.backward()  # type: ignore[no-untyped-call]
        nats.index_add_(0, rows.sources, costs.sum(dim=1, dtype=torch.float64))
        drawn.index_add_(0, rows.sources, torch.ones_like(rows.sources))
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
    session.optimizer.step(share)
    progress.step += 1
    # The one wait for a GPU in a step: all before was only put into its queue.
    for index, (rows_drawn, cost) in enumerate(zip(drawn.tolist(), nats.tolist(), strict=True)):
        progress.seen[index] += rows_drawn
        progress.trained[index] += int(trained[index])
        progress.nats[index] += cost


def _report(session: _Session, rate: float, seconds: float) -> None:
    """Tell of the steps since the last report, and evaluate where it is time."""
    config, progress, sources = session.config, session.progress, session.objective.source.sources
    tokens, row_tokens = progress.trained, session.objective.row_tokens
    loss = sum(progress.nats) / max(sum(tokens), 1)
    if not math.isfinite(loss):
        raise CheckFailed(f"the loss is {loss} at step {progress.step}; a lower learning_rate may help")
    last = progress.step == config.steps
    validation = None
    if last or progress.step % config.evaluate_every == 0:
        limit = config.last_evaluate_tokens if last else config.evaluate_tokens
        validation = session.objective.evaluate(session.model, limit)
        progress.scores = [dataclasses.asdict(score) for score in validation]
    line = StepReport(
        step=progress.step,
        steps=config.steps,
        loss=loss,
        losses={name: n / t for name, n, t in zip(sources, progress.nats, tokens, strict=True) if t},
        tokens={name: rows * row_tokens for name, rows in zip(sources, progress.seen, strict=True)},
        learning_rate=rate,
        tokens_per_second=(sum(progress.seen) * row_tokens - progress.reported) / seconds,
        validation=validation,
    )
    progress.trained, progress.nats = [0] * len(sources), [0.0] * len(sources)
    progress.reported = sum(progress.seen) * row_tokens
    with open(session.out / "log.jsonl", "a", encoding="utf-8") as log:
        log.write(json.dumps(dataclasses.asdict(line)) + "\n")
    if session.report is not None:
        session.report(line)


def _save(session: _Session) -> None:
    state = State(
        step=session.progress.step,
        config=dataclasses.asdict(session.config),
        vocabulary=dataclasses.asdict(session.objective.vocabulary),
        fingerprint=session.objective.fingerprint,
        progress=dataclasses.asdict(session.progress),
        tuning=session.objective.tuning,
    )
    tokenizer = session.objective.tokenizer_file
    save_checkpoint(session.out, state, model=session.model, optimizer=session.optimizer, tokenizer=tokenizer)


def _cut_log(path: Path, step: int) -> None:
    """Drop the lines of steps that the checkpoint does not hold: they will be run again."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    # A line without its end was torn by a crash.
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    if kept != lines:
        part = path.with_name(path.name + ".part")
        part.write_text("".join(kept), encoding="utf-8")
        part.replace(path)
