"""Tuning: a checkpoint goes on learning, on the loop of `train`, from answers, or from pairs of which one is better.

CHECKPOINT ─▶ weights (─▶ LoRA beside them, score) ──────────────────────────┐
RUN │ conversations.jsonl ─▶ rows with masks ─▶ sft                         ─┼▶ train_model ─▶ OUT/checkpoint-…
pairs.jsonl ─▶ rows of chosen and rejected ─▶ reward │ dpo (tuning_methods) ─┘
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from curate.errors import UsageError, nearest
from curate.run_files import PLAN
from curate.tokenize.templates import TEMPLATES, Template, open_template, run_template
from curate.train_min.checkpoint import ADAPTER, State, latest_checkpoint, load_model, read_state, weights_digest
from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.dialogue import bind_template, template_of, template_record
from curate.train_min.generate import open_tokenizer
from curate.train_min.left_out import LeftOut
from curate.train_min.log import StepReport
from curate.train_min.lora import Lora, add_parts, check_lora
from curate.train_min.model import GPT
from curate.train_min.presets import change_settings
from curate.train_min.train import TrainResult, pick_device, train_model
from curate.train_min.tuning_methods import METHODS, Method, Start, Tuning

LORA_RATE = 10.0
"""How much faster low-rank matrices learn than what they stand beside: they begin at 0."""
MAX_BATCH_ROWS = 32


@dataclass(frozen=True, slots=True)
class TuneResult:
    training: TrainResult
    left_out: LeftOut
    """What of a file could not be learned."""


def tune(
    checkpoint: Path,
    data: Path,
    *,
    out: Path,
    method: Method = "sft",
    lora: Lora | None = None,
    template: str | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    seed: int = 17,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    resume: bool = True,
    threads: int | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TuneResult:
    """Tune a checkpoint (a folder, or a training's, whose newest is taken) on `data`, writing to `out` alone.

    "sft" learns the answers of conversations: of a run that has some, or of a file; "reward" and "dpo" learn from a
    file of pairs. `lora` trains low-rank matrices alone. `template` is by default the one that the run, or the
    checkpoint, has, else "chatml". Resumes as `train` does.

    Raises:
        UsageError: no checkpoint, data of another kind or vocabulary, or settings that cannot be.
        RunConflict, Interrupted, MachineError, CheckFailed: as `train`.
    """
    _check(method, lora, epochs, beta, label_smoothing)
    target = pick_device(device)
    start = _open_start(checkpoint, data, method, template, target)
    spoken = None if start.dialogue is None else template_record(start.dialogue.template)
    adapter = None if lora is None else asdict(lora)
    tuning = Tuning(method, str(start.folder.resolve()), spoken, adapter, beta, label_smoothing)
    config = _config(start.state, method, lora, seed, settings)
    model = _shaped(load_model(start.folder), config.model)
    add_parts(model, asdict(tuning), seed=seed)
    objective, rows, left = METHODS[method].aim(start, data, config, tuning, out)
    wanted = METHODS[method].epochs if epochs is None else epochs
    config = dataclasses.replace(config, steps=steps or max(1, math.ceil(wanted * rows / config.batch_rows)))
    prints = {**objective.fingerprint, "base": weights_digest(start.folder)}
    objective = dataclasses.replace(objective, fingerprint=prints, tuning=asdict(tuning))
    result = train_model(
        objective, model, config, out=out, device=target, resume=resume, threads=threads, report=report
    )
    return TuneResult(result, left)


def _check(method: str, lora: Lora | None, epochs: float | None, beta: float, label_smoothing: float) -> None:
    if method not in METHODS:
        raise UsageError(f'there is no method "{method}"{nearest(method, METHODS)}; there are {", ".join(METHODS)}')
    if lora is not None:
        check_lora(lora)
        if not lora.rank and method != "reward":
            raise UsageError("LoRA of rank 0 learns nothing; give a rank of at least 1")
    if epochs is not None and not 0 < epochs < math.inf:
        raise UsageError(f"epochs is {epochs}; it must be over 0")
    if not 0 < beta < math.inf:
        raise UsageError(f"beta is {beta}; it must be over 0")
    if not 0 <= label_smoothing < 0.5:
        raise UsageError(f"label_smoothing is {label_smoothing}; it is a share under 0.5")


def _open_start(checkpoint: Path, data: Path, method: Method, template: str | None, device: torch.device) -> Start:
    folder = latest_checkpoint(checkpoint) or checkpoint
    state = read_state(folder)
    if (folder / ADAPTER).is_file():
        raise UsageError(f"{folder} is an adapter beside another checkpoint; merge them first: curate model merge")
    if METHODS[method].needs_writer and state.tuning is not None and state.tuning["method"] == "reward":
        raise UsageError(f"{folder} is a reward model; tune the checkpoint that it was made of")
    if not data.exists():
        raise UsageError(f"there is no {data}: give a run's folder, or a file")
    chosen = _template(template, state, data)
    tokenizer = open_tokenizer(folder, state.vocabulary, chosen.control if chosen is not None else ())
    return Start(folder, state, tokenizer, None if chosen is None else bind_template(chosen, tokenizer), device)


def _template(name: str | None, state: State, data: Path) -> Template | None:
    if name is not None:
        return open_template(name, Path.cwd())
    if data.is_dir():
        return _template_of_run(data)
    if state.tuning is not None and state.tuning["template"] is not None:
        return template_of(state.tuning["template"])
    return TEMPLATES["chatml"]


def _template_of_run(run: Path) -> Template | None:
    """None where it has no conversations, or is a copy of its tokens alone."""
    if not (run / PLAN).is_file():
        return None
    from curate.run_folder import RunFolder

    return run_template(RunFolder(run).recipe)


def _config(
    state: State, method: Method, lora: Lora | None, seed: int, settings: Mapping[str, Any] | None
) -> TrainConfig:
    """The settings of the checkpoint's training, but for those that a tuning has of its own."""
    saved = {name: value for name, value in state.config.items() if name != "model"}
    trained = TrainConfig(model=ModelConfig(**state.config["model"]), **saved)
    rows = min(trained.batch_rows, MAX_BATCH_ROWS)
    own = TrainConfig(
        preset=method,
        model=trained.model,
        steps=1,
        batch_rows=rows,
        micro_rows=math.gcd(rows, trained.micro_rows),
        learning_rate=trained.learning_rate * METHODS[method].rate_share * (LORA_RATE if lora is not None else 1.0),
        precision=trained.precision,
        weight_decay=0.0,
        warmup=0.1,
        cooldown=0.9,
    )
    config = change_settings(own, {"seed": seed, **(settings or {})})
    if config.regularize != "none":
        raise UsageError('regularize is for trainings on the tokens of a run: set "dropout" and "weight_decay" here')
    if method != "sft" and config.shard_weights:
        raise UsageError(f"{method} needs the weights whole on every process: set shard_weights=false")
    if lora is not None and config.optimizer != "adamw":
        raise UsageError(f'LoRA trains with adamw, not with {config.optimizer}: leave "optimizer" out')
    return config


def _shaped(model: GPT, config: ModelConfig) -> GPT:
    """The same weights under settings that leave their shapes as they are."""
    if config == model.config:
        return model
    with torch.device("meta"):
        wanted = {name: weight.shape for name, weight in GPT(config).state_dict().items()}
    found = {name: weight.shape for name, weight in model.state_dict().items() if not name.startswith("score.")}
    if wanted != found:
        changed = [name for name, value in asdict(config).items() if value != asdict(model.config)[name]]
        raise UsageError(f"a checkpoint keeps its shape, and {' and '.join(changed)} would give it another one")
    shaped = GPT(config)
    shaped.score = model.score
    shaped.load_state_dict(model.state_dict())
    return shaped
