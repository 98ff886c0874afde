"""Text from a checkpoint: encode the prompt, choose token after token, decode, and tell it as it comes.

CHECKPOINT ─▶ open_writer ─▶ Writer(model, tokenizer)
prompt ─▶ ids ─▶ Reader (reading.py) ─▶ choose (sampling.py) ─▶ ids ─▶ text
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from curate.errors import UsageError
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state
from curate.train_min.model import GPT
from curate.train_min.reading import Reader
from curate.train_min.sampling import Sampling, check_sampling, choose

Tell = Callable[[str], None]
"""Called with each piece of a text as soon as it is sure."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A checkpoint, ready to write."""

    model: GPT
    tokenizer: Tokenizer


def generate(
    checkpoint: Path,
    prompt: str = "",
    *,
    tokens: int = 200,
    sampling: Sampling | None = None,
    samples: int = 1,
    seed: int = 17,
    tell: Tell | None = None,
) -> list[str]:
    """`samples` texts: the prompt and up to `tokens` tokens after it, fewer where the model ends the document.

    `checkpoint` is its folder, or a training folder (its newest is taken). Equal arguments give equal texts; text i of
    several is the one that `seed` + i gives alone, but for how sums of floats are split. `tell` hears of the first text
    as it is written.

    Raises:
        UsageError: no checkpoint, or a value that makes no sense.
    """
    sampling = sampling or Sampling()
    check_sampling(sampling)
    if tokens < 0 or samples < 1:
        raise UsageError(f"tokens {tokens} must be at least 0, and samples {samples} at least 1")
    writer = open_writer(checkpoint)
    tokenizer = writer.tokenizer
    start = tokenizer.encode_batch([prompt])[0][:-1].tolist()  # without the end-of-text, so that the text goes on
    telling = None if tell is None else Telling(tokenizer, start, tell)
    found = sample(
        writer.model,
        [tokenizer.end_of_text, *start],
        tokens=tokens,
        end=tokenizer.end_of_text,
        sampling=sampling,
        seeds=range(seed, seed + samples),
        hear=None if telling is None else telling.add,
    )
    if telling is not None:
        telling.end()
    return [tokenizer.decode(start + ids) for ids in found]


def open_writer(checkpoint: Path) -> Writer:
    """
    Raises:
        UsageError: the folder holds no checkpoint.
    """
    folder = latest_checkpoint(checkpoint) or checkpoint
    vocabulary = read_state(folder).vocabulary
    name, end = vocabulary["tokenizer"], vocabulary.get("end_of_text_token")
    return Writer(load_model(folder), load_tokenizer(name if name == "bytes" else folder / name, end_of_text=end))


class Telling:
    """A text told in pieces; half a character waits for its other half."""

    def __init__(self, tokenizer: Tokenizer, start: Sequence[int], tell: Tell) -> None:
        self._tokenizer, self._ids, self._tell = tokenizer, [*start], tell
        self._told = ""
        self._go_on(self._decoded())

    def add(self, chosen: int) -> None:
        self._ids.append(chosen)
        if not (text := self._decoded()).endswith("\ufffd"):
            self._go_on(text)

    def end(self) -> None:
        """Nothing comes any more that a character could wait for."""
        self._go_on(self._decoded())

    def _decoded(self) -> str:
        return self._tokenizer.decode(self._ids)

    def _go_on(self, text: str) -> None:
        self._tell(text[len(self._told) :])
        self._told = text


def sample(
    model: GPT,
    start: Sequence[int],
    *,
    tokens: int,
    end: int,
    sampling: Sampling,
    seeds: Sequence[int],
    hear: Callable[[int], None] | None = None,
) -> list[list[int]]:
    """The ids after `start` of one text a seed, up to `tokens` and without `end`; `hear` is told those of the first."""
    device = model.embed.weight.device
    dice = [torch.Generator().manual_seed(seed) for seed in seeds]
    written: list[list[int]] = [[] for _ in seeds]
    writing = set(range(len(seeds)))
    reader = Reader(model, torch.tensor([[*start]] * len(seeds), device=device)) if tokens else None
    for number in range(tokens):
        assert reader is not None
        chosen = torch.stack(
            [
                choose(logits, seen, sampling, each)
                for logits, seen, each in zip(reader.logits, reader.tokens, dice, strict=True)
            ]
        )
        for row, found in enumerate(chosen.tolist()):
            if found == end:
                writing.discard(row)
            if row in writing:
                written[row].append(found)
                if row == 0 and hear is not None:
                    hear(found)
        if not writing:
            break
        if number + 1 < tokens:
            reader.go_on(chosen)
    return written
