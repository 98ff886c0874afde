"""One arm, one seed: a model trained on its tokens, and what each held-out passage costs it.

tokens of a run, a seed ─▶ n-grams, or a GPT in a folder of its own ─▶ nats of each passage ─▶ ARM/seed-N/held_out.json

Whatever is done stays: a training goes on from its checkpoint, and the nats of one that is finished are read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curate.ablation.arms import Arm
from curate.ablation.baselines import drawn_rows
from curate.ablation.held_out import HeldOutPassages
from curate.ablation.ngrams import train_ngrams
from curate.errors import UsageError, nearest

if TYPE_CHECKING:
    from curate.train_min.log import StepReport

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NGRAMS = "ngram"
BYTE_ORDER, TOKEN_ORDER = 7, 4
"""Of the n-grams of bytes, and of those of a tokenizer's tokens."""
FEW_IDS = 300
MAX_NGRAM_TOKENS = 1 << 22
SCORES = "held_out.json"


@dataclass(frozen=True, slots=True)
class ArmTrial:
    """What is trained: one arm under one seed, on so many tokens."""

    arm: Arm
    seed: int
    tokens: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Tier:
    """What is trained on each arm: n-grams, or a preset of the trainer with single settings replaced."""

    name: str
    settings: Mapping[str, Any]
    device: str = "auto"
    threads: int | None = None

    @property
    def is_ngram(self) -> bool:
        return self.name == NGRAMS


def check_tier(tier: Tier) -> None:
    """
    Raises:
        UsageError: there is no such tier, or a setting that it does not have or that is decided elsewhere.
    """
    if tier.is_ngram:
        if set(tier.settings) - {"order"}:
            raise UsageError(f'the tier "{NGRAMS}" has the one setting "order"; found {", ".join(tier.settings)}')
        return
    from curate.train_min.presets import PRESETS, configure

    if tier.name not in PRESETS:
        raise UsageError(f'there is no tier "{tier.name}"{nearest(tier.name, [NGRAMS, *PRESETS])}')
    for name, instead in {"steps": "tokens", "seed": "seed"}.items():
        if name in tier.settings:
            raise UsageError(f'"{name}" is no setting of a comparison, whose arms share it: give --{instead}')
    configure(tier.name, vocab_size=257, settings=tier.settings)


def default_tokens(tier: Tier, arms: Sequence[Arm]) -> int:
    """Those of the preset; for n-grams half of the smallest arm, so that seeds draw other halves."""
    if not tier.is_ngram:
        config = _config(tier, arms[0])
        tokens: int = config.steps * config.batch_tokens
        return tokens
    return min(MAX_NGRAM_TOKENS, min(arm.held_tokens for arm in arms) // 2)


def judge(
    trial: ArmTrial, tier: Tier, held_out: HeldOutPassages, report: Callable[[StepReport], None] | None = None
) -> Floats:
    """What each passage costs the model of a trial, in nats, float64[passages]; the model is trained where it is not.

    Raises:
        RunConflict, Interrupted, CheckFailed, MachineError: as in `curate.train`.
    """
    key = _key(trial, tier, held_out)
    known = _read(trial.folder / SCORES, key)
    if known is not None:
        return known
    passages = _encode(trial.arm, held_out.rows["text"].to_list())
    trial.folder.mkdir(parents=True, exist_ok=True)
    nats = _by_ngrams(trial, tier, passages) if tier.is_ngram else _by_gpt(trial, tier, passages, report)
    part = trial.folder / f"{SCORES}.part"
    part.write_text(json.dumps({"key": key, "nats": nats.tolist()}) + "\n", encoding="utf-8")
    part.replace(trial.folder / SCORES)
    return nats


def _encode(arm: Arm, texts: list[str]) -> list[Ints]:
    ids, bounds = arm.tokenizer.encode_texts(texts)
    return [ids[first:last].astype(np.int64) for first, last in pairwise(bounds.tolist())]


def _by_ngrams(trial: ArmTrial, tier: Tier, passages: Sequence[Ints]) -> Floats:
    vocabulary = trial.arm.data.record.vocabulary
    order = tier.settings.get("order", BYTE_ORDER if vocabulary.size <= FEW_IDS else TOKEN_ORDER)
    rows = drawn_rows(trial.arm.data, tokens=trial.tokens, seed=trial.seed)
    model = train_ngrams(rows, order=order, vocab_size=vocabulary.size)
    return np.array([model.token_nats(tokens, vocabulary.end_of_text).sum() for tokens in passages])


def _by_gpt(
    trial: ArmTrial, tier: Tier, passages: Sequence[Ints], report: Callable[[StepReport], None] | None
) -> Floats:
    from curate.train_min.checkpoint import load_model
    from curate.train_min.sequences import document_sequence, sequence_nats
    from curate.train_min.train import pick_device, train

    steps = max(round(trial.tokens / _config(tier, trial.arm).batch_tokens), 1)
    # The passages are what is looked at, so of the trainer's own evaluation there is as little as can be.
    quiet = {"evaluate_every": steps, "last_evaluate_tokens": 1, "evaluate_tokens": 1}
    result = train(
        trial.arm.data.run,
        preset=tier.name,
        out=trial.folder,
        device=tier.device,
        steps=steps,
        seed=trial.seed,
        settings={**quiet, **tier.settings},
        threads=tier.threads,
        report=report,
    )
    model = load_model(result.checkpoint).to(pick_device(tier.device))
    end = trial.arm.data.record.vocabulary.end_of_text
    return sequence_nats(model, [document_sequence(tokens, end) for tokens in passages])


def _config(tier: Tier, arm: Arm) -> Any:
    from curate.train_min.presets import configure

    return configure(tier.name, vocab_size=arm.data.record.vocabulary.size, settings=tier.settings)


def _key(trial: ArmTrial, tier: Tier, held_out: HeldOutPassages) -> str:
    """Of all that decides the nats, besides this program."""
    said = [trial.arm.data.fingerprint(), trial.seed, trial.tokens, tier.name, dict(tier.settings), held_out.digest]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _read(path: Path, key: str) -> Floats | None:
    """None where there are none, or those of another trial."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        return np.array(saved["nats"], dtype=np.float64) if saved["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
