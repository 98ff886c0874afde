"""Low-rank weights: what begins at nothing changes nothing, and merged is what was beside."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")

import torch.nn.functional as F  # noqa: E402

from curate.errors import UsageError  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.lora import (  # noqa: E402
    Lora,
    LowRank,
    add_low_rank,
    add_score,
    check_lora,
    low_rank_off,
    merge,
    trained_weights,
)
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.optim import make_optimizer  # noqa: E402
from curate.train_min.presets import PRESETS, configure  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = ModelConfig(layers=2, width=48, heads=4, context=16, vocab_size=70)
SHAPES = {
    "own": OWN,
    "gpt2": dataclasses.replace(PRESETS["gpt2"].model, layers=2, width=48, heads=4, context=16, vocab_size=70),
    "llama": dataclasses.replace(
        PRESETS["llama"].model, layers=2, width=48, heads=4, kv_heads=2, hidden=80, context=16, vocab_size=70
    ),
}


def make_model(config: ModelConfig) -> GPT:
    model, generator = GPT(config), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.08, generator=generator)
    return model


def tokens() -> torch.Tensor:
    return torch.randint(0, 70, (3, 16), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", SHAPES)
def test_what_has_not_learned_is_the_model_that_it_stands_beside(name: str) -> None:
    plain = make_model(SHAPES[name])
    for rank in (0, 3):
        adapted = make_model(SHAPES[name])
        add_low_rank(adapted, Lora(rank))
        assert torch.equal(adapted(tokens()), plain(tokens()))
        assert len(trained_weights(adapted)) == (16 if rank else 0)


@pytest.mark.parametrize("name", SHAPES)
@torch.no_grad()
def test_merged_is_what_was_beside(name: str) -> None:
    model, plain = make_model(SHAPES[name]), make_model(SHAPES[name])
    add_low_rank(model, Lora(4, 8.0))
    generator = torch.Generator().manual_seed(9)
    for weight in trained_weights(model).values():
        weight.normal_(0.0, 0.02, generator=generator)
    before = model(tokens())
    with low_rank_off(model):
        assert torch.equal(model(tokens()), plain(tokens()))
    assert not torch.allclose(before, plain(tokens()), atol=1e-3)
    merge(model)
    assert model.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(model(tokens()), before, atol=1e-6, rtol=1e-6)


def test_the_formula_is_that_of_the_paper() -> None:
    model = make_model(OWN)
    plain = model.blocks[0].mlp.up
    add_low_rank(model, Lora(2, 6.0, ("up",)))
    adapted = model.blocks[0].mlp.up
    assert isinstance(adapted, LowRank)
    with torch.no_grad():
        adapted.b.normal_(0.0, 1.0, generator=torch.Generator().manual_seed(1))
        x = torch.randn(5, 48, generator=torch.Generator().manual_seed(2))
        expected = x @ plain.weight.T + x @ (6.0 / 2 * adapted.b @ adapted.a).T
        torch.testing.assert_close(adapted(x), expected)


def test_only_what_stands_beside_is_learned() -> None:
    model = make_model(OWN)
    add_low_rank(model, Lora(2, 4.0, ("qkv", "down")))
    add_score(model)
    names = {f"blocks.{n}.{place}.{x}" for n in (0, 1) for place in ("attention.qkv", "mlp.down") for x in "ab"}
    assert trained_weights(model).keys() == names | {"score.weight"}
    groups = make_optimizer(model, configure("nano", vocab_size=70)).param_groups
    assert sum(len(group["params"]) for group in groups) == len(names) + 1
    inputs, targets = tokens()[:, :-1], tokens()[:, 1:]
    nats = F.cross_entropy(model(inputs).reshape(-1, 70), targets.reshape(-1), reduction="sum")
    nats.backward()
    plain = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    loss, _ = model.loss(inputs, targets, scale=1.0)
    loss.backward()
    for name, gradient in plain.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, atol=1e-4, rtol=1e-4)
    assert {name for name, weight in model.named_parameters() if weight.grad is not None} == names


@pytest.mark.parametrize(
    ("lora", "told"),
    [(Lora(-1), "the rank of LoRA is -1"), (Lora(4, 8.0, ("head",)), 'no matrix "head"; there are qkv')],
)
def test_what_cannot_be_is_refused(lora: Lora, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_lora(lora)


def test_adapters_do_not_stand_beside_adapters() -> None:
    model = make_model(OWN)
    add_low_rank(model, Lora(2))
    with pytest.raises(UsageError, match="merge them first"):
        add_low_rank(model, Lora(2))
