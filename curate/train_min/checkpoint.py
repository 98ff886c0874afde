"""Checkpoints: a folder each, complete or absent, bound to the run and the settings that made it.

    OUT/checkpoint-00000300/  model.safetensors  optimizer.safetensors  state.json  tokenizer.json
                              (adapter.safetensors where only low-rank weights are trained: lora.py)
                              (average.safetensors of weights that are averaged; at the end they are the model's, and
                              the last ones stand in last.safetensors: average.py)

A save writes to a folder `….part`, syncs it, renames it, and only then deletes the one before: a process killed at any
moment leaves one that loads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from curate.engine.whole import file_digest
from curate.errors import CheckFailed, MachineError, RunConflict, UsageError
from curate.train_min.average import Average
from curate.train_min.config import ModelConfig, TrainConfig
from curate.train_min.lora import add_parts, trained_weights
from curate.train_min.model import GPT
from curate.train_min.optim import Optimizers
from curate.train_min.weight_shards import part_of, whole

WEIGHTS, ADAPTER = "model.safetensors", "adapter.safetensors"
"""All weights; or those alone that were trained beside those of another checkpoint."""
AVERAGE, LAST = "average.safetensors", "last.safetensors"
"""The average of a training that goes on; and, where the model has it at the end, the weights to go on from."""
NAME = re.compile(r"checkpoint-(\d{8})")
HARMLESS = (
    "micro_rows", "report_every", "evaluate_every", "evaluate_tokens", "save_every", "recompute", "shard_weights",
    "base",
)  # fmt: skip
"""Settings that a resumed run may change: they decide what is seen of the training, not what is learned; of the folder
that a tuning started from, the weights are compared."""


@dataclass(frozen=True, slots=True)
class State:
    """state.json: what stands beside the weights."""

    step: int
    """Steps done."""
    config: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    fingerprint: Mapping[str, str]
    progress: Mapping[str, Any]
    tuning: Mapping[str, Any] | None = None
    """How it was tuned (`tune.Tuning`), if it was."""
    forked: Mapping[str, Any] | None = None
    """Of a training that began from another one's checkpoint: which, after how many steps, and what differs."""


def latest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the most steps in a training folder."""
    found = [path for path in folder.glob("checkpoint-*") if NAME.fullmatch(path.name)]
    return max(found, default=None)


def gather_tensors(
    model: GPT, optimizer: Optimizers, average: Average | None = None, *, keep: bool = True
) -> dict[str, dict[str, Tensor]]:
    """What a checkpoint keeps, on the CPU, by file and name. Where weights lie in shards all ranks gather them
    together, and those that do not `keep` them get none."""
    weights = trained_weights(model)
    files = {WEIGHTS if len(weights) == len(model.state_dict()) else ADAPTER: weights}
    files["optimizer.safetensors"] = _optimizer_tensors(model, optimizer)
    if average is not None and average.held:
        files[LAST if average.is_swapped else AVERAGE] = average.held
    return {file: _on_cpu(tensors, keep=keep) for file, tensors in files.items()}


def save_checkpoint(
    folder: Path, state: State, tensors: Mapping[str, dict[str, Tensor]], *, tokenizer: Path | None
) -> Path:
    """Save `gather_tensors` and return the new checkpoint; older ones are deleted after it is complete.

    Raises:
        MachineError: it could not be written; the one before is still there.
    """
    final = folder / f"checkpoint-{state.step:08d}"
    part = final.with_name(final.name + ".part")
    try:
        delete_checkpoints(folder, "checkpoint-*.part")
        part.mkdir()
        for file, held in tensors.items():
            save_file(held, part / file)
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
        run = next((parent.parent for parent in checkpoint.parents if parent.name == "train"), None)
        hint = f"; curate train {run} makes one" if run is not None and not checkpoint.exists() else ""
        raise UsageError(f"{checkpoint} is no checkpoint: it has no state.json{hint}")
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise CheckFailed(f"{path} cannot be read: {error}") from error


def load_model(checkpoint: Path) -> GPT:
    """The model alone, on the CPU; where only low-rank weights were trained, beside those that it started from.

    Raises:
        UsageError: the folder is no checkpoint, or those weights are not where they were, or others.
    """
    state = read_state(checkpoint)
    if (checkpoint / ADAPTER).is_file():
        assert state.tuning is not None, "only a tuning saves an adapter"
        model = load_model(base_of(state.tuning, state.fingerprint["base"]))
    else:
        model = GPT(ModelConfig(**state.config["model"]))
    model.end_of_text = state.vocabulary["end_of_text"]
    if state.tuning is not None:
        add_parts(model, state.tuning)
    _load_weights(model, checkpoint)
    return model


def base_of(tuning: Mapping[str, Any], fingerprint: str) -> Path:
    """The checkpoint that an adapter stands beside.

    Raises:
        UsageError: it is gone, or another one now.
    """
    base = Path(tuning["base"])
    if not base.is_dir():
        raise UsageError(f"{base} is gone, and the adapter stands beside its weights: bring it back there")
    if weights_digest(base) != fingerprint:
        raise UsageError(f"{base} has other weights than those that the adapter was trained beside")
    return base


def weights_digest(checkpoint: Path) -> str:
    """SHA-256 of the weights of a checkpoint, in hex."""
    return file_digest(_weights_file(checkpoint))


def _weights_file(checkpoint: Path) -> Path:
    adapter = checkpoint / ADAPTER
    return adapter if adapter.is_file() else checkpoint / WEIGHTS


def _load_weights(model: GPT, checkpoint: Path) -> None:
    """All weights that were trained; of an adapter's model the others stay."""
    path = _weights_file(checkpoint)
    found = model.load_state_dict(_placed(path, model), strict=path.name == WEIGHTS)
    if found.unexpected_keys or (path.name == ADAPTER and set(found.missing_keys) & set(trained_weights(model))):
        raise CheckFailed(f"{path} is not of the shape that its state.json says")


