"""The guard of a training: what is a spike, what is skipped, who is named, and what is said when memory does not do."""

from __future__ import annotations

import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")
from rich.console import Console  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from curate.errors import CheckFailed  # noqa: E402
from curate.report.terminal.training import training_progress  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, read_state  # noqa: E402
from curate.train_min.guard import MIN_STEPS, Normal, StepWatch  # noqa: E402
from curate.train_min.loader import Loader, open_tokens  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.optim import make_optimizer  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.train import TrainResult, train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {
    "layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 2, "learning_rate": 1e-2,
    "tied": False, "report_every": 3, "save_every": 4, "evaluate_every": 50, "evaluate_tokens": 300,
}  # fmt: skip
MARK = ord("I")
"""A byte that few rows have."""


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.29, "zen": 0.01})


def train_short(run: Path, out: Path, *, settings: Mapping[str, Any] | None = None, **more: Any) -> TrainResult:
    return train(run, out=out, steps=16, settings={**SHORT, **(settings or {})}, device="cpu", threads=1, **more)


def read_log(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name not in ("tokens_per_second", "mfu")} for line in lines]


def poisoned_after_four_steps(run: Path, out: Path, *, token: int, **more: Any) -> None:
    """A training whose checkpoint has no number for the embedding of one id: rows that hold it have no finite loss,
    and others are learned."""
    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, out, report=crash_at(6), **more)
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    weights["embed.weight"][token] = math.nan
    save_file(weights, path)


def steps_with(run: Path, token: int, last: int) -> list[int]:
    """Of the steps 1 to `last`, those in which a row has this id among its inputs."""
    loader = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu"))
    return [step for step in range(1, last + 1) if (loader.rows(4 * (step - 1), 4).inputs == token).any()]


def crash_at(step: int) -> Callable[[Any], None]:
    def crash(report: Any) -> None:
        if report.step == step:
            raise RuntimeError("power cut")

    return crash


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_steps_that_are_not_finite_are_skipped_named_and_counted_and_a_resume_gives_the_same_bits(
    run: Path, tmp_path: Path, optimizer: str
) -> None:
    settings = {"optimizer": optimizer}
    poisoned_after_four_steps(run, tmp_path / "begun", token=MARK, settings=settings)
    shutil.copytree(tmp_path / "begun", tmp_path / "cut")
    train_short(run, tmp_path / "begun", settings=settings)
    log = read_log(tmp_path / "begun")
    expected = [step for step in steps_with(run, MARK, 16) if step > 4]
    assert 0 < len(expected) < 12
    told = [trouble for line in log for trouble in line["troubles"]]
    assert [trouble["step"] for trouble in told if trouble["kind"] == "not finite"] == expected
    assert log[-1]["skipped"] == len(expected)
    assert all(math.isfinite(line["loss"]) for line in log if line["loss"] is not None)

    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path / "cut", report=crash_at(15), settings=settings)
    train_short(run, tmp_path / "cut", settings=settings)
    assert read_log(tmp_path / "cut") == log
    one, other = (latest_checkpoint(tmp_path / name) for name in ("begun", "cut"))
    assert one is not None
    assert other is not None
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    weights = load_file(one / "model.safetensors")
    others = torch.cat([weights["embed.weight"][:MARK], weights["embed.weight"][MARK + 1 :]])
    assert torch.isfinite(others).all()


def test_the_documents_of_the_worst_rows_are_those_that_hold_what_broke_them(run: Path, tmp_path: Path) -> None:
    poisoned_after_four_steps(run, tmp_path, token=MARK)
    train_short(run, tmp_path)
    loader = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu"))
    ids = {
        name: set(pl.read_parquet(run / f"tokens/train/{name}/00000.docs.parquet")["id"]) for name in ("prose", "code")
    }
    troubles = [trouble for line in read_log(tmp_path) for trouble in line["troubles"]]
    assert troubles
    for trouble in troubles:
        first, *_ = trouble["positions"]
        assert 4 * (trouble["step"] - 1) <= first < 4 * trouble["step"]
        rows = loader.rows(first, 1)
        assert (rows.inputs == MARK).any()
        source = loader.sources[rows.sources[0]]
        assert source in trouble["sources"]
        assert trouble["loss"] is None
        assert trouble["documents"][0] in ids[source]


def test_a_terminal_has_a_line_for_each_step_that_was_skipped(run: Path, tmp_path: Path) -> None:
    poisoned_after_four_steps(run, tmp_path, token=MARK)
    page = io.StringIO()
    with training_progress(Console(file=page, width=400)) as report:
        train_short(run, tmp_path, report=report)
    told = re.findall(r"^step (\d+) was skipped: it is not finite; the worst rows are of (.+)$", page.getvalue(), re.M)
    assert [int(step) for step, _ in told] == [step for step in steps_with(run, MARK, 16) if step > 4]
    troubles = [trouble for line in read_log(tmp_path) for trouble in line["troubles"]]
    assert [documents for _, documents in told] == ["; ".join(trouble["documents"]) for trouble in troubles]


