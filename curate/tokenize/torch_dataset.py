"""A run's training sequence as datasets of PyTorch, for trainers of one's own: the samples of `curate train`.

position ─▶ RunRows ─▶ row ─▶ {"input_ids", "labels", "source"};  state of a training: one integer, the next position
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from curate.errors import UsageError
from curate.run_files import MIXTURE
from curate.run_folder import folder_of
from curate.tokenize.run_rows import RunRows, open_rows

IGNORED = -100
"""What cross-entropy of PyTorch passes over by default."""


class Sample(TypedDict):
    """`input_ids` and `labels` int64[row_length], the labels one token further, IGNORED where a token is not to be
    learned; `source` indexes `sources`."""

    input_ids: Tensor
    labels: Tensor
    source: int


class SampleDataset(Dataset[Sample]):
    """By position: `dataset[i]` is row i of the plan, `len(dataset)` how many rows that has; beyond, it is gone through
    again, in another order. Every process to which it is sent opens the files anew."""

    def __init__(self, run: Path, *, row_length: int, seed: int | None) -> None:
        self._run, self._row_length, self._seed = run, row_length, seed
        self._opened  # noqa: B018  # what is wrong with the run is said here, not in a worker

    @cached_property
    def _opened(self) -> RunRows:
        return open_rows(self._run, row_length=self._row_length, seed=self._seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}

    @property
    def sources(self) -> tuple[str, ...]:
        return self._opened.sources

    def __len__(self) -> int:
        return self._opened.rows

    def __getitem__(self, position: int) -> Sample:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[Sample]:
        """What a DataLoader asks for a whole batch; a row alone takes six times as long."""
        found = self._opened.gather(np.array(positions, dtype=np.int64))
        labels = found.tokens[:, 1:] if found.mask is None else np.where(found.mask, found.tokens, IGNORED)[:, 1:]
        rows = zip(torch.from_numpy(found.tokens), torch.from_numpy(labels), found.source.tolist(), strict=True)
        return [{"input_ids": row[:-1], "labels": label, "source": source} for row, label, source in rows]


class SampleStream(IterableDataset[Sample]):
    """From a position on, for ever, this rank's rows: batch b of all ranks together is `batch_rows` x `world` rows."""

    def __init__(self, samples: SampleDataset, *, start: int, rank: int, world: int, batch_rows: int) -> None:
        self.samples = samples
        self._start, self._rank, self._world, self._batch_rows = start, rank, world, batch_rows

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        # A DataLoader asks its workers for whole batches in turn: so each makes every so manieth batch.
        batch, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        while True:
            first = self._start + (batch * self._world + self._rank) * self._batch_rows
            yield from self.samples.__getitems__(range(first, first + self._batch_rows))
            batch += step


def torch_dataset(
    run: Path | str,
    *,
    row_length: int,
    seed: int | None = None,
    iterable: bool = False,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    batch_rows: int = 1,
) -> SampleDataset | SampleStream:
    """The training sequence of a finished run: by position, or as a stream of one rank's rows.

    A stream of `iterable` is for `DataLoader(stream, batch_size=batch_rows, num_workers=…)`: batches are the same for
    any number of workers, and all ranks together see the same rows for any `world` whose batches make up as many. After
    n steps the state is one integer, `start + n * batch_rows * world`: give it as `start` to go on there. `seed` is
    the recipe's by default.

    Raises:
        UsageError: the folder holds no tokens, or a number makes no sense.
        CheckFailed: a shard is damaged.
    """
    folder = folder_of(run)
    if not (folder / MIXTURE).is_file():
        raise UsageError(f"{folder} holds no tokens: there is no {MIXTURE}; let curate run finish there first")
    if row_length < 1 or batch_rows < 1 or start < 0 or not 0 <= rank < world:
        told = f"row_length {row_length}, batch_rows {batch_rows}, start {start}, rank {rank} of {world}"
        raise UsageError(f"{told}: rows and batches have one at least, and ranks count from 0 below world")
    samples = SampleDataset(folder, row_length=row_length, seed=seed)
    if not iterable:
        return samples
    return SampleStream(samples, start=start, rank=rank, world=world, batch_rows=batch_rows)
