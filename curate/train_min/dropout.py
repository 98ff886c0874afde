"""Dropout (Srivastava et al. 2014) of what is added to the stream; its zeros follow from the row alone.

    seed, position of a row ─▶ its key ─▶ with the place in the model ─▶ with the place in the row ─▶ hash ─▶ kept, or 0

No generator has a state: a training that goes on, another number of processes, rows cut into other micro-batches, a
block that is computed again in the backward pass, and another device have the same zeros. Attention's weights have no
dropout: the kernels that are fast draw their own numbers, or have none.

Shapes in comments: B rows of T tokens, C channels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B - (1 << 32)), (16, 1))
"""Shifts and factors of lowbias32 (Wellons 2018), as int32 has them."""
PLACE = 0x9E3779B9
"""2^32 over the golden ratio: what lies between the keys of neighboring places and rows."""
SIDE = 1 << 20
"""Positions between the two texts of a pair (pairs.py), which are one row to the loop."""


class Dropout(NamedTuple):
    """Of so many rows, at one place of the model."""

    keys: Tensor
    """int32 [B]"""
    share: float
    """Of the values that become 0; the others grow by as much."""

    def at(self, place: int) -> Dropout:
        """The same rows elsewhere in the model."""
        return Dropout(_mixed(self.keys + _int32(place * PLACE)), self.share)

    def __call__(self, x: Tensor) -> Tensor:
        """Of [B, T, C]."""
        places = torch.arange(x.shape[1] * x.shape[2], dtype=torch.int32, device=x.device)
        drawn = _mixed(places ^ self.keys[:, None]).view(x.shape)
        is_kept = drawn >= int((self.share - 0.5) * 2**32)  # all int32 are equally likely
        return torch.where(is_kept, x * (1 / (1 - self.share)), 0.0)


def drop(x: Tensor, dropout: Dropout | None, place: int) -> Tensor:
    """x [B, T, C] as it is where there is no dropout."""
    return x if dropout is None else dropout.at(place)(x)


def row_dropout(share: float, seed: int, first: int, rows: int, texts: int, device: torch.device) -> Dropout | None:
    """Of the `texts` of the `rows` at positions [first, first + rows) of the training sequence: where a row is a pair,
    first one of each, then the other. None for a share of 0."""
    if not share:
        return None
    positions = torch.arange(first, first + rows, dtype=torch.int64, device=device)
    sides = torch.arange(texts // rows, dtype=torch.int64, device=device)[:, None] * SIDE
    return Dropout(_mixed(_mixed((positions + sides).flatten().int()) + _int32((seed ^ seed >> 32) * PLACE)), share)


def _mixed(x: Tensor) -> Tensor:
    """int32 of any shape, each bit of which depends on all bits of what stood there."""
    for shift, factor in ROUNDS:
        x = x ^ ((x >> shift) & ((1 << 32 - shift) - 1))  # a shift of int32 brings its sign along
        x = x * factor
    return x


def _int32(number: int) -> int:
    """The last 32 bits, as int32 has them."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)
