"""One GPT: rotary positions, weightless RMSNorm, QK-norm, ReLU², zero-initialized output projections.

    tokens [B, T] ─▶ embed ─▶ norm ─▶ (x + attend(norm x), x + mlp(norm x)) × layers ─▶ norm ─▶ head ─▶ nats [B, T]

Shapes in comments: B rows of T tokens, C channels (`width`), in H heads of D each, V ids; N = B · T, n of them a chunk.
Weights are float32. The blocks compute in `compute_dtype`, to which each weight is cast where it is used; the loss is
always float32 and never holds the logits of a whole batch.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.train_min.config import ModelConfig

CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 28}
"""Logits computed at once: what a CPU core's cache holds, and what keeps a GPU busy."""


class GPT(nn.Module):
    """A decoder of `config`'s shape, initialized from `generator` (on the CPU, so the same on every device)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.embed = nn.Embedding(config.padded_vocab_size, config.width)  # [padded V, C]
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = None if config.tied else Linear(config.width, config.padded_vocab_size)  # [padded V, C], too
        # [context, D / 2] each
        cos, sin = rotary_table(config.context, config.width // config.heads, base=config.rope_base)
        self.register_buffer("cos", cos, persistent=False)  # not saved: it follows from the config
        self.register_buffer("sin", sin, persistent=False)
        self._initialize(generator or torch.Generator().manual_seed(0))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits float32 [B, T, vocab_size] of tokens int64 [B, T], T <= context."""
        hidden = self.hidden(tokens)
        logits = F.linear(hidden, self.head_weight.to(hidden.dtype)).float()  # [B, T, padded V]
        if self.config.softcap is not None:
            logits = self.config.softcap * torch.tanh(logits / self.config.softcap)
        return logits[..., : self.config.vocab_size]  # [B, T, V]: the ids of the padding are none

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads: compute_dtype [B, T, width]."""
        x = norm(self.embed(tokens).to(self.compute_dtype))  # [B, T] -> [B, T, C]
        length = tokens.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)  # [T, D / 2] each
        for block in self.blocks:
            x = block(x, cos, sin)  # [B, T, C]
        return norm(x)

    def loss(self, tokens: Tensor, targets: Tensor, *, scale: float) -> tuple[Tensor, Tensor]:
        """`scale` times the summed loss, to differentiate, and the loss of each token, float32 [B, T], in nats."""
        hidden = self.hidden(tokens)
        total, nats = _HeadLoss.apply(  # type: ignore[no-untyped-call]
            hidden.reshape(-1, hidden.shape[-1]),  # [B · T, C]
            self.head_weight,  # [padded V, C]
            targets.reshape(-1),  # [B · T]
            self.config.vocab_size,
            self.config.softcap,
            scale if torch.is_grad_enabled() else None,
        )
        return total, nats.view_as(targets)  # [], [B, T]

    @property
    def head_weight(self) -> Tensor:
        return self.embed.weight if self.head is None else self.head.weight

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        """Matrices that read the stream are uniform; those that write to it stay 0: each block starts as none."""
        # A uniform draw from [-b, b] has the deviation b / √3: this one 1 / √C.
        bound = math.sqrt(3.0 / self.config.width)
        for name, weight in self.named_parameters():
            if name.endswith(("qkv.weight", "up.weight")):
                weight.uniform_(-bound, bound, generator=generator)
            elif not name.startswith("blocks."):
                weight.normal_(0.0, 0.02 if name.startswith("embed.") else 0.001, generator=generator)


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(norm(x), cos, sin)
        y: Tensor = x + self.mlp(norm(x))
        return y


class Attention(nn.Module):
    """Causal self-attention. Queries and keys are normalized after rotation, which keeps their logits bounded."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = Linear(config.width, 3 * config.width)
        self.out = Linear(config.width, config.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape  # [B, T, C], with C = H · D
        # [B, T, 3C] -> 3 × [B, H, T, D]
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = norm(rotate(q, cos, sin)), norm(rotate(k, cos, sin))  # [B, H, T, D], each of length √D in every head
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # [B, H, T, D]
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))  # [B, T, C]
        return y


