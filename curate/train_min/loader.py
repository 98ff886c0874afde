"""What a run folder gives a trainer: its tokens, and the rows of every step as a pure function of the position.

    RUN/tokens/mixture.json ─▶ RunRows ─▶ positions [i, i + n) ─▶ TrainRows(inputs, targets, sources)
                                               steps ─▶ ahead, in a thread ─▶ Batch(micro-batches, sources)

Nothing is remembered between calls, so batches are the same after a resume and for any split into micro-batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from curate.errors import CheckFailed, UsageError
from curate.run_files import MIXTURE, TOKEN_BYTES, TOKENS, shards
from curate.tokenize.mix import MixtureRecord, read_mixture, read_token_bytes
from curate.tokenize.run_rows import RunRows
from curate.tokenize.shards import TokenArray, open_shards
from curate.tokenize.trace import Tracer
from curate.train_min.head_loss import UNTRAINED

BLOCK, BLOCKS = 4096, 16
"""Bytes of each shard that a checkpoint is bound to, and how often."""


@dataclass(frozen=True, slots=True)
class TokenData:
    """The tokens of a run. `train` holds the sources that the mixture draws from, in the order of the mixture."""

    run: Path
    record: MixtureRecord
    train: Mapping[str, TokenArray]
    validation: Mapping[str, TokenArray]
    unvalidated: tuple[str, ...]
    """Sources that are trained on and have no validation documents: they get no score."""
    token_bytes: npt.NDArray[np.int64]
    """UTF-8 bytes of each id, int64[vocab]; 0 for end-of-text."""

    @property
    def tokenizer_file(self) -> Path | None:
        """None where tokens are bytes."""
        path = self.run / self.record.vocabulary.tokenizer
        return path if path.is_file() else None

    def fingerprint(self) -> dict[str, str]:
        """What a checkpoint is bound to, by part, so that a conflict can say which part differs."""
        plan = (self.run / MIXTURE).read_bytes()
        files = sorted(self.run.glob(f"{shards('train', '*')}/*.bin"))
        sizes = "".join(f"{path.parent.name}/{path.name} {path.stat().st_size}\n" for path in files)
        return {
            "mixture": hashlib.sha256(plan).hexdigest(),
            "tokenizer": self.record.vocabulary.fingerprint,
            "shards": hashlib.sha256(sizes.encode()).hexdigest(),
            "content of the shards": hashlib.sha256(b"".join(map(_samples, files))).hexdigest(),
        }


def _samples(path: Path) -> bytes:
    """Some blocks of a shard from its begin to its end: another tokenizer, scrubbing or order of documents changes
    them. `curate verify` reads all of it."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        starts = sorted({max(size - BLOCK, 0) * number // (BLOCKS - 1) for number in range(BLOCKS)})
        return b"".join(file.read(BLOCK) for start in starts if file.seek(start) == start)


class TrainRows(NamedTuple):
    """inputs and targets int64 [n, T], shifted by one token, the targets UNTRAINED where a token is not to be learned;
    `sources` int64 [n] indexes `Loader.sources`."""

    inputs: Tensor
    targets: Tensor
    sources: Tensor
    trained: npt.NDArray[np.int64]
    """int64 [sources]: targets that are learned, by source; known without asking the device."""


class Batch(NamedTuple):
    """What one process learns in a step, and what is known of all of the step's rows."""

    parts: tuple[tuple[Tensor, Tensor], ...]
    """Micro-batches: inputs and targets as of `TrainRows`, not yet on the device, pinned where it is CUDA."""
    sources: npt.NDArray[np.int32]
    """[rows of the step]"""
    trained: npt.NDArray[np.int64]
    """[rows of the step]: targets that are learned."""


