"""The training sequence of a run, opened: its draw, and the tokens of each source that it draws from.

RUN/tokens/mixture.json, RUN/tokens/train/* ─▶ open_rows ─▶ Draw, by source the tokens
"""

from __future__ import annotations

from pathlib import Path

from curate.errors import UsageError
from curate.run_files import MIXTURE, shards
from curate.tokenize.mix import Draw, read_mixture
from curate.tokenize.shards import TokenArray, open_shards


def open_rows(run: Path, *, row_length: int, seed: int | None = None) -> tuple[Draw, dict[str, TokenArray]]:
    """`seed` is the recipe's by default.

    Raises:
        UsageError: the run holds no tokens.
        CheckFailed: something there is damaged.
    """
    record = read_mixture(run / MIXTURE)
    names = [share.name for share in record.mixture.shares if share.tokens]
    if not names:
        raise UsageError(f"{run} holds no tokens: its steps kept no document")
    arrays = {name: open_shards(run / shards("train", name)) for name in names}
    held = {name: len(array) for name, array in arrays.items()}
    draw = Draw(record.mixture, seed=record.seed if seed is None else seed, row_length=row_length, held=held)
    return draw, arrays
