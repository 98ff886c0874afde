"""Trainings that go on from another one's checkpoint, with other tokens or settings, and those that cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.errors import RunConflict, UsageError  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, read_state  # noqa: E402
from curate.train_min.train import TrainResult, train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {
    "layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 2, "learning_rate": 1e-2,
    "report_every": 3, "save_every": 4, "evaluate_every": 50, "evaluate_tokens": 300,
}  # fmt: skip
ByteRun = Callable[[Path, Mapping[str, float]], Path]


@pytest.fixture(scope="module")
def run(byte_run: ByteRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.3})


@pytest.fixture(scope="module")
def trunk(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trunk")
    train_short(run, out, steps=8)
    return out


def train_short(run: Path, out: Path, *, settings: Mapping[str, Any] | None = None, **more: Any) -> TrainResult:
    return train(run, out=out, settings={**SHORT, **(settings or {})}, device="cpu", threads=1, **more)


def weights(out: Path) -> list[bytes]:
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    return [(checkpoint / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")]


def test_another_mixture_goes_on_from_the_steps_and_weights_of_a_trunk_which_stays(
    byte_run: ByteRun, run: Path, trunk: Path, tmp_path: Path
) -> None:
    other = byte_run(tmp_path / "run", {"zen": 0.2, "prose": 0.8})
    before = weights(trunk)
    with pytest.raises(RunConflict, match=rf"the mixture of the run changed.*--fork {trunk}"):
        train_short(other, trunk, steps=8)
    train_short(other, tmp_path / "out", steps=12, fork=trunk)
    assert weights(trunk) == before
    checkpoint = latest_checkpoint(tmp_path / "out")
    assert checkpoint is not None
    state = read_state(checkpoint)
    assert state.step == 12
    assert state.forked is not None
    assert state.forked["step"] == 8
    assert {"steps was 8 and is 12", "the mixture of the run changed"} <= {*state.forked["changes"]}
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [9, 12]
    assert {*lines[-1]["tokens"]} == {"prose", "zen"}, "rows of the source that is no more are not counted any more"


def test_a_fork_that_changes_nothing_but_the_steps_learns_what_the_longer_training_does_while_the_rate_is_level(
    run: Path, tmp_path: Path
) -> None:
    """With neither a rise nor a fall of the learning rate, steps depend on their number alone."""
    level = {"warmup": 0.0, "cooldown": 0.0}
    train_short(run, tmp_path / "whole", steps=12, settings=level)
    train_short(run, tmp_path / "trunk", steps=8, settings=level)
    train_short(run, tmp_path / "fork", steps=12, settings=level, fork=tmp_path / "trunk")
    assert weights(tmp_path / "fork") == weights(tmp_path / "whole")


def test_a_fork_that_was_interrupted_goes_on_from_its_own_checkpoint(run: Path, trunk: Path, tmp_path: Path) -> None:
    def crash(report: Any) -> None:
        if report.step == 15:
            raise RuntimeError("power cut")

    settings = {"learning_rate": 5e-3}
    train_short(run, tmp_path / "whole", steps=16, settings=settings, fork=trunk)
    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path / "cut", steps=16, settings=settings, fork=trunk, report=crash)
    result = train_short(run, tmp_path / "cut", steps=16, settings=settings, fork=trunk)
    assert read_state(result.checkpoint).forked == read_state(latest_checkpoint(tmp_path / "whole")).forked
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_weights_and_moments_that_mean_nothing_to_a_training_are_refused(
    run: Path, trunk: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunConflict, match=r"nothing can go on from .*width was 32 and is 64"):
        train_short(run, tmp_path / "out", steps=12, settings={"width": 64}, fork=trunk)
    with pytest.raises(RunConflict, match="optimizer was muon and is adamw"):
        train_short(run, tmp_path / "out", steps=12, settings={"optimizer": "adamw"}, fork=trunk)
    with pytest.raises(UsageError, match="has 8 steps already"):
        train_short(run, tmp_path / "out", steps=8, fork=trunk)
    with pytest.raises(UsageError, match="is no checkpoint"):
        train_short(run, tmp_path / "out", steps=12, fork=tmp_path)


def test_a_shard_that_was_written_anew_is_refused(run: Path, trunk: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "tokens", tmp_path / "tokens")
    shutil.copytree(trunk, tmp_path / "out")
    assert train_short(tmp_path, tmp_path / "out", steps=8).was_complete, "an equal copy is the same"
    path = tmp_path / "tokens" / "train" / "prose" / "00000.bin"
    tokens = np.fromfile(path, dtype="<u2")
    end, (first, second) = 256, np.flatnonzero(tokens == 256)[:2]
    assert second > first + 1
    moved = np.concatenate([tokens[first + 1 : second + 1], tokens[: first + 1], tokens[second + 1 :]])
    assert (moved == end).sum() == (tokens == end).sum()
    moved.tofile(path)
    with pytest.raises(RunConflict, match="the content of the shards of the run changed"):
        train_short(tmp_path, tmp_path / "out", steps=8)


def test_a_checkpoint_of_before_there_were_some_settings_is_taken_as_having_had_their_defaults(
    run: Path, trunk: Path, tmp_path: Path
) -> None:
    shutil.copytree(trunk, tmp_path, dirs_exist_ok=True)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    for name in ("experts", "experts_active"):
        del state["config"]["model"][name]
    for name in ("balance_rate", "recompute"):
        del state["config"][name]
    for name in ("watch", "troubles", "sources"):
        del state["progress"][name]
    del state["forked"]
    del state["fingerprint"]["content of the shards"]
    (checkpoint / "state.json").write_text(json.dumps(state), encoding="utf-8")
    assert train_short(run, tmp_path, steps=8).was_complete
