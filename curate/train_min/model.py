"""One GPT: of our own shape (rotary positions, weightless RMSNorm, QK-norm, ReLU²), or of GPT-2's, Llama's or Qwen 3's.

    tokens [B, T] ─▶ embed ─▶ (x + attend(norm x), x + mlp(norm x)) × layers ─▶ norm ─▶ head ─▶ nats [B, T]

Shapes in comments: B rows of T tokens, C channels (`width`), D of them a head, V ids.
Weights are float32. The blocks compute in `compute_dtype`, to which each weight is cast where it is used; the loss is
always float32 and never holds the logits of a whole batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from curate.train_min.attention import Masks, document_starts, slices_of
from curate.train_min.block_masks import BLOCK, block_mask
from curate.train_min.cache import Cache
from curate.train_min.config import ModelConfig
from curate.train_min.dropout import Dropout
from curate.train_min.head_loss import HeadLoss
from curate.train_min.layers import (
    Block,
    Linear,
    Norm,
    pair_hashes,
    rotary_table,
    uniform_bound,
)


class GPT(nn.Module):
    """A decoder of `config`'s shape, initialized from `generator` (on the CPU, so the same on every device)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.recompute = False
        """Blocks are computed once more in the backward pass, and keep their inputs alone."""
        self.has_block_masks = False
        """What is learned under masks has those of FlexAttention: its blocks are compiled."""
        self.z_loss = 0.0
        """See `TrainConfig`."""
        self.dropout: Dropout | None = None
        """Of the rows that are learned next; what is evaluated has none."""
        self.end_of_text: int | None = None
        """What ends a document, for `config.documents`."""
        self.embed = nn.Embedding(config.padded_vocab_size, config.width)  # [padded V, C]
        self.pairs = nn.Embedding(config.token_pairs, config.width) if config.token_pairs else None
        self.positions = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.embed_norm = Norm("plain", config.width, config.norm_eps) if config.embed_norm else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.last_norm = Norm(config.norm, config.width, config.norm_eps)
        self.score: Linear | None = None  # of a reward model (rewards.py)
        self.head = None if config.tied else Linear(config.width, config.padded_vocab_size)  # [padded V, C], too
        cos, sin = rotary_table(config.context, config.channels, base=config.rope_base)  # [context, D / 2] each
        self.register_buffer("cos", cos, persistent=False)  # not saved: it follows from the config
        self.register_buffer("sin", sin, persistent=False)
        self._initialize(generator or torch.Generator().manual_seed(0))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits float32 [B, T, vocab_size] of tokens int64 [B, T], T <= context."""
        return self.logits(self.hidden(tokens))

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits float32 [..., vocab_size] of what the head reads, [..., width]."""
        logits = F.linear(hidden, self.head_weight.to(hidden.dtype)).float()  # [B, T, padded V]
        if self.config.softcap is not None:
            logits = self.config.softcap * torch.tanh(logits / self.config.softcap)
        return logits[..., : self.config.vocab_size]  # [B, T, V]: the ids of the padding are none

    def hidden(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """What the head reads: compute_dtype [B, T, width]. With a cache, the tokens go on behind those that it has
        read, and it reads them, too."""
        before, read = (0, tokens) if cache is None else (len(cache), cache.read(tokens))  # [B, P + T]
        starts = self._document_starts(read)
        if starts is not None:
            starts = starts[:, before:]
        return self.stream(tokens, read, starts, self._masks(tokens, starts, before), cache)

    def _masks(self, tokens: Tensor, starts: Tensor | None, before: int) -> Masks:
        """Which tokens each may see. Compiled blocks learn rows of one number and length, for which nothing is compiled
        again; other rows have dense masks."""
        length, window = tokens.shape[1], self.config.window
        is_learned = torch.is_grad_enabled() and not self.recompute and length % BLOCK == 0
        if self.has_block_masks and is_learned and (starts is not None or window is not None):
            return block_mask(starts, window, length, tokens.device)
        return slices_of(starts, length, window, tokens.device, self.compute_dtype, before=before)

    def stream(
        self, tokens: Tensor, read: Tensor, starts: Tensor | None, masks: Masks, cache: Cache | None = None
    ) -> Tensor:
        """All between the tokens and the head, and what is compiled. `read` [B, P + T] ends with the tokens, `starts`
        [B, T] says where their documents begin."""
        length = tokens.shape[1]
        before = read.shape[1] - length
        x = self.embed(tokens)  # [B, T] -> [B, T, C]
        if self.pairs is not None:
            x = x + self.pairs(pair_hashes(read, len(self.pairs.weight))[:, before:])
        if self.positions is not None:
            at = torch.arange(before, before + length, device=tokens.device)
            x = x + self.positions(at if starts is None else at - starts)  # counted from where the document begins
        x = x.to(self.compute_dtype)
        if self.embed_norm is not None:
            x = self.embed_norm(x)
        dropout = self.dropout if torch.is_grad_enabled() else None
        if dropout is not None:
            x = dropout.at(0)(x)
        turns = None
        if self.positions is None:  # distances alone count, so a document may begin at any angle
            now = slice(before, before + length)
            turns = self.cos[now].to(x.dtype), self.sin[now].to(x.dtype)  # [T, D / 2] each
        for number, block in enumerate(self.blocks):
            layer = None if cache is None else cache.layers[number]
            here = None if dropout is None else dropout.at(number + 1)
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, turns, masks, layer, here, use_reentrant=False)
            else:
                x = block(x, turns, masks, layer, here)  # [B, T, C]
        y: Tensor = self.last_norm(x)
        return y

    def loss(self, tokens: Tensor, targets: Tensor, *, scale: float) -> tuple[Tensor, Tensor]:
        """`scale` times the summed loss, to differentiate, and the loss of each token, float32 [B, T], in nats."""
        hidden = self.hidden(tokens)
        total, nats = HeadLoss.apply(  # type: ignore[no-untyped-call]
            hidden.reshape(-1, hidden.shape[-1]),  # [B · T, C]
            self.head_weight,  # [padded V, C]
            targets.reshape(-1),  # [B · T]
            self.config.vocab_size,
            self.config.softcap,
            scale if torch.is_grad_enabled() else None,
            self.z_loss,
        )
        return total, nats.view_as(targets)  # [], [B, T]

    @property
    def head_weight(self) -> Tensor:
        return self.embed.weight if self.head is None else self.head.weight

    def _document_starts(self, tokens: Tensor) -> Tensor | None:
        if not self.config.documents:
            return None
        assert self.end_of_text is not None, "a model that keeps documents apart is told what ends them"
        return document_starts(tokens, self.end_of_text)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        """Matrices that read the stream are uniform; those that write to it stay 0: each block starts as none."""
        bound = uniform_bound(self.config.width)
        for name, weight in self.named_parameters():
            if name.endswith(("qkv.weight", "up.weight", "mlp.up", "mlp.router")):
                weight.uniform_(-bound, bound, generator=generator)
            elif name in ("embed.weight", "positions.weight", "head.weight"):
                weight.normal_(0.0, 0.001 if name.startswith("head.") else 0.02, generator=generator)
        if self.pairs is not None:
            self.pairs.weight.zero_()  # each pair is no more than its token until it is met
