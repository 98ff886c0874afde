"""The ways to tune a model, one row each: what they learn from, and towards what.

Start (a checkpoint, its tokenizer, a template) + RUN │ FILE ─▶ METHODS ─▶ Objective for the loop of train.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from curate.engine.whole import file_digest
from curate.errors import UsageError
from curate.tokenize.encode import Tokenizer
from curate.tokenize.mix import Vocabulary
from curate.train_min.chat_tokens import write_chat_tokens
from curate.train_min.checkpoint import State, load_model
from curate.train_min.config import TrainConfig
from curate.train_min.dialogue import Dialogue
from curate.train_min.left_out import LeftOut
from curate.train_min.loader import TokenData, home_of_tokens, open_tokens
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
from curate.train_min.spread import is_first_process, processes_here

Method = Literal["sft", "reward", "dpo"]


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
class Start:
    """What a tuning starts from, and on what device it goes on."""

    folder: Path
    state: State
    tokenizer: Tokenizer
    dialogue: Dialogue | None
    """None for a run whose template is not known."""
    device: torch.device

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(**self.state.vocabulary)

    @property
    def tokenizer_file(self) -> Path | None:
        path = self.folder / self.vocabulary.tokenizer
        return path if path.is_file() else None


class Aim(NamedTuple):
    """`rows` are those of one epoch, and `left` is what of a file cannot be learned."""

    objective: Objective
    rows: float
    left: LeftOut


@dataclass(frozen=True, slots=True)
class TuningMethod:
    aim: Callable[[Start, Path, TrainConfig, Tuning, Path], Aim]
    """Of a start, data, settings, and the folder of the tuning."""
    rate_share: float
    """Of the learning rate that the checkpoint was trained with."""
    epochs: float
    needs_writer: bool = True
    """Whether it starts from a model that writes: a reward model does not."""


def _answers(start: Start, data: Path, config: TrainConfig, tuning: Tuning, out: Path) -> Aim:
    """To say what the assistant says, of a run or of a file."""
    left, run = LeftOut(), data
    if data.is_file():
        assert start.dialogue is not None, "without a run there is always a template"
        if processes_here() > 1 or not is_first_process():
            raise UsageError(f"{data} is a file, which one process learns from; torchrun spreads a run")
        run = out / "data"
        left = write_chat_tokens(data, run, start.dialogue, start.vocabulary, seed=config.seed)
    tokens = open_tokens(home_of_tokens(run))
    _check_run(tokens, start, data)
    objective = next_tokens(tokens, config, start.device)
    prints = objective.fingerprint if data.is_dir() else {**objective.fingerprint, "file": file_digest(data)}
    objective = replace(objective, tokenizer_file=start.tokenizer_file, vocabulary=start.vocabulary, fingerprint=prints)
    return Aim(objective, tokens.record.mixture.tokens / config.model.context, left)


def _check_run(tokens: TokenData, start: Start, data: Path) -> None:
    ours, theirs = start.vocabulary, tokens.record.vocabulary
    if theirs.fingerprint != ours.fingerprint:
        raise UsageError(
            f"{data} was tokenized by another vocabulary ({theirs.tokenizer}, {theirs.size:,} ids) than that of"
            f" {start.folder} ({ours.tokenizer}, {ours.size:,} ids): run it with the checkpoint's tokenizer"
        )
    if all(array.masks is None for array in tokens.train.values()):
        raise UsageError(f'{data} has no answers to learn: none of its sources reads "conversations"')


def _rewards(start: Start, data: Path, config: TrainConfig, tuning: Tuning, out: Path) -> Aim:
    """To tell better answers from worse ones."""
    return _pairs(start, data, config, tuning, reward_margins)


def _preferences(start: Start, data: Path, config: TrainConfig, tuning: Tuning, out: Path) -> Aim:
    """To say the better ones."""
    if tuning.lora is not None:
        return _pairs(start, data, config, tuning, preference_margins(own_reference, beta=tuning.beta))
    frozen = frozen_reference(load_model(start.folder))
    return _pairs(start, data, config, tuning, preference_margins(frozen, beta=tuning.beta))


def _pairs(start: Start, data: Path, config: TrainConfig, tuning: Tuning, margins: Margins) -> Aim:
    if data.is_dir():
        raise UsageError(f"{data} is a folder; {tuning.method} learns from a file of pairs: prompt, chosen, rejected")
    assert start.dialogue is not None, "without a run there is always a template"
    pairs, left = read_pairs(data)
    encoded = encode_pairs(pairs, start.dialogue, context=config.model.context, left=left)
    left.check(data)
    learned, held = split_pairs(encoded, seed=config.seed)
    name, padding = data.name.partition(".")[0] or "pairs", start.tokenizer.end_of_text
    source = PairSource(
        name, learned, seed=config.seed, context=config.model.context, padding=padding, device=start.device
    )
    objective = Objective(
        source=source,
        row_tokens=sum(len(pair.chosen) + len(pair.rejected) for pair in learned) // len(learned),
        loss=pair_loss(margins, label_smoothing=tuning.label_smoothing),
        evaluate=lambda model, most: score_pairs(
            model, margins, name, held, rows=config.micro_rows, padding=padding, smoothing=tuning.label_smoothing
        ),
        score=PairScore,
        measure="accuracy",
        vocabulary=start.vocabulary,
        tokenizer_file=start.tokenizer_file,
        fingerprint={"file": file_digest(data)},
        documents=lambda positions: tuple(f"pair {place} of those learned" for place in source.places(positions)),
        command=lambda positions: f"their rows stand in {data}",
        judged=(name,) if held else (),
        unvalidated=() if held else (name,),
    )
    return Aim(objective, len(learned), left)


METHODS: Mapping[str, TuningMethod] = {
    "sft": TuningMethod(_answers, rate_share=0.1, epochs=2.0),
    "reward": TuningMethod(_rewards, rate_share=0.1, epochs=1.0, needs_writer=False),
    "dpo": TuningMethod(_preferences, rate_share=0.02, epochs=1.0),
}