def _placed(path: Path, model: GPT) -> dict[str, Tensor]:
    """The tensors of a file, each where the model has its own, and as much of it."""
    own = model.state_dict()
    return {name: part_of(tensor, own[name]) if name in own else tensor for name, tensor in load_file(path).items()}


def restore(checkpoint: Path, *, model: GPT, optimizer: Optimizers, average: Average | None = None) -> None:
    """Put the saved weights and moments into a model and an optimizer of the same shape, on their device; and an
    average, if there is one that goes on."""
    _load_weights(model, checkpoint)
    if (checkpoint / LAST).is_file():
        model.load_state_dict(_placed(checkpoint / LAST, model), strict=False)
    if average is not None and (checkpoint / AVERAGE).is_file():
        average.restore(load_file(checkpoint / AVERAGE))
    saved = load_file(checkpoint / "optimizer.safetensors")
    for name, weight in model.named_parameters():
        kinds = [key.partition("/")[0] for key in saved if key.partition("/")[2] == name]
        if kinds:
            optimizer.set_state(weight, {kind: part_of(saved[f"{kind}/{name}"], weight) for kind in kinds})


def check_same_run(
    state: State,
    config: TrainConfig,
    fingerprint: Mapping[str, str],
    *,
    checkpoint: Path,
    tuning: Mapping[str, Any] | None = None,
) -> None:
    """
    Raises:
        RunConflict: the checkpoint is of other tokens or settings; says which, with both values.
    """
    found = differences(state, config, fingerprint, tuning)
    if found:
        raise RunConflict(
            f"{checkpoint} was made by another run: {'; '.join(found.values())} (give another folder, with "
            f"--fork {checkpoint.parent} to begin there with its weights, or --restart)"
        )


def check_fork(state: State, config: TrainConfig, fingerprint: Mapping[str, str], *, checkpoint: Path) -> list[str]:
    """What differs between a checkpoint and the training that is to go on from it.

    Raises:
        RunConflict: its weights or moments mean nothing to this one.
        UsageError: it has all the steps that this one is to have.
    """
    found = differences(state, config, fingerprint)
    bound = {*asdict(config.model), "optimizer", "tokenizer"}
    wrong = [told for name, told in found.items() if name in bound]
    if wrong:
        raise RunConflict(f"nothing can go on from {checkpoint}: {'; '.join(wrong)}")
    if state.step >= config.steps:
        raise UsageError(f"{checkpoint} has {state.step} steps already: give more than that in --steps")
    return [*found.values()]


def differences(
    state: State, config: TrainConfig, fingerprint: Mapping[str, str], tuning: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """By the name of the setting, or of the part of the run. A setting that an older version did not know was as it is
    by default."""
    defaults = {field.name: field.default for kind in (ModelConfig, TrainConfig) for field in fields(kind)}
    saved, wanted = defaults | _flat(state.config, state.tuning), _flat(asdict(config), tuning)
    names = [name for name in sorted({*wanted, *(state.tuning or ())}) if name not in HARMLESS]
    settings = [name for name in names if saved.get(name) != wanted.get(name)]
    found = {name: f"{name} was {saved.get(name)} and is {wanted.get(name)}" for name in settings}
    parts = [
        part for part in sorted(fingerprint) if state.fingerprint.get(part, fingerprint[part]) != fingerprint[part]
    ]
    return found | {part: f"the {part} of the run changed" for part in parts}


def _optimizer_tensors(model: GPT, optimizer: Optimizers) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {weight: name for name, weight in model.named_parameters()}
    return {f"{kind}/{names[weight]}": value for weight, kinds in optimizer.states() for kind, value in kinds.items()}


def _on_cpu(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """One after the other, so that a GPU holds one of them whole."""
    found = {}
    for name, tensor in tensors.items():
        gathered = whole(tensor.detach())
        if keep:
            found[name] = gathered.cpu().contiguous()
    return found


def _flat(config: Mapping[str, Any], tuning: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings by name, as JSON has them."""
    flat = {**config, **config["model"], **(tuning or {})}
    found: dict[str, Any] = json.loads(json.dumps({name: value for name, value in flat.items() if name != "model"}))
    return found


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
