"""Text from a checkpoint: encode the prompt, sample token after token, decode."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from curate.errors import UsageError
from curate.tokenize.encode import load_tokenizer
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state
from curate.train_min.model import GPT


def generate(
    checkpoint: Path,
    prompt: str = "",
    *,
    tokens: int = 200,
    temperature: float = 0.8,
    top_k: int | None = 50,
    seed: int = 17,
) -> str:
    """The prompt and up to `tokens` sampled tokens after it, fewer where the model ends the document.

    `checkpoint` is its folder, or a training folder (its newest is taken). `temperature` 0 takes the likeliest token
    each time; `top_k` samples among that many. Equal arguments give equal text.

    Raises:
        UsageError: no checkpoint, or a value that makes no sense.
    """
    if tokens < 0 or temperature < 0 or (top_k is not None and top_k < 1):
        raise UsageError(
            f"tokens {tokens} and temperature {temperature} must be at least 0, and top_k {top_k} at least 1"
        )
    folder = latest_checkpoint(checkpoint) or checkpoint
    vocabulary = read_state(folder).vocabulary
    name = vocabulary["tokenizer"]
    tokenizer = load_tokenizer(
        name if name == "bytes" else folder / name, end_of_text=vocabulary.get("end_of_text_token")
    )
    start = tokenizer.encode_batch([prompt])[0][:-1].tolist()  # without the end-of-text, so that the text goes on
    ids = sample(
        load_model(folder),
        start,
        tokens=tokens,
        end=vocabulary["end_of_text"],
        temperature=temperature,
        top_k=top_k,
        generator=torch.Generator().manual_seed(seed),
    )
    return tokenizer.decode(start + ids)


@torch.no_grad()
def sample(
    model: GPT,
    start: list[int],
    *,
    tokens: int,
    end: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> list[int]:
    """The ids after `start`, which begins a document; the window of `context` tokens moves along."""
    ids = torch.tensor([[end, *start]])
    for _ in range(tokens):
        logits = model(ids[:, -model.config.context :])[0, -1]
        chosen = _choose(logits, temperature, top_k, generator)
        if int(chosen) == end:
            break
        ids = torch.cat((ids, chosen.view(1, 1)), dim=1)
    sampled: list[int] = ids[0, 1 + len(start) :].tolist()
    return sampled


def _choose(logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits.argmax()
    if top_k is not None and top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    return torch.multinomial(torch.softmax(logits / temperature, dim=0), 1, generator=generator)
