"""Attention in slices on a CPU, against one product of all with all under a mask."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
import torch.nn.functional as F  # noqa: E402

from curate.train_min.attention import attend, document_starts, slices_of  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
END = 69


@pytest.fixture(params=[1, 5, 16, 64])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("curate.train_min.attention.BLOCK", request.param)
    return int(request.param)


@pytest.fixture(params=["kernel", "products"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a slice is computed; products are for bfloat16, and have float32 here, which can be compared."""
    monkeypatch.setattr("curate.train_min.attention._is_short_on_cpu", lambda *_: request.param == "products")
    return str(request.param)


def tokens_of(rows: int, length: int) -> torch.Tensor:
    """Documents of one to some thirty tokens."""
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, END, (rows, length), generator=generator)
    return torch.where(torch.rand(rows, length, generator=generator) < 0.08, END, tokens)


@pytest.mark.parametrize("before", [0, 11])
@pytest.mark.parametrize("window", [None, 7])
@pytest.mark.parametrize("is_apart", [True, False])
def test_slices_have_the_numbers_and_gradients_of_the_whole(
    block: int, way: str, before: int, window: int | None, is_apart: bool
) -> None:
    """The oracle says for each pair of tokens whether one sees the other, in so many words."""
    rows, length = 3, 64
    tokens = tokens_of(rows, before + length)
    generator = torch.Generator().manual_seed(4)
    q = torch.randn(rows, 4, length, 8, generator=generator, requires_grad=True)
    k, v = (torch.randn(rows, 2, before + length, 8, generator=generator, requires_grad=True) for _ in range(2))
    starts = document_starts(tokens, END)[:, before:] if is_apart else None
    mask = torch.zeros(rows, 1, length, before + length, dtype=torch.bool)
    for row in range(rows):
        for now in range(length):
            for at in range(before + now + 1):
                is_near = window is None or before + now - at < window
                is_own = not is_apart or END not in tokens[row, at : before + now].tolist()
                mask[row, 0, now, at] = is_near and is_own
    slices = slices_of(starts, length, window, CPU, before=before)
    is_plain = not (before or window or is_apart)
    assert len(slices) == (0 if is_plain and way == "kernel" else -(-length // block))
    found, wanted = attend(q, k, v, slices), F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    torch.testing.assert_close(found, wanted)
    ahead = torch.randn(found.shape, generator=generator)
    for one, other in zip(
        torch.autograd.grad(found, (q, k, v), ahead), torch.autograd.grad(wanted, (q, k, v), ahead), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_keys_that_no_query_of_a_slice_sees_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.train_min.attention.BLOCK", 10)
    tokens = torch.ones(2, 40, dtype=torch.int64)
    tokens[0, 19] = tokens[1, [7, 29]] = END
    seen = [(each.first_key, each.last_key) for each in slices_of(document_starts(tokens, END), 40, None, CPU)]
    assert seen == [(0, 10), (0, 20), (8, 30), (20, 40)]
    seen = [(each.first_key, each.last_key) for each in slices_of(None, 40, 4, CPU)]
    assert seen == [(0, 10), (7, 20), (17, 30), (27, 40)]


def test_a_short_float_is_multiplied_nearly_as_exactly_as_by_the_kernel() -> None:
    generator = torch.Generator().manual_seed(4)
    q = torch.randn(2, 4, 300, 32, generator=generator)
    k, v = (torch.randn(2, 2, 300, 32, generator=generator) for _ in range(2))
    exact = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    q, k, v = (each.bfloat16() for each in (q, k, v))
    slices = slices_of(None, 300, None, CPU, torch.bfloat16)
    assert [each.queries for each in slices] == [256, 44]
    assert float((attend(q, k, v, slices).float() - exact).norm() / exact.norm()) < 0.01


def test_a_model_in_slices_has_the_logits_that_each_document_has_alone(block: int, way: str) -> None:
    config = ModelConfig(layers=2, width=32, heads=4, kv_heads=2, context=64, vocab_size=70, documents=True)
    model = GPT(config)
    model.end_of_text = END
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(1))
    tokens = tokens_of(2, 64)
    together = model(tokens)
    alone = GPT(dataclasses.replace(config, documents=False))
    alone.load_state_dict(model.state_dict())
    for row, starts in zip(range(2), document_starts(tokens, END), strict=True):
        for start in starts.unique().tolist():
            own = starts == start
            torch.testing.assert_close(together[row, own], alone(tokens[row : row + 1, own])[0], atol=1e-5, rtol=1e-4)
