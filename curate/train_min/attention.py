"""Attention to the past of a token, of its window and of its document.

    starts of documents, window ─▶ slices: queries, the keys that one of them sees, a mask ─▶ attend, slice by slice
                                   (a row is one slice on a GPU)

A CPU in bfloat16 takes slices in any case: there, products with the scores between them are 1.5 to 3 times as fast as
PyTorch's own kernel, which is as fast in float32 (benchmarks/train_settings.py attention).

Shapes in comments: B rows of T tokens, behind P that were read before, H heads of D channels, K of them with keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from curate.train_min.block_masks import attend_blocks

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

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
    """[B or 1, 1, queries, keys] of the queries' dtype, added to scores: 0 where a query sees a key, else -inf."""


Masks: TypeAlias = "Sequence[Slice] | BlockMask"
"""BlockMask: of FlexAttention, in blocks that are compiled (block_masks.py)."""


def attend(q: Tensor, k: Tensor, v: Tensor, masks: Masks) -> Tensor:
    """[B, H, T, D] of q [B, H, T, D], k and v [B, K, P + T, D]. Without masks, each of the T sees all up to itself,
    and a single one all that there is."""
    if not isinstance(masks, Sequence):
        return attend_blocks(q, k, v, masks)
    if not masks:
        grouped = k.shape[1] < q.shape[1]
        return F.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1, enable_gqa=grouped)
    look = _multiply if _is_short_on_cpu(q.device, q.dtype) else _look
    k, v = k.contiguous(), v.contiguous()
    parts = [
        look(part, k[:, :, each.first_key : each.last_key], v[:, :, each.first_key : each.last_key], each.mask)
        for part, each in zip(torch.split(q, [each.queries for each in masks], dim=2), masks, strict=True)
    ]
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _look(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=k.shape[1] < q.shape[1])


def _multiply(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The same with all scores of the slice at once; queries that share their keys are one matrix."""
    rows, heads, queries, channels = q.shape
    key_heads, keys = k.shape[1:3]
    scores = q.reshape(rows, key_heads, -1, channels) @ k.mT  # [B, K, H / K · T, keys]
    scores = torch.add(mask, scores.view(rows, heads, queries, keys), alpha=channels**-0.5)
    return (scores.softmax(dim=-1).view(rows, key_heads, -1, keys) @ v).view(q.shape)


def _is_short_on_cpu(device: torch.device, dtype: torch.dtype) -> bool:
    return device.type == "cpu" and dtype == torch.bfloat16


def slices_of(
    starts: Tensor | None,
    length: int,
    window: int | None,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    before: int = 0,
) -> tuple[Slice, ...]:
    """Those of T tokens of rows whose documents begin at `starts` [B, T], behind `before` others, for queries of a
    dtype; none where PyTorch's own kernel does all that is asked for."""
    is_plain = starts is None and window is None and not (before and length > 1)
    if is_plain and (length == 1 or not _is_short_on_cpu(device, dtype)):
        return ()
    size = BLOCK if device.type == "cpu" else length
    slices = []
    for first in range(0, length, size):
        queries = min(size, length - first)
        own = None if starts is None else starts[:, first : first + queries]
        # The farthest back that one of them sees: what a CPU is asked, it need not wait for.
        least = 0 if own is None or device.type != "cpu" else int(own[:, 0].min())
        if window is not None and device.type == "cpu":
            least = max(least, before + first - window + 1)
        mask = visible(own, queries, window, device, before=before + first)[..., least:]
        added = torch.zeros(mask.shape, dtype=dtype, device=device).masked_fill_(~mask, -torch.inf)
        slices.append(Slice(queries, least, before + first + queries, added))
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
