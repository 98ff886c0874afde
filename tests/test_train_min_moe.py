"""The mixture of experts, against the dense MLP, a loop over tokens, and its own rule of balance."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from curate.errors import UsageError  # noqa: E402
from curate.train_min.activate import activate  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.exchange import layout_of  # noqa: E402
from curate.train_min.layers import MLP  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.moe import MoE, balance, through_each, through_grouped  # noqa: E402
from curate.train_min.optim import make_optimizer, orthogonal  # noqa: E402
from curate.train_min.peak import active_weights  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.train import train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = ModelConfig(layers=2, width=32, heads=2, context=16, vocab_size=70, hidden=48, experts=4, experts_active=2)


def randomized(model: Any, *, seed: int = 3) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=generator)
    return model


def random_input(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("activation", ["relu2", "swiglu", "gelu"])
def test_one_expert_is_the_dense_mlp_bit_for_bit_forward_and_back(activation: Any) -> None:
    config = dataclasses.replace(SHAPE, experts=1, experts_active=1, activation=activation)
    dense, sparse = randomized(MLP(config)), MoE(config)
    with torch.no_grad():
        sparse.up.copy_(dense.up.weight[None])
        sparse.down.copy_(dense.down.weight[None])
        sparse.router.normal_(generator=torch.Generator().manual_seed(7))
    x, upstream = random_input(3, 16, 32), random_input(3, 16, 32, seed=6)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    assert torch.equal(dense(one), sparse(other))
    dense(one).backward(upstream)
    sparse(other).backward(upstream)
    torch.testing.assert_close(other.grad, one.grad)
    torch.testing.assert_close(sparse.up.grad[0], dense.up.weight.grad)
    torch.testing.assert_close(sparse.down.grad[0], dense.down.weight.grad)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_one_experts_gate_is_exactly_one_and_two_sum_to_one_however_low_their_scores_are(scale: float) -> None:
    """A router's score was over its sum and a little; where it was under 1e-13, the gate of one expert was under 1."""
    x = random_input(500, 32)
    one, two = MoE(dataclasses.replace(SHAPE, experts=1, experts_active=1)), MoE(SHAPE)
    with torch.no_grad():
        for layer in (one, two):
            layer.router.copy_(scale * random_input(*layer.router.shape, seed=8))
    assert (one._route(x)[1] == 1).all()
    chosen, gates = two._route(x)
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(500))
    logits = (x.double() @ two.router.double().T).gather(1, chosen)  # the oracle has exponents to spare
    scores = torch.sigmoid(logits.clamp_min(-700))
    expected = (scores / scores.sum(dim=1, keepdim=True)).float()
    has_room = (logits > -600).all(dim=1)
    torch.testing.assert_close(gates[has_room], expected[has_room], rtol=1e-2, atol=1e-4)


def test_a_whole_model_with_one_expert_has_the_logits_of_the_dense_one() -> None:
    dense = randomized(GPT(dataclasses.replace(SHAPE, experts=None)))
    sparse = GPT(dataclasses.replace(SHAPE, experts=1, experts_active=1))
    named = dict(dense.named_parameters())
    with torch.no_grad():
        for name, weight in sparse.named_parameters():
            if name in named:
                weight.copy_(named[name])
            elif not name.endswith("router"):
                weight.copy_(named[f"{name}.weight"][None])
    tokens = torch.randint(0, 70, (3, 16), generator=torch.Generator().manual_seed(1))
    assert torch.equal(dense(tokens), sparse(tokens))


@pytest.mark.parametrize("activation", ["relu2", "swiglu"])
def test_each_token_has_its_best_experts_weighed_by_their_scores(activation: Any) -> None:
    """The oracle goes through tokens and experts one by one."""
    layer = randomized(MoE(dataclasses.replace(SHAPE, activation=activation)))
    layer.bias.copy_(torch.tensor([0.5, -0.5, 0.0, 0.1]))  # decides who is chosen, and not what that counts
    x = random_input(2, 9, 32)
    found = layer(x).reshape(-1, 32)
    for token, y in zip(x.reshape(-1, 32), found, strict=True):
        scores = torch.sigmoid(layer.router @ token).detach()
        best = sorted(range(4), key=lambda expert: float(scores[expert] + layer.bias[expert]), reverse=True)[:2]
        parts = [scores[e] * (layer.down[e] @ activate(layer.up[e] @ token, activation)) for e in best]
        torch.testing.assert_close(y, sum(parts) / sum(scores[e] for e in best), rtol=1e-4, atol=1e-5)
    assert layer.load.sum() == 2 * 18


@pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="this torch has no grouped product")
@pytest.mark.parametrize("activation", ["relu2", "swiglu"])
def test_the_grouped_product_is_that_of_one_expert_after_the_other(activation: str) -> None:
    sides = 2 if activation == "swiglu" else 1
    x, up = random_input(40, 32).bfloat16(), random_input(4, sides * 48, 32, seed=1).bfloat16()
    down, load = random_input(4, 32, 48, seed=2).bfloat16(), torch.tensor([7.0, 0.0, 30.0, 3.0])
    results = []
    for through in (through_each, through_grouped):
        given = [part.clone().requires_grad_() for part in (x, up, down)]
        y = through(*given, load, activation)
        (y * random_input(40, 32, seed=3).bfloat16()).sum().backward()
        results.append([y, *(part.grad for part in given)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=2e-1)


def test_the_bias_moves_by_the_rate_towards_an_even_load_and_not_in_a_skipped_step() -> None:
    model = randomized(GPT(SHAPE))
    model(torch.zeros(2, 16, dtype=torch.int64))
    layer = next(each for each in model.modules() if isinstance(each, MoE))
    load = layer.load.clone()
    assert load.sum() == 2 * 2 * 16
    balance(model, 0.01, skip=torch.tensor(1.0), add=lambda values: None)
    assert (layer.bias == 0).all()
    assert (layer.load == 0).all()
    layer.load += load
    balance(model, 0.01, skip=torch.tensor(0.0), add=lambda values: values.mul_(2))
    assert torch.equal(layer.bias, 0.01 * torch.sign(load.mean() - load))
    with torch.no_grad():
        model(torch.zeros(2, 16, dtype=torch.int64))
    assert (layer.load == 0).all(), "what is evaluated is no load"


def unevenness(rate: float) -> float:
    """The load of the busiest expert over the mean, in the last 20 of 100 steps on text, one expert preferred first."""
    text = Path(__file__).read_bytes()[:6144]
    config = configure("nano", vocab_size=256, settings={
        "layers": 1, "width": 32, "heads": 2, "context": 32, "experts": 8, "experts_active": 2, "hidden": 16,
    })  # fmt: skip
    model = GPT(config.model, generator=torch.Generator().manual_seed(1))
    layer = next(each for each in model.modules() if isinstance(each, MoE))
    layer.bias[0] = 0.3
    optimizer = make_optimizer(model, config)
    rows = torch.tensor([*text]).view(-1, 32)
    loads = []
    for batch in itertools.islice(itertools.cycle(rows.split(16)), 100):
        loss, _ = model.loss(batch[:, :-1], batch[:, 1:], scale=1 / batch[:, 1:].numel())
        loss.backward()
        optimizer.step(1.0)
        loads.append(layer.load.clone())
        balance(model, rate, skip=torch.tensor(0.0), add=lambda values: None)
    last = torch.stack(loads[-20:]).sum(dim=0)
    return float(last.max() / last.mean())


def test_load_is_balanced_after_some_steps_and_would_not_be_without_the_rule() -> None:
    assert unevenness(0.0) > 3.0
    assert unevenness(0.01) < 1.5


def test_muon_takes_each_expert_for_a_matrix_of_its_own() -> None:
    stack = random_input(4, 48, 32)
    turned = orthogonal(stack)
    for one, matrix in zip(turned, stack, strict=True):
        torch.testing.assert_close(one, orthogonal(matrix), rtol=0.05, atol=0.02)


@pytest.mark.parametrize("settings", [{"optimizer": "adamw"}, {"optimizer": "muon"}, {"recompute": True}])
def test_experts_resume_to_the_same_bits(
    byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path: Path, settings: dict[str, Any]
) -> None:
    def crash(report: Any) -> None:
        if report.step == 6:
            raise RuntimeError("power cut")

    run = byte_run(tmp_path / "run", {"prose": 1.0})
    shape = {"layers": 1, "width": 32, "heads": 2, "context": 32, "experts": 4, "experts_active": 2, "hidden": 16}
    short = {**shape, "batch_rows": 4, "micro_rows": 2, "report_every": 3, "save_every": 4, "evaluate_tokens": 300}

    def train_ten(name: str, report: Any = None, **more: Any) -> None:
        out = tmp_path / name
        train(run, out=out, steps=10, settings={**short, **settings, **more}, device="cpu", threads=1, report=report)

    train_ten("whole")
    with pytest.raises(RuntimeError, match="power cut"):
        train_ten("cut", crash)
    train_ten("cut")
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")
    bias = load_file(latest_checkpoint(tmp_path / "cut") / "model.safetensors")["blocks.0.mlp.bias"]
    assert (bias != 0).any()
    if "recompute" in settings:
        train_ten("kept", recompute=False)
        assert weights(tmp_path / "whole") == weights(tmp_path / "kept"), "what is computed twice is the same"


def weights(out: Path) -> list[bytes]:
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    return [(checkpoint / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")]


def test_weights_that_a_token_meets_are_those_of_its_experts() -> None:
    with torch.device("meta"):
        model = GPT(SHAPE)
    met = {name: weight.numel() for name, weight in model.named_parameters() if name != "embed.weight"}
    expected = sum(
        size // 2 if name.endswith(("mlp.up", "mlp.down")) else size for name, size in met.items() if size > 48
    )
    assert active_weights(SHAPE) == expected


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="of 4 experts a token goes through 1 or more, not 5"):
        configure("nano", vocab_size=70, settings={"experts": 4, "experts_active": 5})
    with pytest.raises(UsageError, match="experts have no bias"):
        configure("gpt2", vocab_size=70, settings={"experts": 4})
    with pytest.raises(UsageError, match="experts 4 for None"):
        layout_of(configure("llama", vocab_size=70, settings={"experts": 4}).model)
