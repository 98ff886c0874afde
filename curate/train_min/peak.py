"""How much of a device a training uses: floating-point operations of a token, and what the device could do at most.

tokens/s · flops_per_token(config) / peak_flops(device) = model FLOPs utilization (Chowdhery et al. 2022)
"""

from __future__ import annotations

import time
from functools import cache

import torch

from curate.train_min.config import ModelConfig

BFLOAT16_PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "GH200": 989e12,
    "A100": 312e12,
    "A10G": 70e12,
    "L40S": 362e12,
    "L4": 121e12,
    "MI300X": 1307e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
"""Dense bfloat16 of the makers' data sheets, by a part of the device's name; the first that fits."""
SIDE, TURNS = 512, 8
"""Of the matrices whose product measures a CPU, and how often: some milliseconds."""


def flops_per_token(model: ModelConfig) -> float:
    """Of a forward and a backward pass: six for each weight that a token is multiplied with, and twelve for each
    channel of queries and each token that attention looks at (nanoGPT's count; what a mask hides is counted)."""
    seen = min(model.context, model.window or model.context)
    return 6.0 * active_weights(model) + 12.0 * model.layers * model.heads * model.channels * seen


def active_weights(model: ModelConfig) -> int:
    """Weights of the matrices that one token goes through: of experts those that it is sent to."""
    attention = (2 * model.heads + 2 * model.key_heads) * model.channels * model.width
    sides = 3 if model.activation == "swiglu" else 2
    router = model.width * (model.experts or 0)
    mlp = sides * model.width * model.inner * (model.experts_active if model.experts else 1) + router
    return model.layers * (attention + mlp) + model.width * model.padded_vocab_size


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """Operations a second: of a GPU what its maker says of bfloat16, of a CPU what a product of matrices reaches on the
    threads that torch has now. None where it is not known."""
    if device.type == "cpu":
        return _measured(torch.get_num_threads(), dtype)
    if device.type != "cuda" or dtype != torch.bfloat16:
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in BFLOAT16_PEAKS.items() if part in name), None)


@cache
def _measured(threads: int, dtype: torch.dtype) -> float:
    a = torch.ones(SIDE, SIDE, dtype=dtype)
    seconds = []
    for _ in range(TURNS):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2.0 * SIDE**3 / min(seconds)
