"""The average of the weights over the end of a training: what it is, what is saved of it, and that it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.errors import UsageError  # noqa: E402
from curate.train_min.average import Average, start_average  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, load_model  # noqa: E402
from curate.train_min.evaluate import evaluate, unigram_nats  # noqa: E402
from curate.train_min.loader import open_tokens  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.train import TrainResult, train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {
    "layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 4, "learning_rate": 1e-2,
    "report_every": 3, "save_every": 4, "evaluate_every": 50, "evaluate_tokens": 300, "precision": "float32",
    "cooldown": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.3})


@pytest.fixture(scope="module")
def averaged(run: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """Twelve steps, averaged from the second on."""
    return train_short(run, tmp_path_factory.mktemp("averaged"), average=0.15)


def train_short(
    run: Path, out: Path, *, steps: int = 12, fork: Path | None = None, report: Any = None, **changes: Any
) -> TrainResult:
    settings = {**SHORT, **changes}
    return train(run, out=out, steps=steps, settings=settings, device="cpu", threads=1, fork=fork, report=report)


def content(checkpoint: Path | None, *names: str) -> list[bytes]:
    assert checkpoint is not None
    return [(checkpoint / name).read_bytes() for name in names]


def test_it_is_the_mean_of_later_weights_that_each_count_for_more() -> None:
    config = configure("nano", vocab_size=70, settings={"layers": 1, "width": 32, "steps": 100, "average": 0.04})
    model = GPT(config.model)
    average = Average(model, config)
    for step in range(1, 101):
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(step**2)
        average.follow(step)
        assert bool(average.held) == (step >= 80), "it begins five memories before the end"
    expected = 80.0**2
    for step in range(80, 101):
        expected += (step**2 - expected) / 4
    assert average.is_swapped
    assert all(weight.detach().unique().item() == pytest.approx(expected, rel=1e-5) for weight in model.parameters())
    assert all(held.unique().item() == 10_000 for held in average.held.values())


def test_without_one_nothing_is_kept() -> None:
    config = configure("nano", vocab_size=70)
    assert start_average(GPT(config.model), config) is None
    with pytest.raises(UsageError, match=r"average is 1\.5; it is a share"):
        configure("nano", vocab_size=70, settings={"average": 1.5})


def test_the_result_is_the_average_and_the_last_weights_stand_beside_it(
    run: Path, averaged: TrainResult, tmp_path: Path
) -> None:
    plain = train_short(run, tmp_path).checkpoint
    assert content(averaged.checkpoint, "last.safetensors", "optimizer.safetensors") == content(
        plain, "model.safetensors", "optimizer.safetensors"
    ), "an average changes nothing of what is learned"
    assert content(averaged.checkpoint, "model.safetensors") != content(plain, "model.safetensors")
    assert not (plain / "last.safetensors").exists()
    data = open_tokens(run)
    scores = evaluate(load_model(averaged.checkpoint), data, unigram=unigram_nats(data))
    assert [dataclasses.asdict(each) for each in scores] == [
        pytest.approx(dataclasses.asdict(each)) for each in averaged.scores
    ]


@pytest.mark.parametrize("broken_at", [3, 6, 9])
def test_it_is_resumed_to_the_same_bits(run: Path, averaged: TrainResult, tmp_path: Path, broken_at: int) -> None:
    def crash(report: Any) -> None:
        if report.step == broken_at:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path, average=0.15, report=crash)
    assert (latest_checkpoint(tmp_path) is not None) == (broken_at > 3)
    if broken_at > 3:
        assert len(content(latest_checkpoint(tmp_path), "average.safetensors")) == 1
    names = ("model.safetensors", "last.safetensors", "optimizer.safetensors")
    assert content(train_short(run, tmp_path, average=0.15).checkpoint, *names) == content(averaged.checkpoint, *names)


def test_a_fork_goes_on_from_the_last_weights_and_begins_its_own_average(
    run: Path, averaged: TrainResult, tmp_path: Path
) -> None:
    plain = train_short(run, tmp_path / "plain").checkpoint
    names = ("model.safetensors", "optimizer.safetensors")
    after = [
        train_short(run, tmp_path / f"{n}", steps=16, fork=trunk)
        for n, trunk in enumerate((plain, averaged.checkpoint))
    ]
    assert content(after[0].checkpoint, *names) == content(after[1].checkpoint, *names)
    train_short(run, tmp_path / "cut", steps=13, average=0.15, fork=averaged.checkpoint)
    assert (tmp_path / "cut" / "checkpoint-00000013" / "last.safetensors").is_file()
