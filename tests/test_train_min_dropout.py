"""Dropout's zeros: how many there are, that they follow from the row alone, and how they are chosen by epochs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.api import train as api_train  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, read_state  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.dropout import row_dropout  # noqa: E402
from curate.train_min.loader import Loader, open_tokens  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.regularize import mean_epochs, regularize  # noqa: E402
from curate.train_min.train import train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SHAPE = ModelConfig(layers=2, width=32, heads=2, context=16, vocab_size=70)
SHORT = {
    "layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 2, "learning_rate": 1e-2,
    "report_every": 3, "save_every": 4, "evaluate_every": 50, "evaluate_tokens": 300, "precision": "float32",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.3})


def zeros(share: float, *, seed: int = 17, first: int = 0, rows: int = 8, texts: int | None = None) -> torch.Tensor:
    """bool [places, texts, T, C] at some places of a model."""
    dropout = row_dropout(share, seed, first, rows, texts or rows, CPU)
    assert dropout is not None
    return torch.stack([dropout.at(block).at(side)(torch.ones(texts or rows, 64, 48)) == 0 for block, side in PLACES])


PLACES = [(block, side) for block in range(4) for side in range(2)]


def weights(out: Path) -> list[bytes]:
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    return [(checkpoint / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")]


def train_short(run: Path, out: Path, *, report: Any = None, **changes: Any) -> list[bytes]:
    train(run, out=out, steps=10, settings={**SHORT, **changes}, device="cpu", threads=1, report=report)
    return weights(out)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_so_many_values_are_zero_and_the_others_keep_the_mean(share: float) -> None:
    found = zeros(share)
    deviation = (share * (1 - share)) ** 0.5
    assert float(found.float().mean()) == pytest.approx(share, abs=5 * deviation / found.numel() ** 0.5)
    for place in found.flatten(0, 1).float().mean(dim=(1, 2)).tolist():
        assert place == pytest.approx(share, abs=5 * deviation / (64 * 48) ** 0.5)
    dropout = row_dropout(share, 17, 0, 8, 8, CPU)
    assert dropout is not None
    assert set(dropout.at(0)(torch.ones(8, 4, 4)).unique().tolist()) <= {0.0, torch.tensor(1 / (1 - share)).item()}


def test_zeros_of_rows_places_neighbors_and_seeds_have_nothing_to_do_with_one_another() -> None:
    found = torch.cat([zeros(0.3, seed=seed, first=first) for seed in (0, 1, 2**40) for first in (0, 8)])
    lines = found.flatten(0, 1).flatten(1).float()  # [all, T · C]
    tables = torch.corrcoef(lines).fill_diagonal_(0).abs()
    assert float(tables.max()) < 6 / lines.shape[1] ** 0.5
    for distance in (1, 2, 48):
        pairs = torch.stack([lines[:, :-distance].flatten(), lines[:, distance:].flatten()])
        assert abs(float(torch.corrcoef(pairs)[0, 1])) < 6 / pairs.shape[1] ** 0.5


def test_zeros_of_a_row_are_the_same_in_any_batch() -> None:
    whole = zeros(0.2, first=100, rows=8)
    for first, rows in ((100, 3), (103, 5), (107, 1)):
        assert torch.equal(zeros(0.2, first=first, rows=rows), whole[:, first - 100 : first - 100 + rows])
    pairs = zeros(0.2, first=100, rows=8, texts=16)
    assert torch.equal(pairs[:, :8], whole)
    assert torch.equal(zeros(0.2, first=105, rows=2, texts=4), pairs[:, [5, 6, 13, 14]])
    assert not torch.equal(pairs[:, :8], pairs[:, 8:])


def test_what_is_evaluated_and_a_share_of_zero_leave_the_model_as_it_is() -> None:
    model = GPT(SHAPE, generator=torch.Generator().manual_seed(1))
    tokens = torch.randint(0, 70, (4, 17), generator=torch.Generator().manual_seed(2))
    plain = model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)[1]
    assert row_dropout(0.0, 17, 0, 4, 4, CPU) is None
    model.dropout = row_dropout(0.5, 17, 0, 4, 4, CPU)
    assert not torch.equal(model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)[1], plain)
    with torch.no_grad():
        assert torch.equal(model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)[1], plain)


def test_compiled_blocks_have_the_same_zeros_and_are_compiled_once() -> None:
    from torch._dynamo.testing import CompileCounter

    model = GPT(SHAPE, generator=torch.Generator().manual_seed(1))
    tokens = torch.randint(0, 70, (4, 17), generator=torch.Generator().manual_seed(2))

    def costs(step: int) -> torch.Tensor:
        model.dropout = row_dropout(0.5, 17, step * 4, 4, 4, CPU)
        nats: torch.Tensor = model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)[1]
        return nats

    plain, counter = [costs(step) for step in range(3)], CompileCounter()
    model.hidden = torch.compile(model.hidden, backend=counter)
    assert all(torch.equal(costs(step), plain[step]) for step in range(3))
    assert counter.frame_count == 1


def test_a_training_with_dropout_resumes_to_the_same_bits_also_where_blocks_are_computed_again(
    run: Path, tmp_path: Path
) -> None:
    def crash(report: Any) -> None:
        if report.step == 6:
            raise RuntimeError("power cut")

    whole = train_short(run, tmp_path / "whole", dropout=0.2)
    assert whole != train_short(run, tmp_path / "none")
    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path / "cut", dropout=0.2, report=crash)
    assert train_short(run, tmp_path / "cut", dropout=0.2) == whole
    assert train_short(run, tmp_path / "again", dropout=0.2, recompute=True) == whole


def test_micro_batches_learn_the_same_with_dropout(run: Path, tmp_path: Path) -> None:
    losses: list[list[float]] = []
    for rows in (1, 4):
        told: list[float] = []
        train_short(
            run, tmp_path / str(rows), dropout=0.3, micro_rows=rows, report=lambda each, to=told: to.append(each.loss)
        )
        losses.append(told)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_epochs_are_those_of_the_tokens_that_are_drawn(run: Path) -> None:
    """The oracle counts the rows that the loader draws of each source."""
    data = open_tokens(run)
    drawn = Loader(data, context=32, seed=17, device=CPU).rows(0, 8192)
    counts = dict(zip(data.train, torch.bincount(drawn.sources).tolist(), strict=True))
    epochs = sum(rows / 8192 * rows * 32 / len(data.train[name]) for name, rows in counts.items())
    assert mean_epochs(data.record, 8192 * 32) == pytest.approx(epochs, rel=0.01)


def test_tokens_that_are_seen_often_bring_decay_and_dropout_but_for_what_is_set(run: Path) -> None:
    record = open_tokens(run).record
    start = configure("nano", vocab_size=257, settings={**SHORT, "regularize": "auto"})
    few, many, most = (
        dataclasses.replace(start, steps=int(epochs / mean_epochs(record, start.batch_tokens)))
        for epochs in (3.9, 8, 99)
    )
    assert regularize(few, record) == few
    assert regularize(dataclasses.replace(most, regularize="none"), record).weight_decay == 0.1
    assert regularize(many, record).weight_decay == pytest.approx(0.8, rel=0.01)
    assert regularize(many, record).dropout == 0.1
    assert regularize(most, record).weight_decay == pytest.approx(1.6)
    assert regularize(most, record, {"weight_decay"}).weight_decay == 0.1
    assert regularize(most, record, {"dropout"}).dropout == 0.0


def test_a_recipe_says_so_for_its_trainings(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "tokens", tmp_path / "tokens")
    recipe = (
        '[[source]]\nname = "prose"\nread = "books"\npaths = ["*.txt"]\n[train]\nregularize = "auto"\naverage = 0.1\n'
    )
    (tmp_path / "recipe.toml").write_text(f'name = "toy"\n{recipe}', encoding="utf-8")
    for name, settings in {"recipe": {}, "own": {"regularize": "none", "average": 0.0}}.items():
        made = api_train(tmp_path, steps=2, settings={**SHORT, **settings}, device="cpu", out=tmp_path / name)
        config = read_state(made.checkpoint).config
        assert (config["regularize"], config["average"]) == (("auto", 0.1) if name == "recipe" else ("none", 0.0))
        assert (made.checkpoint / "last.safetensors").is_file() == (name == "recipe")
