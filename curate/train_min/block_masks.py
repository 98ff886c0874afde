"""Masks of attention in compiled blocks on CUDA: FlexAttention, which computes nothing of what is hidden whole.

    starts of documents [B, T], window ─▶ block_mask ─▶ attend_blocks, compiled: 128 by 128 scores, or none of them

Masks are made anew for every batch, outside of what is compiled, which at one shape is not compiled again (Dong et al.
2024, FlexAttention). Dense masks (attention.py) stay for what is evaluated, whose rows have any number and length.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""Queries and keys of a block; what FlexAttention has by default."""


def block_mask(starts: Tensor | None, window: int | None, length: int, device: torch.device) -> BlockMask:
    """As `attention.visible` of rows whose documents begin at `starts` [B, T], by blocks, of which those that are
    wholly hidden are left out."""

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = query >= key
        if window is not None:
            seen = seen & (query - key < window)
        return seen if starts is None else seen & (key >= starts[row, query])

    rows = None if starts is None else len(starts)
    mask: BlockMask = _maker(device.type)(sees, rows, None, length, length, device=device)
    return mask


def attend_blocks(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask) -> Tensor:
    """As `attention.attend`; on a CPU without gradients, and slowly."""
    from torch.nn.attention.flex_attention import flex_attention

    # Of values that are strided otherwise than keys, what is compiled for a CPU reads the wrong ones (PyTorch 2.13).
    q, k, v = (each.contiguous() for each in (q, k, v))
    y = flex_attention(q, k, v, block_mask=mask, enable_gqa=k.shape[1] < q.shape[1])
    assert isinstance(y, Tensor), "one value is given back unless more are asked for"
    return y


@cache
def _maker(device_type: str) -> Any:
    """Compiled on CUDA, where the whole mask of a batch is never held then."""
    from torch.nn.attention.flex_attention import create_block_mask

    return torch.compile(create_block_mask) if device_type == "cuda" else create_block_mask
