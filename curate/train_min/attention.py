"""Attention to the past of a token, of its window and of its document.

    starts of documents, window ─▶ slices: queries, the keys that one of them sees, a mask ─▶ attend, slice by slice
                                   (a row of one slice on a GPU, whose kernels skip what a mask hides by themselves)

Shapes in comments: B rows of T tokens, behind P that were read before, H heads of D channels, K of them with keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 256
"""Queries of a slice on a CPU: of the keys behind its last one, and before all of its documents, none is multiplied."""


class Slice(NamedTuple):
    """Queries that are attended to together."""

    queries: int
    """Behind those of the slice before."""
    first_key: int
    last_key: int
    """One behind the last."""
    mask: Tensor
    """bool [B or 1, 1, queries, keys]: which query sees which key."""


def attend(q: Tensor, k: Tensor, v: Tensor, slices: Sequence[Slice]) -> Tensor:
    """[B, H, T, D] of q [B, H, T, D], k and v [B, K, P + T, D]. Without slices, each of the T sees all up to itself,
    and a single one all that there is."""
    grouped = k.shape[1] < q.shape[1]
    if not slices:
        return F.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1, enable_gqa=grouped)
    parts = [
        F.scaled_dot_product_attention(
            part,
            k[:, :, each.first_key : each.last_key],
            v[:, :, each.first_key : each.last_key],
            attn_mask=each.mask,
            enable_gqa=grouped,
        )
        for part, each in zip(torch.split(q, [each.queries for each in slices], dim=2), slices, strict=True)
    ]
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def slices_of(
    starts: Tensor | None, length: int, window: int | None, device: torch.device, *, before: int = 0
) -> tuple[Slice, ...]:
    """Those of T tokens of rows whose documents begin at `starts` [B, T], behind `before` others."""
    size = BLOCK if device.type == "cpu" else length
    slices = []
    for first in range(0, length, size):
        queries = min(size, length - first)
        own = None if starts is None else starts[:, first : first + queries]
        # The farthest back that one of them sees: what a CPU is asked, it need not wait for.
        least = 0 if own is None or device.type != "cpu" else int(own[:, 0].min())
        if window is not None and device.type == "cpu":
            least = max(least, before + first - window + 1)
        mask = visible(own, queries, window, device, before=before + first)
        slices.append(Slice(queries, least, before + first + queries, mask[..., least:]))
    return tuple(slices)


def visible(starts: Tensor | None, length: int, window: int | None, device: torch.device, *, before: int = 0) -> Tensor:
    """Which tokens each may see, bool [B or 1, 1, T, before + T]: none behind it, none farther back than `window`, none
    before `starts` [B, T], where its document begins; `before` are tokens that were read before the T."""
    at = torch.arange(before + length, device=device)
    now = at[before:, None]
    mask = (now >= at)[None]  # [1, T, before + T]: row sees column
    if window is not None:
        mask = mask & (now - at < window)
    if starts is not None:
        mask = mask & (at >= starts[:, :, None])
    return mask[:, None]


def document_starts(tokens: Tensor, end_of_text: int) -> Tensor:
    """int64 [B, T]: where in its row the document of each token begins; an end-of-text ends its own."""
    at = torch.arange(tokens.shape[1], device=tokens.device)
    begins = torch.zeros_like(tokens)
    begins[:, 1:] = torch.where(tokens[:, :-1] == end_of_text, at[1:], 0)
    return begins.cummax(dim=1).values
