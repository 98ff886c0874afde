"""FlexAttention under block masks, on a CPU, where it has a forward pass: what dense masks and documents alone give."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("torch.nn.attention.flex_attention", reason="this torch has no FlexAttention")

from curate.train_min.attention import attend, document_starts, slices_of  # noqa: E402
from curate.train_min.block_masks import BLOCK, attend_blocks, block_mask  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile"),
]

CPU = torch.device("cpu")
END, LENGTH = 69, 2 * BLOCK
SHAPE = ModelConfig(layers=2, width=32, heads=4, kv_heads=2, context=LENGTH, vocab_size=70, documents=True)


def tokens_of(rows: int, seed: int = 3) -> torch.Tensor:
    """Documents of some twelve to a hundred tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, END, (rows, LENGTH), generator=generator)
    return torch.where(torch.rand(rows, LENGTH, generator=generator) < 0.02, END, tokens)


def made(shape: ModelConfig) -> GPT:
    """Frozen, as a CPU has no backward pass of FlexAttention."""
    model = GPT(shape).requires_grad_(False)
    model.end_of_text = END
    for weight in model.parameters():
        weight.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(1))
    return model


@pytest.mark.parametrize("window", [None, 7, BLOCK + 3])
@pytest.mark.parametrize("is_apart", [True, False])
def test_block_masks_hide_what_dense_ones_hide(window: int | None, is_apart: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    q = torch.randn(3, 4, LENGTH, 16, generator=generator)
    k, v = (torch.randn(3, 2, LENGTH, 16, generator=generator) for _ in range(2))
    starts = document_starts(tokens_of(3), END) if is_apart else None
    wanted = attend(q, k, v, slices_of(starts, LENGTH, window, CPU))
    torch.testing.assert_close(attend(q, k, v, block_mask(starts, window, LENGTH, CPU)), wanted)


def test_what_is_hidden_whole_is_left_out() -> None:
    tokens = torch.ones(1, LENGTH, dtype=torch.int64)
    tokens[0, BLOCK - 1] = END
    apart, together = (block_mask(each, None, LENGTH, CPU) for each in (document_starts(tokens, END), None))
    assert (apart.sparsity(), together.sparsity()) == (50.0, 25.0)


def test_a_model_with_block_masks_has_the_logits_that_each_document_has_alone() -> None:
    model, tokens = made(SHAPE), tokens_of(2)
    model.has_block_masks = True
    together = model(tokens)
    alone = made(dataclasses.replace(SHAPE, documents=False))
    for row, starts in zip(range(2), document_starts(tokens, END), strict=True):
        for start in starts.unique().tolist():
            own = starts == start
            torch.testing.assert_close(together[row, own], alone(tokens[row : row + 1, own])[0], atol=1e-5, rtol=1e-4)


def test_rows_that_are_evaluated_recomputed_or_of_odd_length_have_dense_masks() -> None:
    model, tokens = made(SHAPE), tokens_of(2)
    model.has_block_masks = True
    starts = document_starts(tokens, END)
    assert not isinstance(model._masks(tokens, starts, 0), tuple)
    assert isinstance(model._masks(tokens[:, 1:], starts[:, 1:], 0), tuple)
    with torch.no_grad():
        assert isinstance(model._masks(tokens, starts, 0), tuple)
    model.recompute = True
    assert isinstance(model._masks(tokens, starts, 0), tuple)


def test_another_batch_of_documents_compiles_nothing_anew() -> None:
    torch._dynamo.reset()
    attended = torch.compile(attend_blocks, backend="eager", fullgraph=True)
    q = torch.randn(2, 4, LENGTH, 16)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for seed in range(3):
            starts = document_starts(tokens_of(2, seed), END)
            found = attended(q, q, q, block_mask(starts, None, LENGTH, CPU))
            torch.testing.assert_close(found, attend(q, q, q, slices_of(starts, LENGTH, None, CPU)))
