"""Shards of tokens: a raw file with views of its documents beside it; many of them are read as one ring.

tokens, offsets, ids ─▶ NNNNN.bin: little-endian uint16 or uint32, end-of-text after each document, and its views
folder of shards ─▶ open_shards ─▶ TokenArray.gather(starts, length) ─▶ rows for a trainer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curate.engine.whole import OpenFile, plain_file
from curate.errors import CheckFailed, UsageError
from curate.tokenize.document_ends import DOCUMENT_ENDS, read_ends
from curate.tokenize.document_table import DOCUMENT_TABLE, read_documents
from curate.tokenize.epoch_order import TokenRuns
from curate.tokenize.loss_mask import open_mask
from curate.tokenize.view import ShardDocuments, Tokens, View
from curate.tokenize.views import PAYLOAD, VIEWS, write_views

if TYPE_CHECKING:  # tokens are read without polars; only what tells of documents needs it
    import polars as pl


def write_shard(
    folder: Path,
    name: str,
    tokens: Tokens,
    offsets: npt.NDArray[np.int64],
    ids: pl.Series,
    byte_counts: pl.Series,
    extra: pl.DataFrame | None = None,
    *,
    targets: npt.NDArray[np.uint8] | None = None,
    open_file: OpenFile = plain_file,
    views: Sequence[View] = VIEWS,
) -> list[Path]:
    """Write the files of the shard `name` ("00000") into an existing folder; returns their paths, the payload first.

    Document i is `tokens[offsets[i]:offsets[i + 1]]`, end-of-text included; tokens are uint16 or uint32, and `ids`
    (String) and `byte_counts` (bytes of UTF-8 text) have one row a document. `extra` adds columns to the table.
    `targets`, 1 or 0 a token, tell what is trained on where that is not all.
    Nothing is synced or renamed: give it a temporary folder.

    Raises:
        UsageError: the parts do not fit together, or the tokens have another dtype.
    """
    _check_parts(tokens, offsets, ids, byte_counts)
    if targets is not None and len(targets) != len(tokens):
        raise UsageError(f"{len(targets)} targets and {len(tokens)} tokens do not fit together")
    payload = folder / f"{name}{PAYLOAD}"
    with open_file(payload) as file:
        file.write(tokens.astype(tokens.dtype.newbyteorder("<"), copy=False).tobytes())
    documents = ShardDocuments(ids, np.diff(offsets), byte_counts, tokens.dtype.itemsize, extra, targets)
    return [payload, *write_views(payload, documents, open_file, views)]


def _check_parts(tokens: Tokens, offsets: npt.NDArray[np.int64], ids: pl.Series, byte_counts: pl.Series) -> None:
    if tokens.dtype not in (np.uint16, np.uint32):
        raise UsageError(f"tokens of a shard are uint16 or uint32, not {tokens.dtype}")
    if not len(offsets) == len(ids) + 1 == len(byte_counts) + 1:
        raise UsageError(
            f"{len(offsets)} offsets, {len(ids)} ids and {len(byte_counts)} byte counts do not fit together"
        )
    if offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 1).any():
        raise UsageError(f"the offsets must rise from 0 to {len(tokens)}, the number of tokens")


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard, memory-mapped: document i is `tokens[ends[i - 1]:ends[i]]`."""

    path: Path
    tokens: Tokens
    ends: npt.NDArray[np.uint64]

    def document(self, number: int) -> Tokens:
        """The tokens of one document, end-of-text included: a view, no copy."""
        first, last = self.span(number)
        return self.tokens[first:last]

    def span(self, number: int) -> tuple[int, int]:
        """The first token of a document, and the one behind its last."""
        return int(self.ends[number - 1]) if number else 0, int(self.ends[number])

    def mask(self) -> npt.NDArray[np.uint8] | None:
        """uint8 a token, memory-mapped: 1 where it is trained on, else 0. None: all are.

        Raises:
            CheckFailed: it is damaged.
        """
        return open_mask(self.path, len(self.tokens))

    def documents(self) -> pl.DataFrame:
        """The table beside it: id, bytes, tokens of each document.

        Raises:
            CheckFailed: it is missing or damaged, or counts other documents.
        """
        return read_documents(DOCUMENT_TABLE.beside(self.path), self.ends)


def open_shard(path: Path) -> Shard:
    """Open NNNNN.bin. The width of a token follows from the sizes of the payload and of its index.

    Raises:
        CheckFailed: a file is missing, or payload and index do not fit together.
    """
    index = DOCUMENT_ENDS.beside(path)
    if not index.is_file():
        raise CheckFailed(f"{path.name} has no {index.name} beside it in {path.parent}")
    try:
        ends, size = read_ends(index), path.stat().st_size
        dtype = _width(ends, size, path)
        tokens = np.memmap(path, dtype=dtype, mode="r") if size else np.zeros(0, dtype=dtype)
    except OSError as error:
        raise CheckFailed(f"{path} cannot be read: {error.strerror}") from error
    return Shard(path, tokens.view(np.ndarray), ends)  # a plain array over the map: slices of it cost a tenth


def _width(ends: npt.NDArray[np.uint64], size: int, path: Path) -> np.dtype[Any]:
    count = int(ends[-1]) if len(ends) else 0
    width = size // count if count else 2  # of an empty shard any: it is left out of the source
    if width not in (2, 4) or size != width * count:
        raise CheckFailed(f"{path} has {size} bytes, and its index counts {count} tokens: one of them is damaged")
    return np.dtype(f"<u{width}")


