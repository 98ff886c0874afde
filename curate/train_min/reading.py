"""A text read token after token by a model, however long it gets: what `generate` asks what follows.

tokens [B, T] ─▶ TextReader ─▶ logits [B, V] of what follows ─▶ a choice ─▶ go_on ─▶ logits …

Shapes in comments: B texts side by side, of T tokens each, V ids.
"""

from __future__ import annotations

import torch
from torch import Tensor

from curate.train_min.cache import Cache
from curate.train_min.model import GPT


class TextReader:
    """Texts that go on side by side, of any length: each token is read once, until the context is full.

    Then the model reads the newer half of it again, from position 0, and the text goes on behind that: logits are those
    of a model that is shown the tokens from `window_start` on and nothing else, whether a text was given or written.
    """

    def __init__(self, model: GPT, tokens: Tensor) -> None:
        """`tokens` int64 [B, T] are what the texts begin with, at least one."""
        self._model = model
        self._cache: Cache | None = None
        self.tokens = tokens[:, :0]
        """All that was read, [B, T]."""
        self.logits = self._read(tokens)
        """Of what follows, float32 [B, vocab_size]."""

    def go_on(self, chosen: Tensor) -> None:
        """Read the next token of each text, int64 [B]."""
        self.logits = self._read(chosen[:, None])

    @torch.no_grad()
    def _read(self, new: Tensor) -> Tensor:
        model, context = self._model, self._model.config.context
        before = window_start(self.tokens.shape[1], context)
        self.tokens = torch.cat((self.tokens, new), dim=1)
        start = window_start(self.tokens.shape[1], context)
        if self._cache is None or start > before:
            rows, new = len(self.tokens), self.tokens[:, start:]
            self._cache = Cache(model.config, rows=rows, dtype=model.compute_dtype, device=new.device)
        return model.logits(model.hidden(new, self._cache)[:, -1])


def window_start(length: int, context: int) -> int:
    """The first of `length` tokens that a model of `context` sees when it says what follows: 0 while all fit, then as
    few halves of a context further as make the rest fit."""
    half = max(context // 2, 1)
    return -(-max(length - context, 0) // half) * half
