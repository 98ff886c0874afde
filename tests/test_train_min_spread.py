"""A training spread over processes by `torchrun`: what one process learns, in the same order, whatever their number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this torch has no gloo", allow_module_level=True)
from safetensors.torch import load_file  # noqa: E402

from curate.errors import UsageError  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, read_state  # noqa: E402
from curate.train_min.spread import Spread  # noqa: E402
from curate.train_min.train import train  # noqa: E402

SETTINGS: dict[str, Any] = {
    "layers": 2, "width": 32, "heads": 2, "context": 32, "batch_rows": 8, "micro_rows": 4, "learning_rate": 3e-3,
    "precision": "float32", "report_every": 5, "evaluate_every": 10, "save_every": 1000, "evaluate_tokens": 300,
    "dropout": 0.1,
}  # fmt: skip
STEPS, LONG = 20, 150
"""To compare weights after, and to be stopped in."""


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.29, "zen": 0.01})


@pytest.fixture(scope="module")
def alone(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process learns."""
    out = tmp_path_factory.mktemp("alone")
    train_alone(run, out, steps=STEPS)
    return out


def train_alone(run: Path, out: Path, *, steps: int) -> None:
    threads = torch.get_num_threads()
    train(run, out=out, steps=steps, settings=SETTINGS, device="cpu", threads=1)
    torch.set_num_threads(threads)


def torchrun(run: Path, out: Path, *, steps: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words += ["-m", "curate", "train", str(run), "--out", str(out), "--steps", str(steps), "--device", "cpu"]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def largest_difference(one: Path, other: Path) -> float:
    first, second = (load_file(path / f"checkpoint-{STEPS:08}" / "model.safetensors") for path in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def curves(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_two_processes_learn_what_one_does_and_the_first_alone_tells(run: Path, alone: Path, tmp_path: Path) -> None:
    process = torchrun(run, tmp_path, steps=STEPS)
    shown, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert largest_difference(alone, tmp_path) < 1e-6
    assert shown.count("Validation after 20 steps") == 1
    assert said.count("step 20/20") == 1
    for one, other in zip(curves(alone), curves(tmp_path), strict=True):
        assert one["step"] == other["step"]
        assert one["tokens"] == other["tokens"]
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)


def test_processes_that_are_stopped_save_one_step_and_one_alone_goes_on_in_the_same_order(
    run: Path, tmp_path: Path
) -> None:
    process = torchrun(run, tmp_path / "stopped", steps=LONG)
    wait_for_step(process, tmp_path / "stopped", 10)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    checkpoint = latest_checkpoint(tmp_path / "stopped")
    assert checkpoint is not None
    assert 10 <= read_state(checkpoint).step < LONG
    for name in ("stopped", "whole"):
        train_alone(run, tmp_path / name, steps=LONG)
    for one, other in zip(curves(tmp_path / "stopped"), curves(tmp_path / "whole"), strict=True):
        assert one["tokens"] == other["tokens"]
        assert one["loss"] == pytest.approx(other["loss"], abs=0.05)


def wait_for_step(process: subprocess.Popen[str], out: Path, step: int) -> None:
    log = out / "log.jsonl"
    while not (log.exists() and f'"step": {step},' in log.read_text(encoding="utf-8")):
        assert process.poll() is None
        time.sleep(0.01)


def test_a_batch_is_shared_out_whole_or_not_at_all() -> None:
    shares = [Spread(rank, 4).rows(12) for rank in range(4)]
    assert [row for share in shares for row in share] == [*range(12)]
    with pytest.raises(UsageError, match="batch_rows 10 is not a multiple of the 4 processes"):
        Spread(1, 4).rows(10)