class Loader:
    """Rows of the training sequence by position; step s of batches of B rows is positions [s·B, (s + 1)·B)."""

    def __init__(self, data: TokenData, *, context: int, seed: int, device: torch.device) -> None:
        self._rows = RunRows(data.record.mixture, data.train, row_length=context, seed=seed)
        self._vocab_size = data.record.vocabulary.size
        self._device = device
        self.sources = self._rows.sources

    def rows(self, first: int, count: int) -> TrainRows:
        """The rows at positions [first, first + count), on the device."""
        batch = self.batch(first, count, own=range(count), micro_rows=count)
        inputs, targets = (part.to(self._device) for part in batch.parts[0])
        trained = np.bincount(batch.sources, weights=batch.trained, minlength=len(self.sources)).astype(np.int64)
        return TrainRows(inputs, targets, torch.from_numpy(batch.sources.astype(np.int64)), trained)

    def batch(self, first: int, count: int, *, own: range, micro_rows: int) -> Batch:
        """Of the rows at positions [first, first + count) those that are this process's `own`, and what of all is
        asked for when a step is done."""
        source, tokens, mask = self._rows.gather(np.arange(first, first + count, dtype=np.int64))
        check_ids(tokens, self._vocab_size)
        learned = np.full(count, self._rows.row_length) if mask is None else mask[:, 1:].sum(axis=1, dtype=np.int64)
        cuts = [slice(start, start + micro_rows) for start in range(own.start, own.stop, micro_rows)]
        parts = [_part(tokens[cut], None if mask is None else mask[cut], self._device) for cut in cuts]
        return Batch(tuple(parts), source, learned)

    def tracer(self) -> Tracer:
        """From positions to documents."""
        return Tracer(self._rows, self._rows.arrays)


def _part(
    tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.uint8] | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    held = pinned(torch.from_numpy(tokens), device)
    if mask is None:
        return held[:, :-1], held[:, 1:]
    return held[:, :-1], pinned(torch.from_numpy(np.where(mask, tokens, UNTRAINED)[:, 1:].copy()), device)


def ahead(gather: Callable[[int], Batch], first: int, last: int) -> Generator[Batch, None, None]:
    """The batches of the steps [first, last): while one is learned, a thread gathers the next."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader") as thread:
        waiting = thread.submit(gather, first)
        for step in range(first, last):
            batch = waiting.result()
            if step + 1 < last:
                waiting = thread.submit(gather, step + 1)
            yield batch


def home_of_tokens(folder: Path) -> Path:
    """The folder that `tokens/` stands in, where `tokens/` itself is named."""
    return folder.parent if folder.name == TOKENS and not (folder / MIXTURE).is_file() else folder


def open_tokens(run: Path) -> TokenData:
    """Open the shards, the mixture and the vocabulary of a run.

    Raises:
        UsageError: the folder holds no tokens.
        CheckFailed: something there is damaged.
    """
    if not (run / MIXTURE).is_file():
        raise UsageError(f"{run} holds no tokens: there is no {run / MIXTURE}; let curate run finish there first")
    record = read_mixture(run / MIXTURE)
    drawn = [share.name for share in record.mixture.shares if share.tokens]
    if not drawn:
        raise UsageError(f"{run} holds no tokens: its steps kept no document (see curate show {run})")
    train = {name: open_shards(run / shards("train", name)) for name in drawn}
    folders = sorted(path for path in run.glob(shards("validation", "*")) if path.is_dir())
    opened = {path.name: open_if_any(path) for path in folders}
    validation = {name: array for name, array in opened.items() if array is not None}
    unvalidated = tuple(name for name in drawn if name not in validation)
    token_bytes = read_token_bytes(run / TOKEN_BYTES, record.vocabulary.size)
    return TokenData(run, record, train, validation, unvalidated, token_bytes)


def open_if_any(folder: Path) -> TokenArray | None:
    """None for a folder without a token: a small source may have no document in validation."""
    sizes = [path.stat().st_size for path in folder.glob("*.bin")]
    return open_shards(folder) if any(sizes) else None


def check_ids(tokens: npt.NDArray[np.integer[Any]], vocab_size: int) -> None:
    """Raises CheckFailed where a token is none of the vocabulary: a shard is damaged, or of another tokenizer."""
    most = int(tokens.max(initial=0))
    if most >= vocab_size:
        raise CheckFailed(f"a shard holds the id {most:,}, and the vocabulary has {vocab_size:,} ids: it is damaged")


def move(array: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    """To the device; through pinned memory on CUDA, so that the copy does not wait for the kernels before it."""
    return pinned(torch.from_numpy(array), device).to(device, non_blocking=True)


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory() if device.type == "cuda" else tensor
