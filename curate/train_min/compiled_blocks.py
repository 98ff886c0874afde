"""What torch.compile has of a model on CUDA.

tokens ─▶ [embedding, blocks, last norm] ─▶ head            whole, or each block apart: weights are gathered between
mode "reduce-overhead" ─▶ CUDA graphs ─▶ gradients have places of their own, as a graph's are written over
"""

from __future__ import annotations

import torch

from curate.train_min.config import TrainConfig
from curate.train_min.model import GPT


def compile_blocks(model: GPT, config: TrainConfig, *, apart: bool = False) -> None:
    """All between the tokens and the head as one, or each block apart where something is done between them."""
    model.has_block_masks = True
    if not apart:
        model.stream = torch.compile(model.stream, mode=config.compile_mode)  # type: ignore[method-assign]
        return
    for block in model.blocks:
        block.forward = torch.compile(block.forward, mode=config.compile_mode)


def uses_graphs(config: TrainConfig) -> bool:
    """Whether what a step has left in a graph's memory is written over by the next."""
    return config.compile and config.compile_mode == "reduce-overhead"


def begin_pass(config: TrainConfig) -> None:
    """Before each micro-batch: nothing that the graphs have given before is needed any more."""
    if uses_graphs(config) and torch.cuda.is_available():
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
