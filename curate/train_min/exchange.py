"""Checkpoints as other libraries load them, and back: the layouts of GPT-2, Llama and Qwen 3.

checkpoint ─▶ layout that its shape has ─▶ names and sides of matrices ─▶ OUT/model.safetensors, config.json, tokenizer
folder with config.json ─▶ ModelConfig, weights ─▶ OUT/checkpoint-00000000

`transformers.AutoModelForCausalLM.from_pretrained(OUT)` has the logits of the checkpoint. Our own shape (ReLU², norms
without weights) has no such layout: train with the preset `gpt2`, `llama` or `qwen3` to give a model away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from curate.errors import CheckFailed, UsageError
from curate.run_files import TOKENIZER
from curate.train_min.checkpoint import State, latest_checkpoint, read_state
from curate.train_min.config import ModelConfig
from curate.train_min.layouts import LAYOUTS, Layout, Weights
from curate.train_min.model import GPT
from curate.train_min.presets import PRESETS

WEIGHTS, CONFIG = "model.safetensors", "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"


def export_model(checkpoint: Path | str, out: Path | str) -> str:
    """Write a checkpoint (a folder, or a training's, whose newest is taken) into a new folder, in the layout that its
    shape has; returns that layout's name.

    Raises:
        UsageError: there is no checkpoint, no layout has its shape, or `out` is there already.
    """
    folder = latest_checkpoint(Path(checkpoint)) or Path(checkpoint)
    state = read_state(folder)
    config, target = ModelConfig(**state.config["model"]), Path(out)
    _check_whole(folder, state)
    layout = layout_of(config)
    _check_new(target)
    target.mkdir()
    given = layout.give(load_file(folder / WEIGHTS), config)
    save_file({name: tensor.contiguous() for name, tensor in given.items()}, target / WEIGHTS, {"format": "pt"})
    ends = {"bos_token_id": state.vocabulary["end_of_text"], "eos_token_id": state.vocabulary["end_of_text"]}
    described = {
        "model_type": layout.name,
        "architectures": [layout.architecture],
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tied,
        "torch_dtype": "float32",
        **ends,
        **layout.describe(config),
    }
    (target / CONFIG).write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _give_tokenizer(folder, target, state.vocabulary)
    return layout.name


def import_model(folder: Path | str, out: Path | str) -> Path:
    """A model in one of the layouts as a checkpoint of ours, below a new folder `out`; returns the checkpoint.

    Raises:
        UsageError: there is no such model, its layout is not known, or `out` is there already.
        CheckFailed: weights are missing, or have another shape than config.json says.
    """
    origin, target = Path(folder), Path(out)
    described = _described(origin)
    known = {layout.name: layout for layout in LAYOUTS}
    kind = described.get("model_type")
    if kind not in known:
        raise UsageError(f'{origin / CONFIG} is of a "{kind}"; layouts that are read: {", ".join(known)}')
    layout = known[kind]
    _check_new(target)
    config = replace(_shaped(layout, described, origin), tied=bool(described.get("tie_word_embeddings", False)))
    weights = _taken(layout, load_file(origin / WEIGHTS), config, origin)
    checkpoint = target / "checkpoint-00000000"
    checkpoint.mkdir(parents=True)
    save_file(weights, checkpoint / WEIGHTS)
    vocabulary = _take_tokenizer(origin, checkpoint, described)
    settings = {**asdict(PRESETS[layout.name]), "model": asdict(config)}
    state = State(step=0, config=settings, vocabulary=vocabulary, fingerprint={}, progress={})
    (checkpoint / "state.json").write_text(json.dumps(asdict(state), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return checkpoint


def layout_of(config: ModelConfig) -> Layout:
    """Raises UsageError where none has this shape, and says what the nearest would need."""
    told = []
    for layout in LAYOUTS:
        wrong = [
            f"{name} {getattr(config, name)} for {value}"
            for name, value in layout.fits.items()
            if getattr(config, name) != value
        ]
        if not wrong:
            return layout
        told.append(f"{layout.name} ({', '.join(wrong)})")
    raise UsageError(f"no other library has this shape: it differs from {'; '.join(told)}")


def _check_whole(folder: Path, state: State) -> None:
    if not (folder / WEIGHTS).is_file():
        raise UsageError(f"{folder} has no {WEIGHTS}; of an adapter curate model merge makes one")
    if state.tuning is not None and state.tuning["method"] == "reward":
        raise UsageError(f"{folder} is a reward model, and no layout has its head")


def _check_new(target: Path) -> None:
    if target.exists():
        raise UsageError(f"{target} is there already; name a new folder")


def _described(origin: Path) -> dict[str, Any]:
    if not (origin / CONFIG).is_file() or not (origin / WEIGHTS).is_file():
        raise UsageError(f"{origin} is no model: it needs {CONFIG} and {WEIGHTS} (in one file)")
    try:
        described: dict[str, Any] = json.loads((origin / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckFailed(f"{origin / CONFIG} cannot be read: {error}") from error
    return described


def _shaped(layout: Layout, described: Mapping[str, Any], origin: Path) -> ModelConfig:
    try:
        return ModelConfig(vocab_size=described["vocab_size"], **{**layout.fits, **layout.shape(described)})
    except KeyError as error:
        raise CheckFailed(f"{origin / CONFIG} does not say {error}") from error


def _taken(layout: Layout, weights: Weights, config: ModelConfig, origin: Path) -> Weights:
    """All weights of the shape and no other, in theirs, float32."""
    try:
        found = layout.take(weights, config)
    except KeyError as error:
        raise CheckFailed(f"{origin / WEIGHTS} has no weight {error}") from error
    with torch.device("meta"):
        wanted = {name: tuple(weight.shape) for name, weight in GPT(config).state_dict().items()}
    for name in sorted(wanted | dict.fromkeys(found, ())):
        shape = tuple(found[name].shape) if name in found else None
        if shape != wanted.get(name):
            raise CheckFailed(
                f"{origin / WEIGHTS}: {name} has the shape {shape}, and {CONFIG} means {wanted.get(name)}"
            )
    return {name: tensor.float().contiguous() for name, tensor in found.items()}


def _give_tokenizer(folder: Path, target: Path, vocabulary: Mapping[str, Any]) -> None:
    """The tokenizer's own file; and which of its tokens ends a text, where others look for it."""
    file = folder / vocabulary["tokenizer"]
    if file.is_file():
        shutil.copyfile(file, target / file.name)
    if file.suffix == ".json" and file.is_file():
        end = vocabulary["end_of_text_token"]
        told = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": end}
        (target / TOKENIZER_CONFIG).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _take_tokenizer(origin: Path, checkpoint: Path, described: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its vocabulary; without a tokenizer.json beside the weights it is that of bytes."""
    from curate.tokenize.described_vocabulary import vocabulary_of
    from curate.tokenize.encode import load_tokenizer

    file = origin / TOKENIZER
    if not file.is_file():
        if described["vocab_size"] != 257:
            raise UsageError(
                f"{origin} has no tokenizer.json, without which its {described['vocab_size']} ids are nothing"
            )
        return asdict(vocabulary_of(load_tokenizer("bytes"), "bytes"))
    tokenizer = load_tokenizer(file)
    shutil.copyfile(file, checkpoint / file.name)
    return {**asdict(vocabulary_of(tokenizer, file.name)), "size": described["vocab_size"]}
