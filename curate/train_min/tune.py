"""Tuning: a checkpoint goes on learning, on the loop of `train`, from answers, or from pairs of which one is better.

CHECKPOINT ─▶ weights (─▶ LoRA beside them, score) ───────────────┐
RUN │ conversations.jsonl ─▶ rows with masks   ─▶ answers         ├▶ train_model ─▶ OUT/checkpoint-NNNNNNNN
pairs.jsonl ─▶ rows of chosen and rejected     ─▶ reward │ dpo ───┘
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from curate.errors import UsageError
from curate.run_files import MIXTURE, RECIPE
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.mix import Vocabulary
from curate.tokenize.templates import TEMPLATES, Template, open_template, run_template
from curate.train_min.chat_tokens import write_chat_tokens
from curate.train_min.checkpoint import ADAPTER, State, latest_checkpoint, load_model, read_state, weights_digest
from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.dialogue import Dialogue, bind_template, template_of, template_record
from curate.train_min.left_out import LeftOut
from curate.train_min.loader import TokenData, open_tokens
from curate.train_min.lora import Lora, add_parts, check_lora
from curate.train_min.model import GPT
from curate.train_min.objective import Objective, next_tokens
from curate.train_min.pair_losses import (
    frozen_reference,
    own_reference,
    pair_loss,
    preference_margins,
    reward_margins,
)
from curate.train_min.pairs import Margins, PairScore, PairSource, encode_pairs, score_pairs, split_pairs
from curate.train_min.preferences import read_pairs
from curate.train_min.presets import change_settings
from curate.train_min.train import StepReport, TrainResult, pick_device, train_model

Method = Literal["sft", "reward", "dpo"]
RATE_SHARES: Mapping[str, float] = {"sft": 0.1, "reward": 0.1, "dpo": 0.02}
"""Of the learning rate that the checkpoint was trained with; with LoRA ten times that, as its matrices begin at 0."""
EPOCHS: Mapping[str, float] = {"sft": 2.0, "reward": 1.0, "dpo": 1.0}
MAX_BATCH_ROWS = 32


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a checkpoint keeps of how it was tuned: state.json's "tuning"."""

    method: Method
    base: str
    """The checkpoint that it started from."""
    template: Mapping[str, Any] | None
    """How conversations are written (`dialogue.template_of`)."""
    lora: Mapping[str, Any] | None
    beta: float
    """Of DPO: how much a policy that leaves its reference costs."""
    label_smoothing: float
    """The share of pairs that are taken to be labeled the wrong way round."""


@dataclass(frozen=True, slots=True)
class TuneResult:
    training: TrainResult
    left_out: LeftOut
    """What of a file could not be learned."""


@dataclass(frozen=True, slots=True)
class _Start:
    """What a tuning starts from."""

    folder: Path
    state: State
    tokenizer: Tokenizer
    dialogue: Dialogue | None
    """None for a run whose template is not known."""

    @property
    def tokenizer_file(self) -> Path | None:
        path = self.folder / str(self.state.vocabulary["tokenizer"])
        return path if path.is_file() else None


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
    _check(method, lora, beta, label_smoothing)
    target = pick_device(device)
    start = _open_start(checkpoint, data, template)
    tuning = Tuning(
        method,
        str(start.folder.resolve()),
        None if start.dialogue is None else template_record(start.dialogue.template),
        None if lora is None else asdict(lora),
        beta,
        label_smoothing,
    )
    config = _config(start.state, method, lora, seed, settings)
    model = _shaped(load_model(start.folder), config.model)
    kept = asdict(tuning)
    add_parts(model, kept, seed=seed)
    make = _answers if method == "sft" else _pairs
    objective, rows, left = make(start, data, config, tuning, target, out)
    wanted = EPOCHS[method] if epochs is None else epochs
    count = steps or max(1, math.ceil(wanted * rows / config.batch_rows))
    config = dataclasses.replace(config, steps=count)
    prints = {**objective.fingerprint, "base": weights_digest(start.folder)}
    objective = dataclasses.replace(objective, fingerprint=prints, tuning=kept)
    result = train_model(
        objective, model, config, out=out, device=target, resume=resume, threads=threads, report=report
    )
    return TuneResult(result, left)


def _check(method: str, lora: Lora | None, beta: float, label_smoothing: float) -> None:
    if method not in RATE_SHARES:
        raise UsageError(f'there is no method "{method}"; there are {", ".join(RATE_SHARES)}')
    if lora is not None:
        check_lora(lora)
        if not lora.rank and method != "reward":
            raise UsageError("LoRA of rank 0 learns nothing; give a rank of at least 1")
    if not beta > 0:
        raise UsageError(f"beta is {beta}; it must be over 0")
    if not 0 <= label_smoothing < 0.5:
        raise UsageError(f"label_smoothing is {label_smoothing}; it is a share under 0.5")


def _open_start(checkpoint: Path, data: Path, template: str | None) -> _Start:
    folder = latest_checkpoint(checkpoint) or checkpoint
    state = read_state(folder)
    if (folder / ADAPTER).is_file():
        raise UsageError(f"{folder} is an adapter beside another checkpoint; merge them first: curate model merge")
    if not data.exists():
        raise UsageError(f"there is no {data}: give a run's folder, or a file")
    chosen = _template(template, state, data)
    name, end = str(state.vocabulary["tokenizer"]), state.vocabulary.get("end_of_text_token")
    marks = chosen.control if chosen is not None else ()
    tokenizer = load_tokenizer(name if name == "bytes" else folder / name, end_of_text=end, control=marks)
    return _Start(folder, state, tokenizer, None if chosen is None else bind_template(chosen, tokenizer))


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
    if not (run / RECIPE).is_file():
        return None
    from curate.recipe_file import load

    return run_template(load(run / RECIPE))