class MLP(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = Linear(config.width, 4 * config.width)
        self.down = Linear(4 * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.relu(self.up(x)).square())  # [B, T, C] -> [B, T, 4C] -> [B, T, C]
        return y


class Linear(nn.Module):
    """A matrix kept in float32 and applied in its input's dtype; no bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))  # [outputs, inputs], as F.linear takes it

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


def norm(x: Tensor) -> Tensor:
    """RMSNorm over the last axis without a learned weight (Zhang & Sennrich 2019)."""
    return F.rms_norm(x, (x.shape[-1],))


def rotary_table(length: int, channels: int, *, base: float) -> tuple[Tensor, Tensor]:
    """cos and sin, float32 [length, channels / 2], of the angles position · base^(-2i / channels) (Su et al. 2021)."""
    rates = base ** (-torch.arange(0, channels, 2, dtype=torch.float64) / channels)  # [D / 2]
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates  # [length, D / 2]
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [..., T, channels] with channel pairs (i, i + channels / 2) turned by the angle of their position."""
    a, b = x.chunk(2, dim=-1)  # [..., T, D / 2] each
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class _HeadLoss(torch.autograd.Function):
    """Head and cross-entropy together, a chunk of tokens at a time, the gradient in the same pass.

    Logits of 2,048 tokens over 32 k ids take 268 MB, and autograd would keep several copies. Here a chunk's logits
    turn into their own gradient in place and are gone before the next chunk: memory is a chunk, and no product is
    computed twice. It is right only because every token of a batch has the same weight, `scale`.
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        vocab_size: int,
        softcap: float | None,
        scale: float | None,
    ) -> tuple[Tensor, Tensor]:
        nats = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)  # [N], N = B · T
        hidden_grad = torch.empty_like(hidden) if scale is not None else None  # [N, C]
        # [padded V, C], float32: all chunks add up in it
        weight_grad = torch.zeros_like(weight) if scale is not None else None
        matrix = weight.to(hidden.dtype)  # [padded V, C]
        rows = max(32, CHUNK_ELEMENTS.get(hidden.device.type, CHUNK_ELEMENTS["cpu"]) // len(matrix))
        for start in range(0, len(hidden), rows):
            chunk = slice(start, start + rows)
            column = targets[chunk, None]  # [n, 1]
            logits = (hidden[chunk] @ matrix.T).float()  # [n, padded V]
            if softcap is not None:
                logits.div_(softcap).tanh_().mul_(softcap)
            # The slope of the cap, 1 - tanh². Before the padding is -inf, whose slope times 0 would be no number.
            squeeze = 1 - (logits / softcap).square_() if softcap is not None and scale is not None else None
            logits[:, vocab_size:] = -torch.inf  # probability 0, and so no gradient
            logs = torch.log_softmax(logits, dim=1)  # [n, padded V]
            nats[chunk] = -logs.gather(1, column).squeeze(1)  # [n]
            if scale is None or hidden_grad is None or weight_grad is None:
                continue
            grad = logs.exp_()  # in place: the logs are not needed any more
            # (probability, less 1 at the target) · scale
            grad.scatter_add_(1, column, torch.full_like(column, -1, dtype=grad.dtype)).mul_(scale)
            if squeeze is not None:
                grad.mul_(squeeze)
            grad = grad.to(hidden.dtype)
            hidden_grad[chunk] = grad @ matrix  # [n, padded V] @ [padded V, C]
            weight_grad += grad.T @ hidden[chunk]  # [padded V, n] @ [n, C]
        if hidden_grad is not None and weight_grad is not None:
            ctx.save_for_backward(hidden_grad, weight_grad)
        ctx.mark_non_differentiable(nats)
        return nats.sum() * (scale or 1.0), nats

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors  # type: ignore[attr-defined]
        # grads[0] is that of the total, []; targets and settings have none
        return hidden_grad * grads[0].to(hidden_grad.dtype), weight_grad * grads[0], None, None, None, None
