"""Weights, gradients and moments in shards by process (FSDP2): what whole ones learn, and checkpoints for any number.

`torchrun` starts this file itself as the program of each process (`work`), once for each number of them, as a start
takes seconds; the tests then look at what lies in the folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this torch has no gloo", allow_module_level=True)
from safetensors.torch import load_file  # noqa: E402

from curate.errors import CheckFailed, Interrupted  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state  # noqa: E402
from curate.train_min.loader import open_tokens  # noqa: E402
from curate.train_min.log import StepReport  # noqa: E402
from curate.train_min.lora import Lora, add_low_rank  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.objective import next_tokens  # noqa: E402
from curate.train_min.optim import make_optimizer  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.spread import Spread  # noqa: E402
from curate.train_min.train import train, train_model  # noqa: E402
from curate.train_min.weight_shards import part_of, whole  # noqa: E402

CPU = torch.device("cpu")
STEPS = 20
SETTINGS: dict[str, Any] = {
    "layers": 2, "width": 32, "heads": 2, "context": 32, "batch_rows": 12, "micro_rows": 2, "learning_rate": 3e-3,
    "precision": "float32", "report_every": 5, "evaluate_every": 20, "save_every": 1000, "evaluate_tokens": 300,
    "token_pairs": 70, "shard_weights": True,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw", "tied": True, "average": 0.1, "dropout": 0.1, "norm": "rms"},
    "experts": {
        "optimizer": "adamw", "experts": 3, "experts_active": 2, "activation": "swiglu", "tied": False,
        "max_gradient_norm": 0.1, "recompute": True, "softcap": 15.0,
    },
    "bfloat16": {
        "optimizer": "adamw", "precision": "bfloat16", "kv_heads": 1, "norm": "rms", "documents": True, "micro_rows": 6,
    },
    # Its bfloat16 makes directions of what was rounding: sums in the same order, and no norm of all to clip by.
    "muon": {"optimizer": "muon", "micro_rows": 6, "max_gradient_norm": 1e9},
}  # fmt: skip
OFF = {"muon": 1e-12, "bfloat16": 1e-3}
"""How far a weight may be off after all steps; 1e-6 in the other cases."""
FEW = ("adamw", "experts")
"""Of three processes: nothing divides by three there."""


def train_case(run: Path, out: Path, case: str, **more: Any) -> None:
    train(run, out=out, steps=STEPS, settings=SETTINGS | CASES[case], device="cpu", threads=1, **more)


def train_low_rank(run: Path, out: Path) -> None:
    config = configure("nano", vocab_size=257, settings=SETTINGS | {"optimizer": "adamw", "steps": STEPS})
    model = GPT(config.model)
    add_low_rank(model, Lora(rank=3))
    train_model(next_tokens(open_tokens(run), config, CPU), model, config, out=out, device=CPU, threads=1)


# What each of several processes does.


def work(run: Path, out: Path) -> None:
    torch.distributed.init_process_group("gloo")
    ranks = torch.distributed.get_world_size()
    for case in CASES if ranks == 2 else FEW:
        train_case(run, out / case, case)
    if ranks == 2:
        stop_and_go_on(run, out)
        train_case(run, out / "begun by one", "muon")
        train_low_rank(run, out / "low rank")
        end_when_nothing_is_finite(run, out)
    measure(out)
    torch.distributed.barrier()  # who leaves while the others still send may be killed by it
    torch.distributed.destroy_process_group()


def stop(report: StepReport) -> None:
    if report.step == 5:
        signal.raise_signal(signal.SIGTERM)


def stop_and_go_on(run: Path, out: Path) -> None:
    for name in ("stopped", "left"):
        try:
            train_case(run, out / name, "muon", report=stop)
        except Interrupted:
            continue
        raise AssertionError("a signal stops a training")
    train_case(run, out / "stopped", "muon")


def end_when_nothing_is_finite(run: Path, out: Path) -> None:
    settings = SETTINGS | CASES["adamw"] | {"learning_rate": 1e38, "warmup": 0.0}
    try:
        train(run, out=out / "broken", steps=STEPS, settings=settings, device="cpu", threads=1)
    except CheckFailed as error:
        (out / f"broken-{torch.distributed.get_rank()}.txt").write_text(str(error), encoding="utf-8")


def measure(out: Path) -> None:
    """Which share of all weights, gradients and moments this process holds; and of Muon, whether gradients that are the
    same make the same weights as where they are whole."""
    found = {}
    for optimizer in ("adamw", "muon"):
        config = configure("nano", vocab_size=257, settings=SETTINGS | {"optimizer": optimizer})
        sharded, plain = GPT(config.model), GPT(config.model)
        Spread(torch.distributed.get_rank(), torch.distributed.get_world_size()).place(sharded, CPU, in_shards=True)
        one, other = make_optimizer(sharded, config), make_optimizer(plain, config)
        for step in range(2):
            for weight, part in zip(plain.parameters(), sharded.parameters(), strict=True):
                chance = torch.Generator().manual_seed(step)
                weight.grad = torch.randn(weight.shape, generator=chance)
                part.grad = part_of(weight.grad, part)
            held = {"weights": [*sharded.parameters()], "gradients": [weight.grad for weight in sharded.parameters()]}
            one.step(1.0, skip=torch.tensor(0.0))
            other.step(1.0, skip=torch.tensor(0.0))
        held["moments"] = [each for _, kinds in one.states() for each in kinds.values() if each.ndim]
        pairs = zip(plain.parameters(), sharded.parameters(), strict=True)
        found[optimizer] = {"off": max(float((weight - whole(part)).abs().max()) for weight, part in pairs)} | {
            name: sum(each.to_local().numel() for each in tensors) / sum(each.numel() for each in tensors)
            for name, tensors in held.items()
        }
    (out / f"held-{torch.distributed.get_rank()}.json").write_text(json.dumps(found), encoding="utf-8")


# What is asked of it.


@pytest.fixture(scope="module")
def run(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.29, "zen": 0.01})


@pytest.fixture(scope="module")
def alone(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process learns, whole whatever it is told."""
    out, threads = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    for case in CASES:
        train_case(run, out / case, case)
    train_low_rank(run, out / "low rank")
    torch.set_num_threads(threads)
    return out


