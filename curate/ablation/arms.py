"""The runs that are compared, and what each of them is trained on, so that all cost the same.

RUN, RUN, … ─▶ tokens and tokenizer of each ─▶ equal tokens, or equal bytes where tokenizers differ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from curate.ablation.baselines import drawn_rows
from curate.errors import UsageError
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.train_min.loader import TokenData, open_tokens

SAMPLE_TOKENS = 1 << 20
"""Of the training sequence, to say how many bytes a token has."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A run under a name that no other has."""

    name: str
    data: TokenData
    tokenizer: Tokenizer

    @property
    def held_tokens(self) -> int:
        """All that it can be trained on, once."""
        return sum(map(len, self.data.train.values()))


@dataclass(frozen=True, slots=True)
class Budget:
    """Training tokens of each arm, in the order of the arms, and what of them is equal."""

    equal: Literal["tokens", "bytes"]
    tokens: tuple[int, ...]


def open_arms(runs: Sequence[str | Path]) -> tuple[Arm, ...]:
    """The first one is the baseline.

    Raises:
        UsageError: there are fewer than two, or one holds no tokens.
        CheckFailed: something in one is damaged.
    """
    if len(runs) < 2:
        raise UsageError(f"a comparison needs two runs or more; found {len(runs)}")
    folders = [Path(run) for run in runs]
    return tuple(
        Arm(name, data := open_tokens(folder), run_tokenizer(data))
        for name, folder in zip(_names(folders), folders, strict=True)
    )


def run_tokenizer(data: TokenData) -> Tokenizer:
    """The tokenizer that made a run's tokens, from the file in its folder."""
    file = data.tokenizer_file
    name = data.record.vocabulary.end_of_text_token
    return load_tokenizer("bytes" if file is None else file, end_of_text=name)


def share_out(arms: Sequence[Arm], tokens: int) -> Budget:
    """As many tokens for all, or, where their tokenizers differ, as many bytes as `tokens` of the baseline have."""
    if len({arm.data.record.vocabulary.fingerprint for arm in arms}) == 1:
        return Budget("tokens", (tokens,) * len(arms))
    sizes = [bytes_per_token(arm.data) for arm in arms]
    return Budget("bytes", tuple(max(round(tokens * sizes[0] / size), 1) for size in sizes))


def bytes_per_token(data: TokenData) -> float:
    """Of what a training draws, end-of-text included."""
    plan = min(data.record.mixture.tokens, SAMPLE_TOKENS)
    rows = np.concatenate([*drawn_rows(data, tokens=plan, seed=data.record.seed)])
    return float(data.token_bytes[rows].mean())


def _names(folders: Sequence[Path]) -> list[str]:
    """Those of the folders; where two have one name, as much of their paths as tells them apart, else a number."""
    paths = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["-".join(part.strip("/") for part in parts[-depth:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{parts[-1]}-{number}" for number, parts in enumerate(paths, 1)]
