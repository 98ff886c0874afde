"""Checkpoints: a folder each, complete or absent, bound to the run and the settings that made it.

    OUT/checkpoint-00000300/  model.safetensors  optimizer.safetensors  state.json  tokenizer.json

A save writes to a folder `….part`, syncs it, renames it, and only then deletes the one before: a process killed at any
moment leaves one that loads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from curate.errors import CheckFailed, MachineError, RunConflict, UsageError
from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.model import GPT
from curate.train_min.optim import Optimizers

NAME = re.compile(r"checkpoint-(\d{8})")
HARMLESS = ("micro_rows", "report_every", "evaluate_every", "evaluate_tokens", "save_every")
"""Settings that a resumed run may change: they decide what is seen of the training, not what is learned."""


@dataclass(frozen=True, slots=True)
class State:
    """state.json: what stands beside the weights."""

    step: int
    """Steps done."""
    config: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    fingerprint: Mapping[str, str]
    progress: Mapping[str, Any]


def latest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the most steps in a training folder."""
    found = [path for path in folder.glob("checkpoint-*") if NAME.fullmatch(path.name)]
    return max(found, default=None)


def save_checkpoint(folder: Path, state: State, *, model: GPT, optimizer: Optimizers, tokenizer: Path | None) -> Path:
    """Save and return the new checkpoint; older ones are deleted after it is complete.

    Raises:
        MachineError: it could not be written; the one before is still there.
    """
    final = folder / f"checkpoint-{state.step:08d}"
    part = final.with_name(final.name + ".part")
    try:
        delete_checkpoints(folder, "checkpoint-*.part")
        part.mkdir()
        save_file(_on_cpu(model.state_dict()), part / "model.safetensors")
        save_file(_on_cpu(_optimizer_tensors(model, optimizer)), part / "optimizer.safetensors")
        (part / "state.json").write_text(json.dumps(asdict(state), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, part / tokenizer.name)
        for path in (*part.iterdir(), part):
            _sync(path)
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
        _sync(folder)
        delete_checkpoints(folder, "checkpoint-*", keep=final)
    except OSError as error:
        raise MachineError(f"the checkpoint of step {state.step} could not be saved in {folder}: {error}") from error
    return final


def delete_checkpoints(folder: Path, pattern: str = "checkpoint-*", *, keep: Path | None = None) -> None:
    for path in folder.glob(pattern):
        if path != keep:
            shutil.rmtree(path)


def read_state(checkpoint: Path) -> State:
    """
    Raises:
        UsageError: the folder is no checkpoint.
        CheckFailed: its state cannot be read.
    """
    path = checkpoint / "state.json"
    if not path.is_file():
        raise UsageError(f"{checkpoint} is no checkpoint: it has no state.json")
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise CheckFailed(f"{path} cannot be read: {error}") from error


def load_model(checkpoint: Path) -> GPT:
    """The model alone, on the CPU."""
    state = read_state(checkpoint)
    model = GPT(ModelConfig(**state.config["model"]))
    model.end_of_text = state.vocabulary["end_of_text"]
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return model


def restore(checkpoint: Path, *, model: GPT, optimizer: Optimizers) -> None:
    """Put the saved weights and moments into a model and an optimizer of the same shape, on their device."""
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    saved = load_file(checkpoint / "optimizer.safetensors")
    for name, weight in model.named_parameters():
        kinds = [key.partition("/")[0] for key in saved if key.partition("/")[2] == name]
        if kinds:
            optimizer.set_state(weight, {kind: saved[f"{kind}/{name}"].to(weight.device) for kind in kinds})


def check_same_run(state: State, config: TrainConfig, fingerprint: Mapping[str, str], *, checkpoint: Path) -> None:
    """
    Raises:
        RunConflict: the checkpoint is of other tokens or settings; says which, with both values.
    """
    saved, wanted = _flat(state.config), _flat(json.loads(json.dumps(asdict(config))))
    settings = [name for name in sorted(saved | wanted) if name not in HARMLESS and saved.get(name) != wanted.get(name)]
    differences = [f"{name} was {saved.get(name)} and is {wanted.get(name)}" for name in settings]
    parts = [part for part in sorted(fingerprint) if state.fingerprint.get(part) != fingerprint[part]]
    differences += [f"the {part} of the run changed" for part in parts]
    if differences:
        raise RunConflict(
            f"{checkpoint} was made by another run: {'; '.join(differences)} (give another folder, or do not resume)"
        )


def _optimizer_tensors(model: GPT, optimizer: Optimizers) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {weight: name for name, weight in model.named_parameters()}
    return {f"{kind}/{names[weight]}": value for weight, kinds in optimizer.states() for kind, value in kinds.items()}


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in config.items() if name != "model"}, **config["model"]}


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