def _config(state: State, method: str, lora: Lora | None, seed: int, settings: Mapping[str, Any] | None) -> TrainConfig:
    """The settings of the checkpoint's training, but for those that a tuning has of its own."""
    names = {field.name for field in dataclasses.fields(TrainConfig)} - {"model"}
    saved = {name: value for name, value in state.config.items() if name in names}
    trained = TrainConfig(model=ModelConfig(**state.config["model"]), **saved)
    rows = min(trained.batch_rows, MAX_BATCH_ROWS)
    own = TrainConfig(
        preset=method,
        model=trained.model,
        steps=1,
        batch_rows=rows,
        micro_rows=math.gcd(rows, trained.micro_rows),
        learning_rate=trained.learning_rate * RATE_SHARES[method] * (10 if lora is not None else 1),
        precision=trained.precision,
        weight_decay=0.0,
        warmup=0.1,
        cooldown=0.9,
    )
    config = change_settings(own, {"seed": seed, **(settings or {})})
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
    if model.score is not None:
        shaped.score = model.score
    shaped.load_state_dict(model.state_dict())
    return shaped


def _answers(
    start: _Start, data: Path, config: TrainConfig, tuning: Tuning, device: torch.device, out: Path
) -> tuple[Objective, float, LeftOut]:
    """To say what the assistant says, of a run or of a file, and how many rows an epoch has."""
    if start.state.tuning is not None and start.state.tuning["method"] == "reward":
        raise UsageError(f"{start.folder} is a reward model; tune the checkpoint that it was made of")
    left, run = LeftOut(), data
    if data.is_file():
        assert start.dialogue is not None, "without a run there is always a template"
        run = out / "data"
        vocabulary = Vocabulary(**start.state.vocabulary)
        left = write_chat_tokens(data, run, start.dialogue, vocabulary, seed=config.seed)
    elif not (data / MIXTURE).is_file():
        raise UsageError(f"{data} holds no tokens: there is no {data / MIXTURE}; let curate run finish there first")
    tokens = open_tokens(run)
    _check_run(tokens, start, data)
    objective = next_tokens(tokens, config, device)
    prints = objective.fingerprint if data.is_dir() else {**objective.fingerprint, **_file_print(data)}
    objective = dataclasses.replace(
        objective, tokenizer_file=start.tokenizer_file, vocabulary=_vocabulary(start), fingerprint=prints
    )
    return objective, tokens.record.mixture.tokens / config.model.context, left


def _check_run(tokens: TokenData, start: _Start, data: Path) -> None:
    ours, theirs = start.state.vocabulary, tokens.record.vocabulary
    if theirs.fingerprint != ours["fingerprint"]:
        raise UsageError(
            f"{data} was tokenized by another vocabulary ({theirs.tokenizer}, {theirs.size:,} ids) than that of"
            f" {start.folder} ({ours['tokenizer']}, {ours['size']:,} ids): run it with the checkpoint's tokenizer"
        )
    if all(array.masks is None for array in tokens.train.values()):
        raise UsageError(f'{data} has no answers to learn: none of its sources reads "conversations"')


def _pairs(
    start: _Start, data: Path, config: TrainConfig, tuning: Tuning, device: torch.device, out: Path
) -> tuple[Objective, float, LeftOut]:
    """To tell better answers from worse ones, or to say the better ones, and how many pairs there are to learn."""
    if data.is_dir():
        raise UsageError(f"{data} is a folder; {tuning.method} learns from a file of pairs: prompt, chosen, rejected")
    assert start.dialogue is not None, "without a run there is always a template"
    if tuning.method == "dpo" and start.state.tuning is not None and start.state.tuning["method"] == "reward":
        raise UsageError(f"{start.folder} is a reward model; tune the checkpoint that it was made of")
    pairs, left = read_pairs(data)
    encoded = encode_pairs(pairs, start.dialogue, context=config.model.context, left=left)
    left.check(data)
    learned, held = split_pairs(encoded, seed=config.seed)
    name, padding = data.name.partition(".")[0] or "pairs", start.tokenizer.end_of_text
    margins: Margins = reward_margins
    if tuning.method == "dpo":
        reference = own_reference if tuning.lora is not None else frozen_reference(load_model(start.folder).to(device))
        margins = preference_margins(reference, beta=tuning.beta)
    objective = Objective(
        source=PairSource(name, learned, seed=config.seed, padding=padding, device=device),
        row_tokens=sum(len(pair.chosen) + len(pair.rejected) for pair in learned) // max(len(learned), 1),
        loss=pair_loss(margins, label_smoothing=tuning.label_smoothing),
        evaluate=lambda model, most: score_pairs(
            model, margins, name, held, rows=config.micro_rows, padding=padding, smoothing=tuning.label_smoothing
        ),
        score=PairScore,
        vocabulary=_vocabulary(start),
        tokenizer_file=start.tokenizer_file,
        fingerprint=_file_print(data),
        unvalidated=() if held else (name,),
    )
    return objective, len(learned), left


def _file_print(path: Path) -> dict[str, str]:
    with open(path, "rb") as file:
        return {"file": hashlib.file_digest(file, "sha256").hexdigest()}


def _vocabulary(start: _Start) -> Vocabulary:
    return Vocabulary(**start.state.vocabulary)
