"""What is learned of pairs: by a reward model the better answer's number, by a policy to say the better answer.

    reward:  score of the last token of the answer              margin = r(chosen) - r(rejected)
    dpo:     log p of the answer, less that of a reference      margin = beta · (Δ(chosen) - Δ(rejected))
                                                     loss = -log sigmoid(margin), of both (pairs.pair_costs)

Ouyang et al. 2022 (InstructGPT) and Rafailov et al. 2023 (Direct Preference Optimization). Shapes as in pairs.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from curate.train_min.head_loss import CHUNK_ELEMENTS, UNTRAINED
from curate.train_min.lora import low_rank_off
from curate.train_min.model import GPT
from curate.train_min.objective import Loss
from curate.train_min.pairs import Margins, pair_costs

Reference = Callable[[GPT, Tensor, Tensor], Tensor]
"""The policy and rows ─▶ log-probabilities of their answers by what is not trained, float32 [rows]."""


def pair_loss(margins: Margins, *, label_smoothing: float = 0.0) -> Loss:
    """The loss of the loop: `scale` times the sum of what pairs cost, and that of each, [n, 1]."""

    def loss(model: GPT, inputs: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        costs = pair_costs(margins(model, inputs, targets), label_smoothing)
        return costs.sum() * scale, costs.detach()[:, None]

    return loss


def reward_margins(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """r(chosen) - r(rejected), [n]."""
    chosen, rejected = rewards(model, inputs, targets).chunk(2)
    return chosen - rejected


def rewards(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """The score of each row's last token of an answer, float32 [rows]."""
    assert model.score is not None, "only a reward model has one"
    at = torch.arange(targets.shape[1], device=targets.device)
    last = torch.where(targets != UNTRAINED, at + 1, 0).amax(dim=1)  # the last target is the token behind it
    hidden = model.hidden(inputs)[torch.arange(len(inputs), device=inputs.device), last]  # [rows, C]
    scores: Tensor = model.score(hidden.float())
    return scores[:, 0]


def preference_margins(reference: Reference, *, beta: float) -> Margins:
    """Of a policy, against log-probabilities of a reference that is not trained."""

    def margins(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        gained = answer_log_probabilities(model, inputs, targets) - reference(model, inputs, targets)
        chosen, rejected = gained.chunk(2)
        return beta * (chosen - rejected)

    return margins


def frozen_reference(frozen: GPT) -> Reference:
    """That of another model."""

    @torch.no_grad()
    def log_probabilities(policy: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        frozen.to(inputs.device)
        frozen.compute_dtype, frozen.end_of_text = policy.compute_dtype, policy.end_of_text
        return answer_log_probabilities(frozen, inputs, targets)

    return log_probabilities


@torch.no_grad()
def own_reference(policy: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """That of the policy without what LoRA learns beside it: no second model is held."""
    with low_rank_off(policy):
        return answer_log_probabilities(policy, inputs, targets)


def answer_log_probabilities(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """log p of each row's answer, what ends it included, float32 [rows].

    Logits are those of answers alone, and of a chunk of tokens at a time: in the backward pass a chunk is computed
    again, so that those of a batch are never held.
    """
    hidden = model.hidden(inputs)  # [rows, T, C]
    row, at = (targets != UNTRAINED).nonzero(as_tuple=True)
    answers, wanted = hidden[row, at], targets[row, at]  # [N, C], [N]
    size = max(32, CHUNK_ELEMENTS.get(hidden.device.type, CHUNK_ELEMENTS["cpu"]) // model.config.padded_vocab_size)
    nats = [
        checkpoint(_nats, model, part, ids, use_reentrant=False)
        for part, ids in zip(torch.split(answers, size), torch.split(wanted, size), strict=True)
    ]
    summed = torch.zeros(len(inputs), dtype=torch.float32, device=hidden.device)
    return -summed.index_add(0, row, torch.cat(nats))


def _nats(model: GPT, hidden: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(model.logits(hidden), targets, reduction="none")
