"""Pairs of answers as rows of tokens, and what a model thinks of them.

    Pair ─▶ ids of both, from an end-of-text on ─▶ split in two ─▶ PairSource.batch ─▶ margins [n] ─▶ costs │ PairScore

Rows of n pairs are [2n, T]: all chosen answers, then the rejected ones; targets are the tokens of the answer and of
what ends it, all others UNTRAINED. Rows are filled up on the right, where nothing before them sees it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from curate.readers.turns import Turn
from curate.train_min.dialogue import Dialogue
from curate.train_min.head_loss import UNTRAINED
from curate.train_min.left_out import LeftOut
from curate.train_min.loader import Batch, pinned
from curate.train_min.model import GPT
from curate.train_min.preferences import Pair

VALIDATION_SHARE = 0.05
MIN_VALIDATED = 20
"""With fewer examples none is kept for validation."""
BATCH = 500
"""Pairs that are encoded at once."""
FULL = 64
"""Rows are as long as their longest, in whole sixty-fours up to the context: a GPU meets few shapes."""

Ids = npt.NDArray[np.int64]
Margins = Callable[[GPT, Tensor, Tensor], Tensor]
"""Of rows of pairs: by how much a model holds with the chosen answer of each, float32 [n]."""


@dataclass(frozen=True, slots=True)
class PairTokens:
    """One pair: the ids of both conversations, and where in each the answer begins, which is the rest of it."""

    chosen: Ids
    rejected: Ids
    chosen_at: int
    rejected_at: int


@dataclass(frozen=True, slots=True)
class PairScore:
    """How well a model tells the answers of held-out pairs apart."""

    source: str
    pairs: int
    loss: float
    """Nats a pair; ln 2 where it cannot tell."""
    accuracy: float
    """Share of the pairs whose chosen answer it holds with; half of those that it holds equal."""
    margin: float
    """By how much, on average."""


def encode_pairs(pairs: Sequence[Pair], dialogue: Dialogue, *, context: int, left: LeftOut) -> list[PairTokens]:
    """Those that fit into a context; the others are counted."""
    found = []
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        sides = [[*pair.turns, Turn("assistant", answer)] for pair in part for answer in (pair.chosen, pair.rejected)]
        answered = list(_answered(dialogue, sides))
        for (chosen, chosen_at), (rejected, rejected_at) in zip(answered[::2], answered[1::2], strict=True):
            if (longest := max(len(chosen), len(rejected))) > context:
                left.add("too_long", f"a pair of {longest:,} tokens is longer than the context of {context:,}")
            else:
                found.append(PairTokens(chosen, rejected, chosen_at, rejected_at))
    return found


def split_pairs(pairs: Sequence[PairTokens], *, seed: int) -> tuple[list[PairTokens], list[PairTokens]]:
    """Those to learn, and a share of them, drawn by the seed, to judge by."""
    order = np.random.default_rng([seed, 1]).permutation(len(pairs))
    held = math.ceil(VALIDATION_SHARE * len(pairs)) if len(pairs) >= MIN_VALIDATED else 0
    return [pairs[place] for place in np.sort(order[held:])], [pairs[place] for place in np.sort(order[:held])]


class PairSource:
    """Pairs by position: each once an epoch, every epoch in another order of the seed."""

    def __init__(
        self, name: str, pairs: Sequence[PairTokens], *, seed: int, context: int, padding: int, device: torch.device
    ) -> None:
        self.sources: tuple[str, ...] = (name,)
        self._pairs, self._context, self._padding, self._device = pairs, context, padding, device
        self._order = lru_cache(2)(lambda epoch: np.random.default_rng([seed, 2, epoch]).permutation(len(pairs)))

    def batch(self, first: int, count: int, *, own: range, micro_rows: int) -> Batch:
        """Of the pairs at positions [first, first + count) those that are this process's `own`."""
        chosen = [self._pairs[place] for place in self.places(range(first, first + count))]
        cuts = (chosen[own.start : own.stop][at : at + micro_rows] for at in range(0, len(own), micro_rows))
        parts = (pair_rows(cut, context=self._context, padding=self._padding) for cut in cuts)
        held = tuple((pinned(rows.inputs, self._device), pinned(rows.targets, self._device)) for rows in parts)
        return Batch(held, np.zeros(count, dtype=np.int32), np.ones(count, dtype=np.int64))

    def places(self, positions: Iterable[int]) -> list[int]:
        """The numbers of the pairs that stand there."""
        found = (divmod(position, len(self._pairs)) for position in positions)
        return [int(self._order(epoch)[place]) for epoch, place in found]


class PairRows(NamedTuple):
    """inputs and targets int64 [2n, T], the targets one token ahead."""

    inputs: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> PairRows:
        return PairRows(self.inputs.to(device), self.targets.to(device))


def pair_rows(pairs: Sequence[PairTokens], *, context: int, padding: int) -> PairRows:
    sides = [(pair.chosen, pair.chosen_at) for pair in pairs] + [(pair.rejected, pair.rejected_at) for pair in pairs]
    length = min(-(-max(len(ids) for ids, _ in sides) // FULL) * FULL, context)
    inputs = np.full((len(sides), length), padding, dtype=np.int64)
    targets = np.full((len(sides), length), UNTRAINED, dtype=np.int64)
    for row, (ids, begins) in enumerate(sides):
        inputs[row, : len(ids)] = ids
        targets[row, begins - 1 : len(ids) - 1] = ids[begins:]
    return PairRows(torch.from_numpy(inputs), torch.from_numpy(targets))


def pair_costs(margins: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """-log sigmoid of a margin, the nats of Bradley & Terry's model (1952); with smoothing, that share of the pairs is
    taken to be labeled the wrong way round (Mitchell 2023)."""
    return -(1 - label_smoothing) * F.logsigmoid(margins) - label_smoothing * F.logsigmoid(-margins)


@torch.no_grad()
def score_pairs(
    model: GPT, margins: Margins, name: str, pairs: Sequence[PairTokens], *, rows: int, padding: int, smoothing: float
) -> tuple[PairScore, ...]:
    """One score of all pairs, `rows` of them at a time; none where there are no pairs."""
    if not pairs:
        return ()
    device, context = model.embed.weight.device, model.config.context
    parts = [pairs[start : start + rows] for start in range(0, len(pairs), rows)]
    batches = (pair_rows(part, context=context, padding=padding).to(device) for part in parts)
    found = torch.cat([margins(model, *batch).double().cpu() for batch in batches])
    right = float((found > 0).double().mean() + 0.5 * (found == 0).double().mean())
    return (PairScore(name, len(pairs), float(pair_costs(found, smoothing).mean()), right, float(found.mean())),)


def _answered(dialogue: Dialogue, conversations: Sequence[Sequence[Turn]]) -> Iterator[tuple[Ids, int]]:
    """The ids of each up to the end of the last answer, behind an end-of-text, and where that answer begins."""
    found = dialogue.conversations(conversations)
    for first, behind in pairwise(found.offsets.tolist()):
        targets = found.targets[first:behind]
        last = int(np.flatnonzero(targets)[-1])
        begins = int(np.flatnonzero(targets[:last] == 0)[-1]) + 1
        ids = np.concatenate([[dialogue.tokenizer.end_of_text], found.tokens[first : first + last + 1]])
        yield ids.astype(np.int64), begins + 1
