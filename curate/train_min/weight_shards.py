"""A model whose weights, gradients and moments lie in shards, one of each on every rank: PyTorch's FSDP2.

    1/N of each weight ─▶ gathered when its block's turn comes ─▶ forward, backward ─▶ gradients, summed ─▶ 1/N of each
    optimizer: each rank steps its own part; what needs a matrix whole gathers it ─▶ whole ─▶ … ─▶ part_of

Rajbhandari et al. 2020 (ZeRO, stage 3); Zhao et al. 2023. A shard is a DTensor, and all functions here leave a plain
tensor as it is, so that who calls them need not know which of the two it has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from curate.errors import UsageError
from curate.train_min.model import GPT


def into_shards(model: GPT, ranks: int, device: torch.device) -> None:
    """Every rank keeps its part on its device; on a GPU no more than one block is ever whole. `model.loss` gathers what
    it needs: all ranks call it as often.

    Raises:
        UsageError: this PyTorch cannot.
    """
    from torch.distributed import fsdp
    from torch.distributed.device_mesh import init_device_mesh

    if not hasattr(getattr(fsdp, "FSDPModule", None), "set_force_sum_reduction_for_comms"):
        raise UsageError(f"shard_weights=true needs a newer PyTorch than {torch.__version__}")
    mesh = init_device_mesh(device.type, (ranks,))
    # Weights travel as they are computed with, but for a router's, which is float32.
    short = None if model.config.experts else model.compute_dtype
    policy = fsdp.MixedPrecisionPolicy(param_dtype=short, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for block in model.blocks:
        fsdp.fully_shard(block, mesh=mesh, mp_policy=policy)
    # Back to parts behind the forward pass: else a model that was evaluated would stay whole.
    fsdp.fully_shard(model, mesh=mesh, reshard_after_forward=True)
    for part in (*model.blocks, model):
        # Gradients are those of one mean over all ranks' rows already; and gloo has no other reduction than sums.
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)
    fsdp.register_fsdp_forward_method(model, "loss")


def whole(tensor: Tensor) -> Tensor:
    """The tensor that a shard is of, on every rank; all of them have to ask for it."""
    gathered: Tensor = tensor.full_tensor() if _is_shard(tensor) else tensor  # type: ignore[attr-defined]
    return gathered


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This rank's shard of a tensor that every rank has, cut and placed as `like`; of another shape it stays whole."""
    if not _is_shard(like) or tensor.shape != like.shape:
        return tensor.to(like.device)
    from torch.distributed.tensor import distribute_tensor

    held: Tensor = distribute_tensor(
        tensor,
        like.device_mesh,  # type: ignore[attr-defined]
        like.placements,  # type: ignore[attr-defined]
        src_data_rank=None,  # nothing is sent: each cuts its own
    )
    return held


def _is_shard(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")  # a DTensor, whose module takes half a second to import
