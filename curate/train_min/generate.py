"""Text from a checkpoint: encode the prompt, choose token after token, decode, and tell it as it comes.

CHECKPOINT ─▶ open_speaker ─▶ Speaker(model, tokenizer)
prompt ─▶ ids ─▶ TextReader (reading.py) ─▶ choose (sampling.py) ─▶ ids ─▶ text
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from curate.errors import UsageError
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state
from curate.train_min.model import GPT
from curate.train_min.reading import TextReader
from curate.train_min.sampling import Sampling, check_sampling, choose

Tell = Callable[[str], None]
"""Called with each piece of a text as soon as it is sure."""


@dataclass(frozen=True, slots=True)
class Speaker:
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
    speaker = open_speaker(checkpoint)
    tokenizer = speaker.tokenizer
    start = tokenizer.encode_batch([prompt])[0][:-1].tolist()  # without the end-of-text, so that the text goes on
    telling = None if tell is None else Telling(tokenizer, start, tell)
    found = sample(
        speaker.model,
        [tokenizer.end_of_text, *start],
        tokens=tokens,
        ends=[tokenizer.end_of_text],
        sampling=sampling,
        seeds=range(seed, seed + samples),
        hear=None if telling is None else telling.add,
    )
    if telling is not None:
        telling.end()
    return [tokenizer.decode(start + ids) for ids in found]


def open_speaker(checkpoint: Path, *, control: Collection[str] = ()) -> Speaker:
    """`control` are control tokens besides those that the tokenizer's file marks as special.

    Raises:
        UsageError: the folder holds no checkpoint, or one that writes nothing.
    """
    folder = latest_checkpoint(checkpoint) or checkpoint
    state = read_state(folder)
    if state.tuning is not None and state.tuning["method"] == "reward":
        raise UsageError(f"{folder} is a reward model: it judges answers, and writes none")
    return Speaker(load_model(folder), open_tokenizer(folder, state.vocabulary, control))


def open_tokenizer(folder: Path, vocabulary: Mapping[str, Any], control: Collection[str] = ()) -> Tokenizer:
    """The tokenizer in the folder of a checkpoint with such a vocabulary."""
    name, end = vocabulary["tokenizer"], vocabulary.get("end_of_text_token")
    return load_tokenizer(name if name == "bytes" else folder / name, end_of_text=end, control=control)


class Telling:
    """A text told in pieces. Half a character waits for its other half, and what may be the beginning of `stop` for
    more: the text is over where that begins, and does not have it."""

    def __init__(self, tokenizer: Tokenizer, start: Sequence[int], tell: Tell, *, stop: str = "") -> None:
        self._tokenizer, self._ids, self._tell, self._stop = tokenizer, [*start], tell, stop
        self.text = ""
        """What was told."""
        self._go_on(self._decoded())

    def add(self, chosen: int) -> bool:
        """Whether the text is over."""
        self._ids.append(chosen)
        text = self._decoded()
        if self._stop and self._stop in text:
            return True
        if not text.endswith("\ufffd"):
            waiting = (n for n in range(len(self._stop), 0, -1) if text.endswith(self._stop[:n]))
            self._go_on(text[: len(text) - next(waiting, 0)])
        return False

    def end(self) -> None:
        """Nothing comes any more that a character could wait for."""
        text = self._decoded()
        self._go_on(text.partition(self._stop)[0] if self._stop else text)

    def _decoded(self) -> str:
        return self._tokenizer.decode(self._ids)

    def _go_on(self, text: str) -> None:
        self._tell(text[len(self.text) :])
        self.text = text


def sample(
    model: GPT,
    start: Sequence[int],
    *,
    tokens: int,
    ends: Collection[int],
    sampling: Sampling,
    seeds: Sequence[int],
    hear: Callable[[int], bool] | None = None,
) -> list[list[int]]:
    """The ids after `start` of one text a seed, up to `tokens` and without the one of `ends` that ends it; `hear` is
    told those of the first, and answers whether it is over."""
    device = model.embed.weight.device
    dice = [torch.Generator().manual_seed(seed) for seed in seeds]
    written: list[list[int]] = [[] for _ in seeds]
    writing = set(range(len(seeds)))
    reader = TextReader(model, torch.tensor([[*start]] * len(seeds), device=device)) if tokens else None
    for number in range(tokens):
        assert reader is not None
        chosen = torch.stack(
            [
                choose(logits, seen, sampling, each)
                for logits, seen, each in zip(reader.logits, reader.tokens, dice, strict=True)
            ]
        )
        for row, found in enumerate(chosen.tolist()):
            if found in ends:
                writing.discard(row)
            if row in writing:
                written[row].append(found)
                if row == 0 and hear is not None and hear(found):
                    writing.discard(row)
        if not writing:
            break
        if number + 1 < tokens:
            reader.go_on(chosen)
    return written