def test_without_the_tables_documents_are_named_by_their_shard_and_number(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "tokens", tmp_path / "tokens")
    for table in tmp_path.rglob("*.docs.parquet"):
        table.unlink()
    poisoned_after_four_steps(tmp_path, tmp_path / "out", token=MARK)
    train_short(tmp_path, tmp_path / "out")
    named = [name for line in read_log(tmp_path / "out") for each in line["troubles"] for name in each["documents"]]
    assert named
    assert all(name.startswith("document ") and name.endswith("/00000.bin") for name in named)


def test_a_skipped_step_leaves_weights_and_moments_as_they_were() -> None:
    for optimizer in ("adamw", "muon"):
        config = configure("nano", vocab_size=70, settings={"layers": 1, "width": 32, "optimizer": optimizer})
        model = GPT(config.model)
        optimizers = make_optimizer(model, config)
        tokens = torch.arange(64).view(2, 32)
        _step(model, optimizers, tokens, skip=0.0)
        before = [value.clone() for value in _all_of(model, optimizers)]
        _step(model, optimizers, tokens * 2 % 70, skip=1.0)
        after = _all_of(model, optimizers)
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
        _step(model, optimizers, tokens * 2 % 70, skip=0.0)
        assert not all(torch.equal(one, other) for one, other in zip(before, _all_of(model, optimizers), strict=True))


def _step(model: GPT, optimizers: Any, tokens: torch.Tensor, *, skip: float) -> None:
    loss, _ = model.loss(tokens[:, :-1], tokens[:, 1:], scale=1 / 62)
    (loss * (math.nan if skip else 1.0)).backward()
    optimizers.step(0.5, skip=torch.tensor(skip))


def _all_of(model: GPT, optimizers: Any) -> list[torch.Tensor]:
    return [*model.parameters(), *(value for _, kinds in optimizers.states() for value in kinds.values())]


def test_a_training_ends_when_steps_after_steps_are_not_finite_and_says_what_shows_the_rows(
    run: Path, tmp_path: Path
) -> None:
    poisoned_after_four_steps(run, tmp_path, token=ord("e"))
    with pytest.raises(CheckFailed, match=r"step 9, the 5th in a row.*--position \d+ \d+ \d+ --row-length 32"):
        train_short(run, tmp_path)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert read_state(checkpoint).step == 4, "what a broken step has left is not saved"
    last = read_log(tmp_path)[-1]
    assert (last["step"], last["skipped"], last["loss"]) == (9, 5, None)


def test_a_jump_is_a_spike_and_noise_and_a_slow_fall_are_none() -> None:
    noise = np.random.default_rng(3).normal(0, 0.05, 400)
    losses = 3 + 4 * np.exp(-np.arange(400) / 60) + noise
    watch = StepWatch()
    assert not [loss for loss in losses.tolist() if watch.look(loss, 1.0)]
    assert watch.look(float(losses[-1]) + 1.0, 1.0) == "loss"
    assert watch.look(3.0, 40.0) == "gradient"
    assert watch.look(3.0, 1.0) is None
    assert watch.look(3.0, math.inf) == "not finite"
    assert (watch.skipped, watch.in_a_row) == (1, 1)
    assert watch.look(3.0, 1.0) is None
    assert (watch.skipped, watch.in_a_row) == (1, 0)


def test_a_level_that_stays_becomes_normal_and_the_mean_is_that_of_numpy_at_first() -> None:
    normal = Normal()
    values = np.random.default_rng(1).normal(5, 1, MIN_STEPS)
    assert not any(normal.is_over(value) for value in values.tolist())
    assert normal.mean == pytest.approx(values.mean())
    assert normal.variance == pytest.approx(values.var(), rel=0.5)
    over = [normal.is_over(30.0) for _ in range(300)]
    assert over[0]
    assert not over[-1]


def test_out_of_memory_names_a_smaller_micro_batch(run: Path, tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
import torch
from curate.errors import MachineError
from curate.train_min.train import train
torch.ones(64, 64) @ torch.ones(64, 64)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), resource.RLIM_INFINITY))
settings = {"width": 1024, "heads": 8, "context": 512, "batch_rows": 64, "micro_rows": 64}
try:
    train(Path(sys.argv[1]), out=Path(sys.argv[2]), steps=2, settings=settings, device="cpu", threads=1)
except MachineError as error:
    print(error)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the test limits the memory of a process as Linux does")
    words = [sys.executable, "-c", program, str(run), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert "out of memory with 64 rows at once; --set micro_rows=32 goes on from the last" in done.stdout, done.stderr
