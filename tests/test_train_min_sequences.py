"""Bits per byte of single documents, and of what follows a context, against plain forward passes."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.sequences import TokenSequence, document_sequence, predict, sequence_nats  # noqa: E402

END = 0


def small_model(context: int = 16) -> GPT:
    config = ModelConfig(layers=2, width=32, heads=2, context=context, tied=False, vocab_size=50)
    model = GPT(config, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():  # blocks start as none: make them something
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    return model


def logs_of(model: GPT, tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([tokens[:-1]])).double(), dim=-1)[0]


def plain_nats(model: GPT, tokens: list[int], first: int) -> float:
    """The cost of tokens[first:], all in one window."""
    logs = logs_of(model, tokens)
    return -sum(float(logs[at - 1, tokens[at]]) for at in range(first, len(tokens)))


def documents(lengths: list[int]) -> list[list[int]]:
    generator = np.random.default_rng(5)
    return [generator.integers(1, 50, length).tolist() for length in lengths]


def test_a_document_costs_what_a_forward_pass_of_it_alone_says() -> None:
    model = small_model()
    texts = documents([1, 5, 16, 9, 2])
    found = sequence_nats(model, [document_sequence(np.array([*text, END]), END) for text in texts])
    assert np.allclose(found, [plain_nats(model, [END, *text], 1) for text in texts], atol=1e-5)


def test_a_document_longer_than_the_context_costs_the_sum_of_its_windows() -> None:
    model = small_model(context=8)
    [text] = documents([21])
    whole = [END, *text]
    parts = [(0, 1, 9), (8, 9, 17), (13, 17, 22)]  # the last window sees as much before as fits
    expected = sum(plain_nats(model, whole[start:end], first - start) for start, first, end in parts)
    assert sequence_nats(model, [document_sequence(np.array(text), END)])[0] == pytest.approx(expected, abs=1e-5)


def test_cutting_into_batches_changes_nothing() -> None:
    model = small_model()
    sequences = [document_sequence(np.array(text), END) for text in documents([3, 30, 17, 1, 8, 40])]
    whole = sequence_nats(model, sequences)
    assert np.allclose(whole, sequence_nats(model, sequences, batch_tokens=1), atol=1e-5)
    alone = [sequence_nats(model, [sequence])[0] for sequence in sequences]
    assert np.allclose(whole, alone, atol=1e-5)


def test_only_what_is_counted_costs() -> None:
    model = small_model()
    [text] = documents([10])
    whole = [END, *text]
    counted = np.arange(11) >= 7
    sequence = TokenSequence(np.array(whole), counted)
    expected = plain_nats(model, whole, 7)
    assert sequence_nats(model, [sequence])[0] == pytest.approx(expected, abs=1e-5)
    assert predict(model, [sequence]).nats[0] == pytest.approx(expected, abs=1e-5)
    masked = document_sequence(np.array(text), END, np.array([0] * 6 + [1] * 4, dtype=np.uint8))
    assert masked.counted.tolist() == counted.tolist()
    nothing = TokenSequence(np.array(whole), np.zeros(11, dtype=bool))
    assert sequence_nats(model, [nothing])[0] == 0


def test_the_likeliest_tokens_are_those_that_a_greedy_reader_writes() -> None:
    model = small_model()
    [text] = documents([6])
    greedy = [END, *text]
    for _ in range(4):
        with torch.no_grad():
            greedy.append(int(model(torch.tensor([greedy]))[0, -1].argmax()))
    other = [*greedy[:-1], (greedy[-1] + 1) % 50]
    counted = np.arange(len(greedy)) >= 7
    found = predict(model, [TokenSequence(np.array(tokens), counted) for tokens in (greedy, other)])
    assert found.likeliest.tolist() == [True, False]


def test_documents_of_a_source_add_up_to_its_bits_per_byte() -> None:
    from curate.train_min.sequences import DocumentScores

    scores = DocumentScores("web", np.array([2, 3]), np.array([8, 12]), np.array([5.0, 6.0]))
    assert scores.bits_per_byte == pytest.approx(11 / 20 / math.log(2))
