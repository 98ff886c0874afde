"""Between the two matrices of an MLP: ReLU² (So et al. 2021), GELU exact or by its tanh form, or SwiGLU's product."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def activate(x: Tensor, kind: str) -> Tensor:
    """Of [..., inner]; SwiGLU (Shazeer 2020) takes [..., 2 · inner] and gives [..., inner]."""
    if kind == "swiglu":
        gate, up = x.chunk(2, dim=-1)
        return F.silu(gate) * up
    if kind in ("gelu", "gelu_exact"):
        return F.gelu(x, approximate="tanh" if kind == "gelu" else "none")
    return F.relu(x).square()