class TokenArray:
    """All shards of one source, in the order of their names, as one ring of tokens: after the last comes the first."""

    def __init__(self, shards: tuple[Shard, ...]) -> None:
        self.shards = shards
        self.dtype = shards[0].tokens.dtype
        self._bounds = _bounds([len(shard.tokens) for shard in shards])
        self._document_bounds = _bounds([len(shard.ends) for shard in shards])

    def __len__(self) -> int:
        """Tokens, end-of-text included."""
        return int(self._bounds[-1])

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """Cumulative document ends in tokens over all shards, int64[documents]."""
        firsts = self._bounds[:-1]
        parts = [shard.ends.astype(np.int64) + first for shard, first in zip(self.shards, firsts, strict=True)]
        return np.concatenate(parts)

    def documents(self) -> pl.DataFrame:
        """id, bytes, tokens of every document, in the order of the tokens."""
        import polars as pl

        return pl.concat([shard.documents() for shard in self.shards])

    def pick(self, numbers: npt.NDArray[np.int64]) -> pl.DataFrame:
        """id, bytes, tokens of the documents with these numbers, in their order; reads one shard's table at a time."""
        import polars as pl

        # The last shard that begins at or before a number: a number that is a bound is the first of the next shard.
        shard_of = np.searchsorted(self._document_bounds, numbers, side="right") - 1
        order = np.argsort(shard_of, kind="stable")
        parts = [self.shards[0].documents().clear()]
        for shard in np.unique(shard_of).tolist():
            local = numbers[shard_of == shard] - self._document_bounds[shard]
            parts.append(self.shards[shard].documents()[local])
        return pl.concat(parts)[np.argsort(order, kind="stable")]  # the inverse of `order`: back as they were asked for

    def document(self, number: int) -> Tokens:
        """The tokens of one document, end-of-text included: a view, no copy."""
        shard, local = self.place(number)
        return self.shards[shard].document(local)

    def place(self, number: int) -> tuple[int, int]:
        """The number of the shard that a document is in, and the document's own there."""
        shard = int(np.searchsorted(self._document_bounds, number, side="right")) - 1
        return shard, number - int(self._document_bounds[shard])

    def gather(self, starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
        """Row i is the `length` tokens from `starts[i]` on, as int64[n, length]; rows go on over shards and the end."""
        rows = np.empty((len(starts), length), dtype=np.int64)
        parts = [shard.tokens for shard in self.shards]
        for row, start in zip(rows, starts, strict=True):
            self._copy(row, int(start) % len(self), parts)
        return rows

    def gather_runs(self, runs: TokenRuns, length: int) -> npt.NDArray[np.int64]:
        """Row i is the tokens of its runs one after the other, `length` in all, as int64[n, length]."""
        tokens = np.empty((len(runs.bounds) - 1, length), dtype=np.int64)
        self._copy_runs(tokens, runs, [shard.tokens for shard in self.shards])
        return tokens

    @cached_property
    def masks(self) -> list[npt.NDArray[np.uint8]] | None:
        """Of every shard, of each token whether it is trained on; None where all of the source's are."""
        found = [shard.mask() for shard in self.shards]
        if all(mask is None for mask in found):
            return None
        # A shard without a mask among others: ones that take no memory.
        return [
            np.broadcast_to(np.uint8(1), len(shard.tokens)) if mask is None else mask
            for shard, mask in zip(self.shards, found, strict=True)
        ]

    def gather_mask(self, runs: TokenRuns, length: int) -> npt.NDArray[np.uint8]:
        """uint8[n, length]: of each token that `gather_runs` gives, 1 where it is trained on, else 0."""
        rows = np.ones((len(runs.bounds) - 1, length), dtype=np.uint8)
        if self.masks is not None:
            self._copy_runs(rows, runs, self.masks)
        return rows

    def document_mask(self, number: int) -> npt.NDArray[np.uint8]:
        """Of each token of one document whether it is trained on, 1 or 0."""
        shard, local = self.place(number)
        first, last = self.shards[shard].span(local)
        return np.ones(last - first, dtype=np.uint8) if self.masks is None else self.masks[shard][first:last]

    def _copy_runs(self, rows: npt.NDArray[Any], runs: TokenRuns, parts: Sequence[npt.NDArray[Any]]) -> None:
        """Fill rows with what their runs have of the ring of `parts`, one a shard."""
        filled, flat = 0, rows.reshape(-1)  # a view
        for start, count in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True):
            self._copy(flat[filled : filled + count], start, parts)
            filled += count

    def _copy(self, row: npt.NDArray[Any], start: int, parts: Sequence[npt.NDArray[Any]]) -> None:
        """Fill a row from the ring of `parts`, one a shard."""
        filled = 0
        while filled < len(row):
            shard = int(np.searchsorted(self._bounds, start, side="right")) - 1
            first = start - int(self._bounds[shard])
            piece = parts[shard][first : first + len(row) - filled]  # shorter at the end of a shard
            row[filled : filled + len(piece)] = piece
            filled += len(piece)
            start = (start + len(piece)) % len(self)


def _bounds(counts: list[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def open_shards(folder: Path) -> TokenArray:
    """All shards of one source: `open_shards(run / "tokens" / "train" / "web")`. Empty shards count as none.

    Raises:
        UsageError: there is no token in the folder.
        CheckFailed: a shard is damaged.
    """
    shards = [open_shard(path) for path in sorted(folder.glob(f"*{PAYLOAD}"))]
    shards = [shard for shard in shards if len(shard.tokens)]
    if not shards:
        raise UsageError(f"no shard of tokens in {folder}")
    widths = {shard.tokens.dtype for shard in shards}
    if len(widths) > 1:
        raise CheckFailed(f"the shards in {folder} have tokens of different widths: they are of two tokenizers")
    return TokenArray(tuple(shards))
