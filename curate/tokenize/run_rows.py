"""The training sequence of a run: its draw, and the rows of tokens that stand at its positions.

RUN/tokens/mixture.json, RUN/tokens/train/* ─▶ open_rows ─▶ RunRows
position ─▶ Draw ─▶ source, epoch, row ─▶ EpochOrder ─▶ runs of tokens ─▶ row

A row overlaps with the next in one token: its last is predicted in it, and given in the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.run_files import MIXTURE, shards
from curate.tokenize.epoch_order import EpochOrder, TokenRuns
from curate.tokenize.mix import Draw, Mixture, read_mixture
from curate.tokenize.shards import TokenArray, open_shards


class GatheredRows(NamedTuple):
    """Rows by position: index of the source int32[n], tokens int64[n, row_length + 1], and of each token whether it is
    trained on, uint8 likewise; None where all are."""

    source: npt.NDArray[np.int32]
    tokens: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint8] | None


class LocatedRow(NamedTuple):
    """Where one row comes from: index of its source, epoch, and its tokens in pieces."""

    source: int
    epoch: int
    runs: TokenRuns


class RunRows:
    """The rows of a mixture by their position: `rows` of the whole plan, and beyond it through the plan again."""

    def __init__(self, mixture: Mixture, arrays: Mapping[str, TokenArray], *, row_length: int, seed: int) -> None:
        """Raises UsageError as `Draw` does."""
        held = {name: len(array) for name, array in arrays.items()}
        self._draw = Draw(mixture, seed=seed, row_length=row_length, held=held)
        self.sources, self.rows, self.row_length = self._draw.sources, self._draw.rows, row_length
        self.arrays = {name: arrays[name] for name in self.sources}
        self._is_masked = any(array.masks is not None for array in self.arrays.values())
        self._orders = [
            EpochOrder(array.ends, row_length=row_length, key=key)
            for array, key in zip(self.arrays.values(), self._draw.source_keys, strict=True)
        ]

    def gather(self, positions: npt.NDArray[np.int64]) -> GatheredRows:
        """The rows at positions int64[n]."""
        source, epoch, row = self._draw.locate(positions)
        tokens = np.empty((len(positions), self.row_length + 1), dtype=np.int64)
        mask = np.ones(tokens.shape, dtype=np.uint8) if self._is_masked else None
        for number, array in enumerate(self.arrays.values()):
            mine = np.flatnonzero(source == number)
            if len(mine):
                runs = self._orders[number].runs(epoch[mine], row[mine])
                tokens[mine] = array.gather_runs(runs, self.row_length + 1)
                if mask is not None:
                    mask[mine] = array.gather_mask(runs, self.row_length + 1)
        return GatheredRows(source, tokens, mask)

    def locate(self, position: int) -> LocatedRow:
        source, epoch, row = self._draw.locate(np.array([position], dtype=np.int64))
        return LocatedRow(int(source[0]), int(epoch[0]), self._orders[source[0]].runs(epoch, row))

    def find(self, source: int, first: int, last: int) -> npt.NDArray[np.int64]:
        """The positions of the plan, in order, whose rows hold one of the tokens [first, last) of a source (by its
        index in `sources`), inputs or last target."""
        parts = [self._orders[source].find(epoch, first, last) for epoch in range(self._draw.epochs(source))]
        epochs = np.repeat(np.arange(len(parts), dtype=np.int64), [*map(len, parts)])
        return self._draw.find(source, epochs, np.concatenate([np.zeros(0, dtype=np.int64), *parts]))


def open_rows(run: Path, *, row_length: int, seed: int | None = None) -> RunRows:
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
    return RunRows(record.mixture, arrays, row_length=row_length, seed=record.seed if seed is None else seed)
