"""Head and cross-entropy together, a chunk of tokens at a time: the logits of a whole batch are never held.

hidden [N, C] ─▶ logits of a chunk ─▶ nats; and in the same pass their own gradient, in place ─▶ gradients of both sides

Shapes in comments: N tokens, n of them a chunk, C channels, V ids.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 28}
"""Logits computed at once: what a CPU core's cache holds, and what keeps a GPU busy."""


UNTRAINED = -1
"""A target that is not learned: it costs nothing, and moves nothing."""


class HeadLoss(torch.autograd.Function):
    """Logits of 2,048 tokens over 32 k ids take 268 MB, and autograd would keep several copies. Here a chunk's logits
    turn into their own gradient in place and are gone before the next chunk: memory is a chunk, and no product is
    computed twice. It is right only because every token that is learned has the same weight, `scale`.
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
        z_loss: float,
    ) -> tuple[Tensor, Tensor]:
        nats = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)  # [N], N = B · T
        added = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hidden_grad = torch.empty_like(hidden) if scale is not None else None  # [N, C]
        # [padded V, C], float32: all chunks add up in it
        is_learned = ctx.needs_input_grad[1]  # type: ignore[attr-defined]  # a frozen head has none (lora.py)
        weight_grad = torch.zeros_like(weight) if scale is not None and is_learned else None
        matrix = weight.to(hidden.dtype)  # [padded V, C]
        rows = max(32, CHUNK_ELEMENTS.get(hidden.device.type, CHUNK_ELEMENTS["cpu"]) // len(matrix))
        for start in range(0, len(hidden), rows):
            chunk = slice(start, start + rows)
            is_trained = targets[chunk, None] != UNTRAINED  # [n, 1]
            column = targets[chunk, None].clamp(min=0)  # [n, 1]
            logits = (hidden[chunk] @ matrix.T).float()  # [n, padded V]
            if softcap is not None:
                logits.div_(softcap).tanh_().mul_(softcap)
            # The slope of the cap, 1 - tanh². Before the padding is -inf, whose slope times 0 would be no number.
            squeeze = 1 - (logits / softcap).square_() if softcap is not None and scale is not None else None
            logits[:, vocab_size:] = -torch.inf  # probability 0, and so no gradient
            logs = torch.log_softmax(logits, dim=1)  # [n, padded V]
            nats[chunk] = (-logs.gather(1, column) * is_trained).squeeze(1)  # [n]
            if scale is None or hidden_grad is None:
                continue
            denominator = logits.gather(1, column) - logs.gather(1, column)  # [n, 1], its logarithm
            grad = logs.exp_()  # in place: the logs are not needed any more
            if z_loss:
                added += z_loss * (denominator.square() * is_trained).sum()
                grad.mul_(1 + 2 * z_loss * denominator)  # whose logarithm has p for its gradient
            # (probability, less 1 at the target) · scale, or · 0
            grad.scatter_add_(1, column, torch.full_like(column, -1, dtype=grad.dtype)).mul_(is_trained * scale)
            if squeeze is not None:
                grad.mul_(squeeze)
            grad = grad.to(hidden.dtype)
            hidden_grad[chunk] = grad @ matrix  # [n, padded V] @ [padded V, C]
            if weight_grad is not None:
                weight_grad += grad.T @ hidden[chunk]  # [padded V, n] @ [n, C]
        if hidden_grad is not None:
            ctx.save_for_backward(hidden_grad, weight_grad)  # type: ignore[arg-type]
        ctx.mark_non_differentiable(nats)
        return (nats.sum() + added) * (scale or 1.0), nats

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors  # type: ignore[attr-defined]
        # grads[0] is that of the total, []; targets and settings have none
        of_weight = None if weight_grad is None else weight_grad * grads[0]
        return hidden_grad * grads[0].to(hidden_grad.dtype), of_weight, None, None, None, None, None
