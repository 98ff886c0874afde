"""What a training tells on its way, how much of the device it uses, and that the next batch is gathered beside."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.train_min.loader import Batch, Loader, ahead, open_tokens  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.peak import flops_per_token, peak_flops  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.train import multiplies_bfloat16, train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {
    "layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 2, "learning_rate": 1e-2,
    "report_every": 3, "save_every": 4, "evaluate_every": 5, "evaluate_tokens": 300,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.29, "zen": 0.01})


def train_short(run: Path, out: Path, **changes: Any) -> None:
    train(run, out=out, steps=10, settings=SHORT, device="cpu", threads=1, **changes)


def read_table(out: Path) -> list[dict[str, str]]:
    with open(out / "log.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_curves_of_the_log_also_after_a_crash(run: Path, tmp_path: Path) -> None:
    def crash(report: Any) -> None:
        if report.step == 6:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path, report=crash)
    assert [row["step"] for row in read_table(tmp_path)] == ["3", "5", "6"]
    train_short(run, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    table = read_table(tmp_path)
    assert [row["step"] for row in table] == ["3", "5", "6", "9", "10"]
    for line, row in zip(lines, table, strict=True):
        for name in ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "mfu"):
            assert float(row[name]) == line[name]
        assert int(row["tokens"]) == sum(line["tokens"].values())
        assert float(row["loss/prose"]) == line["losses"]["prose"]
        scores = {score["source"]: score["bits_per_byte"] for score in line["validation"] or ()}
        assert row["bits_per_byte/prose"] == (str(scores["prose"]) if scores else "")


def test_the_gradient_norm_is_that_before_clipping(run: Path, tmp_path: Path) -> None:
    """The oracle is plain autograd over the first batch."""
    settings = {**SHORT, "report_every": 1, "precision": "float32"}
    train(run, out=tmp_path, steps=1, settings=settings, device="cpu", threads=1)
    told = json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()[0])["gradient_norm"]
    config = configure("nano", vocab_size=257, settings=SHORT)
    model = GPT(config.model, generator=torch.Generator().manual_seed(17))
    rows = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu")).rows(0, 4)
    loss = torch.nn.functional.cross_entropy(model(rows.inputs).flatten(0, 1), rows.targets.flatten())
    loss.backward()
    norm = torch.stack([weight.grad.square().sum() for weight in model.parameters()]).sum().sqrt()
    assert told == pytest.approx(float(norm), rel=1e-4)


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_has_the_points_of_the_log(run: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_short(run, tmp_path)
    shown = EventAccumulator(str(tmp_path / "tensorboard"))
    shown.Reload()
    assert [point.step for point in shown.Scalars("loss")] == [3, 5, 6, 9, 10]
    assert [point.step for point in shown.Scalars("bits_per_byte/prose")] == [5, 10]


def test_a_token_costs_what_torch_counts_of_its_matrices_and_the_whole_square_of_attention() -> None:
    """The oracle counts the products of one forward and backward pass, but not those inside a CPU's attention."""
    from torch.utils.flop_counter import FlopCounterMode

    shape = {"layers": 2, "width": 64, "heads": 4, "context": 64}
    for preset, more in (("nano", {}), ("llama", {"kv_heads": 2, "hidden": 128})):
        config = configure(preset, vocab_size=256, settings={**shape, **more}).model
        tokens = torch.zeros(2, 64, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter:
            GPT(config)(tokens).sum().backward()
        attention = 2 * 12 * 64 * 64
        assert counter.get_total_flops() / tokens.numel() == flops_per_token(config) - attention


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the oracle is Linux's list of what a CPU can")
def test_a_cpu_is_asked_for_bfloat16_where_it_says_that_it_can() -> None:
    flags = {*Path("/proc/cpuinfo").read_text(encoding="utf-8").split()}
    assert multiplies_bfloat16(torch.device("cpu")) == bool(flags & {"avx512_bf16", "amx_bf16"})
    assert not multiplies_bfloat16(torch.device("mps"))


def test_a_cpu_reaches_what_it_was_measured_to_reach() -> None:
    peak = peak_flops(torch.device("cpu"), torch.float32)
    assert peak is not None
    assert 1e8 < peak < 1e14


def test_batches_come_in_order_and_the_next_is_gathered_while_one_is_held() -> None:
    begun = [threading.Event() for _ in range(4)]

    def gather(step: int) -> Batch:
        begun[step].set()
        return Batch((), np.array([step], dtype=np.int32), np.array([step]))

    found = []
    for batch in ahead(gather, 1, 4):
        step = int(batch.trained[0])
        found.append(step)
        if step < 3:
            assert begun[step + 1].wait(10), "the next one is on its way"
    assert found == [1, 2, 3]
    assert not begun[0].is_set()


def test_what_goes_wrong_while_gathering_is_told_where_the_batch_is_asked_for() -> None:
    def gather(step: int) -> Batch:
        if step == 2:
            raise ValueError("a shard is damaged")
        return Batch((), np.array([step], dtype=np.int32), np.array([step]))

    batches = ahead(gather, 0, 5)
    assert [int(next(batches).trained[0]) for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="a shard is damaged"):
        next(batches)


def test_a_batch_of_several_ranks_is_that_of_one_cut_in_parts(run: Path) -> None:
    loader = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu"))
    whole = loader.rows(64, 8)
    parts = [loader.batch(64, 8, own=range(first, first + 4), micro_rows=2) for first in (0, 4)]
    for number in (0, 1):
        assert torch.equal(torch.cat([pair[number] for part in parts for pair in part.parts]), whole[number])
    assert all(np.array_equal(part.sources, whole.sources.numpy()) for part in parts)
    assert all(part.trained.tolist() == [32] * 8 for part in parts)
