"""More weight decay and dropout for a training that goes many times through its tokens.

tokens of the training, mixture ─▶ mean_epochs ─▶ under MIN_EPOCHS as it is │ from there on stronger, up to a limit
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from curate.tokenize.mix import MixtureRecord
from curate.train_min.config import TrainConfig

MIN_EPOCHS = 4.0
"""Up to here tokens that are seen again are nearly as good as new ones (Muennighoff et al. 2023)."""
MAX_TIMES = 16.0
"""Most that weight decay is multiplied with: 1.6 where it is 0.1. The best for data that are repeated at
length is 30 times the usual one (Kim et al. 2025, arXiv:2509.14786)."""
DROPOUT = 0.1


def mean_epochs(record: MixtureRecord, tokens: int) -> float:
    """How often a training of so many tokens sees one of them, on average over all that it draws."""
    shares = [share for share in record.mixture.shares if share.tokens]
    return sum(share.drawn * tokens * share.drawn / record.held[share.name].tokens for share in shares)


def regularize(config: TrainConfig, record: MixtureRecord, given: Collection[str] = ()) -> TrainConfig:
    """The settings as `config.regularize` has them; those that somebody has `given` stay."""
    epochs = mean_epochs(record, config.steps * config.batch_tokens)
    if config.regularize == "none" or epochs < MIN_EPOCHS:
        return config
    decay = config.weight_decay * (1.0 if "weight_decay" in given else min(epochs, MAX_TIMES))
    return dataclasses.replace(config, weight_decay=decay, dropout=config.dropout if "dropout" in given else DROPOUT)
