"""Keys and values of the tokens that a model has read, so that the next token costs one token and not all before it.

    tokens [B, T] ─▶ model.hidden(tokens, cache) ─▶ cache: tokens [B, P + T], keys and values of every layer ─▶ next

Shapes in comments: B rows, P tokens read before and T new ones, K heads of keys with D channels each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from curate.errors import UsageError
from curate.train_min.config import ModelConfig


class LayerCache:
    """What one layer keeps, in memory for a whole context."""

    def __init__(self, shape: tuple[int, int, int, int], *, dtype: torch.dtype, device: torch.device) -> None:
        self._keys = torch.empty(shape, dtype=dtype, device=device)  # [B, K, context, D]
        self._values = torch.empty_like(self._keys)
        self._length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values [B, K, P + T, D], the new ones [B, K, T, D] behind those before."""
        first, self._length = self._length, self._length + keys.shape[2]
        self._keys[:, :, first : self._length] = keys
        self._values[:, :, first : self._length] = values
        return self._keys[:, :, : self._length], self._values[:, :, : self._length]


class Cache:
    """Of `rows` texts that are read side by side, up to the context of the model."""

    def __init__(self, config: ModelConfig, *, rows: int, dtype: torch.dtype, device: torch.device) -> None:
        shape = (rows, config.key_heads, config.context, config.channels)
        self.layers = [LayerCache(shape, dtype=dtype, device=device) for _ in range(config.layers)]
        self.tokens = torch.empty((rows, 0), dtype=torch.int64, device=device)  # [B, P]
        self._context = config.context

    def __len__(self) -> int:
        """Tokens of each row that were read."""
        return self.tokens.shape[1]

    def read(self, tokens: Tensor) -> Tensor:
        """All tokens [B, P + T] with the new ones [B, T].

        Raises:
            UsageError: they are more than the context.
        """
        if len(self) + tokens.shape[1] > self._context:
            raise UsageError(f"{len(self) + tokens.shape[1]} tokens are more than the context of {self._context}")
        self.tokens = torch.cat((self.tokens, tokens), dim=1)
        return self.tokens