@pytest.fixture(scope="module")
def two(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out, threads = tmp_path_factory.mktemp("two"), torch.get_num_threads()
    with pytest.raises(Interrupted):
        train_case(run, out / "begun by one", "muon", report=stop)
    torch.set_num_threads(threads)
    return torchrun(2, run, out)


@pytest.fixture(scope="module")
def three(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return torchrun(3, run, tmp_path_factory.mktemp("three"))


def torchrun(ranks: int, run: Path, out: Path) -> Path:
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, __file__, str(run), str(out)], capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return out


def largest_difference(one: Path, other: Path, file: str = "model.safetensors") -> float:
    first, second = (load_file(path / f"checkpoint-{STEPS:08}" / file) for path in (one, other))
    assert {name: each.shape for name, each in first.items()} == {name: each.shape for name, each in second.items()}
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def curves(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def check_same(one: Path, other: Path, case: str) -> None:
    assert largest_difference(one, other) <= OFF.get(case, 1e-6)
    assert largest_difference(one, other, "optimizer.safetensors") <= max(1e-4, OFF.get(case, 0))
    near = 1e-3 if case == "bfloat16" else 1e-5
    for first, second in zip(curves(one), curves(other), strict=True):
        assert first["tokens"] == second["tokens"]
        assert first["loss"] == pytest.approx(second["loss"], rel=near)
        assert first["gradient_norm"] == pytest.approx(second["gradient_norm"], rel=10 * near)
        for score, again in zip(first["validation"] or (), second["validation"] or (), strict=True):
            assert score["source"] == again["source"]
            assert score["loss"] == pytest.approx(again["loss"], rel=near)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_in_shards_what_one_learns(alone: Path, two: Path, case: str) -> None:
    check_same(alone / case, two / case, case)


@pytest.mark.parametrize("case", FEW)
def test_three_processes_learn_it_where_nothing_divides_by_three(alone: Path, three: Path, case: str) -> None:
    check_same(alone / case, three / case, case)


def test_an_average_is_gathered_beside_the_last_weights(alone: Path, two: Path) -> None:
    assert largest_difference(alone / "adamw", two / "adamw", "last.safetensors") <= 1e-6


def test_low_rank_weights_learn_beside_frozen_ones_in_shards(alone: Path, two: Path) -> None:
    assert largest_difference(alone / "low rank", two / "low rank", "adapter.safetensors") <= 1e-6
    moved = load_file(two / "low rank" / f"checkpoint-{STEPS:08}" / "adapter.safetensors")
    assert all(weight.abs().max() > 0 for weight in moved.values())


def test_a_training_that_was_stopped_has_the_same_bits_in_the_end(two: Path) -> None:
    for file in ("model.safetensors", "optimizer.safetensors"):
        assert largest_difference(two / "muon", two / "stopped", file) == 0
    told, again = curves(two / "muon"), curves(two / "stopped")
    assert [line["loss"] for line in told] == [line["loss"] for line in again]


def test_one_process_goes_on_from_what_two_have_left_in_shards(run: Path, alone: Path, two: Path) -> None:
    left = latest_checkpoint(two / "left")
    assert left is not None
    assert read_state(left).step == 6
    threads = torch.get_num_threads()
    train_case(run, two / "left", "muon")
    torch.set_num_threads(threads)
    assert largest_difference(alone / "muon", two / "left") <= OFF["muon"]


def test_two_processes_go_on_in_shards_from_what_one_has_left(alone: Path, two: Path) -> None:
    assert largest_difference(alone / "muon", two / "begun by one") <= OFF["muon"]


def test_a_checkpoint_of_shards_is_one_of_whole_weights(two: Path) -> None:
    checkpoint = latest_checkpoint(two / "experts")
    assert checkpoint is not None
    logits = load_model(checkpoint)(torch.arange(32)[None])
    assert logits.shape == (1, 32, 257)
    assert torch.isfinite(logits).all()


def test_each_process_holds_its_part_alone_and_steps_it_as_if_it_had_all(two: Path, three: Path) -> None:
    for ranks, out in ((2, two), (3, three)):
        for rank in range(ranks):
            found = json.loads((out / f"held-{rank}.json").read_text(encoding="utf-8"))
            for held in found.values():
                assert held.pop("off") == 0
                assert all(abs(share - 1 / ranks) < 0.03 for share in held.values()), held


def test_steps_that_are_not_finite_end_all_processes_with_one_line(two: Path) -> None:
    told = {(two / f"broken-{rank}.txt").read_text(encoding="utf-8") for rank in range(2)}
    assert len(told) == 1
    assert "the 5th in a row" in told.pop()


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]))
