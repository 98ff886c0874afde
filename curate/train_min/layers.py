"""The parts of a block: norms, rotary positions, attention, MLP.

    x [B, T, C] ─▶ qkv ─▶ norm, rotate ─▶ attend to the past (of the window, of the document) ─▶ out
    x [B, T, C] ─▶ up ─▶ ReLU², GELU, or SwiGLU ─▶ down

Shapes in comments: B rows of T tokens, C channels (`width`), in H heads of D each, of which K have keys of their own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.train_min.activate import activate
from curate.train_min.attention import Masks, attend
from curate.train_min.cache import LayerCache
from curate.train_min.config import ModelConfig
from curate.train_min.dropout import Dropout, drop
from curate.train_min.moe import MoE


class Linear(nn.Module):
    """A matrix kept in float32 and applied in its input's dtype."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))  # [outputs, inputs], as F.linear takes it
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Norm(nn.Module):
    """RMSNorm over the last axis (Zhang & Sennrich 2019), without or with a weight for each channel, or LayerNorm."""

    def __init__(self, kind: str, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = None if kind == "plain" else nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if kind == "layer" else None

    def forward(self, x: Tensor) -> Tensor:
        weight = None if self.weight is None else self.weight.to(x.dtype)
        if self.bias is None:
            return F.rms_norm(x, (x.shape[-1],), weight, self.eps)
        return F.layer_norm(x, (x.shape[-1],), weight, self.bias.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Causal self-attention. Norms of queries and keys, where there are any, stand before their rotation."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.key_heads, self.channels = config.heads, config.key_heads, config.channels
        both = (config.heads + 2 * config.key_heads) * config.channels
        self.qkv = Linear(config.width, both, bias=config.bias)
        self.out = Linear(config.heads * config.channels, config.width, bias=config.bias)
        self.is_normed = config.qk_norm != "none"
        if self.is_normed:
            self.q_norm = Norm(config.qk_norm, config.channels, config.norm_eps)
            self.k_norm = Norm(config.qk_norm, config.channels, config.norm_eps)

    def forward(
        self,
        x: Tensor,
        turns: tuple[Tensor, Tensor] | None,
        masks: Masks = (),
        cache: LayerCache | None = None,
    ) -> Tensor:
        """`turns` are cos and sin of the positions' angles, [T, D / 2] each, where they are rotary; `masks` say which
        tokens each may see, without them all that are not behind it. With a `cache` of P tokens before these, these
        see them, too."""
        batch, length, _ = x.shape  # [B, T, C]
        q, k, v = self.qkv(x).split([self.channels * n for n in (self.heads, self.key_heads, self.key_heads)], dim=-1)
        q = q.view(batch, length, self.heads, -1).transpose(1, 2)  # [B, H, T, D]
        k, v = (part.view(batch, length, self.key_heads, -1).transpose(1, 2) for part in (k, v))  # [B, K, T, D]
        if self.is_normed:
            q, k = self.q_norm(q), self.k_norm(k)  # each of length √D in every head, but for weights
        if turns is not None:
            q, k = rotate(q, *turns), rotate(k, *turns)
        if cache is not None:
            k, v = cache.extend(k, v)  # [B, K, P + T, D]
        y: Tensor = self.out(
            attend(q, k, v, masks).transpose(1, 2).reshape(batch, length, -1)
        )  # [B, H, T, D] -> [B, T, C]
        return y


class MLP(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        sides = 2 if config.activation == "swiglu" else 1
        self.up = Linear(config.width, sides * config.inner, bias=config.bias)
        self.down = Linear(config.inner, config.width, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(activate(self.up(x), self.activation))  # [B, T, C] -> [B, T, inner] -> [B, T, C]
        return y


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = Norm(config.norm, config.width, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = Norm(config.norm, config.width, config.norm_eps)
        self.mlp = MoE(config) if config.experts else MLP(config)

    def forward(
        self,
        x: Tensor,
        turns: tuple[Tensor, Tensor] | None,
        masks: Masks = (),
        cache: LayerCache | None = None,
        dropout: Dropout | None = None,
    ) -> Tensor:
        x = x + drop(self.attention(self.attention_norm(x), turns, masks, cache), dropout, 0)
        y: Tensor = x + drop(self.mlp(self.mlp_norm(x)), dropout, 1)
        return y


def rotary_table(length: int, channels: int, *, base: float) -> tuple[Tensor, Tensor]:
    """cos and sin, float32 [length, channels / 2], of the angles position · base^(-2i / channels) (Su et al. 2021)."""
    rates = base ** (-torch.arange(0, channels, 2, dtype=torch.float64) / channels)  # [D / 2]
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates  # [length, D / 2]
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [..., T, channels] with channel pairs (i, i + channels / 2) turned by the angle of their position."""
    a, b = x.chunk(2, dim=-1)  # [..., T, D / 2] each
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def pair_hashes(tokens: Tensor, rows: int) -> Tensor:
    """int64 [B, T]: of each token and the one before it, a row of a table; before the first one stands no id."""
    before = F.pad(tokens[:, :-1], (1, 0), value=-1) + 1
    mixed = before * 0x9E3779B1 + tokens * 0x85EBCA77
    return (mixed ^ (mixed >> 15)) % rows


def uniform_bound(width: int) -> float:
    """A uniform draw from [-b, b] has the deviation b / √3: this one 1 / √width."""
    return math.sqrt(3.0 / width)
