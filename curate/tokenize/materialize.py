"""The mixture as files: one shuffled sequence of documents, for trainers that read from front to back.

shards of each source ─▶ repeats per document ─▶ keyed order over all ─▶ NNNNN.bin and its views, in that order

Documents are whole, but for the one of each source with which its share is met to the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.engine.whole import OpenFile, plain_file
from curate.errors import UsageError
from curate.tokenize.choose import MIN_TOKENS, choose_tokens, hash_ids, take_head, take_head_of_mask
from curate.tokenize.document_ends import whole_runs
from curate.tokenize.draw import derive, scramble
from curate.tokenize.mix import Mixture
from curate.tokenize.shards import TokenArray
from curate.tokenize.view import ShardDocuments, View
from curate.tokenize.views import PAYLOAD, VIEWS, write_views

Int64s = npt.NDArray[np.int64]
Ints = npt.NDArray[Any]
"""int32, or int64 where that is too narrow: there is a number for each document of the mixture."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Documents in the order in which they are written, as arrays of equal length."""

    source: npt.NDArray[np.int16]
    number: Ints
    """Of the document in its source."""
    epoch: npt.NDArray[np.int32]
    tokens: Ints
    """How many are taken of it, with an end-of-text."""
    begin: Ints
    """The first of them, 0 but where a document stands in two stages."""

    def __getitem__(self, which: slice | npt.NDArray[np.int64]) -> Sequence:
        return Sequence(
            self.source[which], self.number[which], self.epoch[which], self.tokens[which], self.begin[which]
        )


def materialize(
    arrays: Mapping[str, TokenArray],
    mixture: Mixture,
    *,
    seed: int,
    folder: Path,
    max_shard_tokens: int,
    token_bytes: Int64s,
    open_file: OpenFile = plain_file,
    views: tuple[View, ...] = VIEWS,
) -> list[Path]:
    """Write the mixture into an existing folder as shards 00000, 00001, …; returns the paths of all files.

    A source that gives e epochs has each document floor(e) times, and once more those that a keyed hash chooses, until
    its tokens are met: the last of these is cut there, before its end-of-text. The order is that of a keyed hash of
    (id, epoch), in each stage of the mixture by itself. The table beside a shard has two more columns, `source` and
    `epoch`; `bytes` of a document that is cut are those of its tokens (`token_bytes`, by id). In memory are some 50
    bytes a document and the table of one shard, never the tokens.

    Raises:
        UsageError: sources were tokenized with different widths of a token, or one that is drawn from is missing.
    """
    names = [share.name for share in mixture.shares if share.tokens]
    if not names:
        return []
    _check_arrays(names, arrays)
    sequence = _order(names, arrays, mixture, seed)
    paths = []
    for number, piece in enumerate(_cut(sequence, max_shard_tokens)):
        paths += _write(folder, f"{number:05}", piece, names, arrays, token_bytes, open_file, views)
    return paths


def _check_arrays(names: list[str], arrays: Mapping[str, TokenArray]) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UsageError(f"the mixture draws from sources without shards: {', '.join(missing)}")
    widths = {arrays[name].dtype for name in names}
    if len(widths) > 1:
        raise UsageError(f"the sources hold tokens of different widths: {', '.join(sorted(map(str, widths)))}")


def _order(names: list[str], arrays: Mapping[str, TokenArray], mixture: Mixture, seed: int) -> Sequence:
    """All documents as often as they are needed, shuffled within each stage."""
    targets = {share.name: share.tokens for share in mixture.shares}
    parts, keys, stages = [], [], []
    for source, name in enumerate(names):
        hashes = _hashes(arrays[name], seed)
        part = _repeat(source, arrays[name], hashes, targets[name])
        key = derive(hashes[part.number], part.epoch.astype(np.int64))
        ends = np.cumsum([stage.tokens[name] for stage in mixture.stages], dtype=np.int64)
        part, key, stage = _cut_in_stages(part, key, ends[:-1])
        parts.append(part)
        keys.append(key)
        stages.append(stage)
    order = np.lexsort((_joined(keys), _joined(stages)))
    columns = [[getattr(part, field.name) for part in parts] for field in fields(Sequence)]
    parts.clear()
    # Column by column: what is joined need not be there in parts, too.
    return Sequence(*(_joined(column)[order] for column in columns))


def _joined(parts: list[Any]) -> Any:
    """All parts as one array; the list is empty then."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _narrow(numbers: Ints) -> Ints:
    """The same as int32, where that holds all of them; none is negative."""
    return numbers.astype(np.int32) if numbers.max(initial=0) < 1 << 31 else numbers


def _cut_in_stages(
    part: Sequence, keys: npt.NDArray[np.uint64], borders: Int64s
) -> tuple[Sequence, npt.NDArray[np.uint64], npt.NDArray[np.int16]]:
    """A source's documents, epoch after epoch, with the stage of each: stages end at so many of its tokens. The
    document over which one ends stands in both, cut in two, unless a half would be no text."""
    if not len(borders):
        return part, keys, np.zeros(len(keys), dtype=np.int16)
    order = np.lexsort((keys, part.epoch))
    part, keys = part[order], keys[order]
    ends = np.cumsum(part.tokens, dtype=np.int64)
    starts = ends - part.tokens
    over = np.minimum(np.searchsorted(ends, borders, side="right"), len(ends) - 1)
    borders = np.where(borders - starts[over] < MIN_TOKENS, starts[over], borders)
    borders = np.where(ends[over] - borders < MIN_TOKENS, ends[over], borders)
    edges = np.union1d(np.append(starts, ends[-1]), borders)
    document = np.searchsorted(ends, edges[:-1], side="right")
    pieces = part[document]
    begin = _narrow(edges[:-1] - starts[document])
    cut = Sequence(pieces.source, pieces.number, pieces.epoch, _narrow(np.diff(edges)), begin)
    return cut, keys[document], np.searchsorted(borders, edges[:-1], side="right").astype(np.int16)


def _hashes(array: TokenArray, seed: int) -> npt.NDArray[np.uint64]:
    parts = [hash_ids(shard.documents()["id"], seed=seed, purpose="materialize") for shard in array.shards]
    return np.concatenate(parts)


def _repeat(source: int, array: TokenArray, hashes: npt.NDArray[np.uint64], target: int) -> Sequence:
    """Every document of a source as often as its share needs it, epoch by epoch."""
    tokens = _narrow(np.concatenate([np.diff(shard.ends.astype(np.int64), prepend=0) for shard in array.shards]))
    epochs, rest = divmod(target, len(array))
    # By another hash than the order is: what is chosen stands anywhere in it.
    taken = choose_tokens(scramble(hashes), tokens, rest)
    extra = np.flatnonzero(taken)
    number = np.concatenate([np.tile(_narrow(np.arange(len(tokens))), epochs), _narrow(extra)])
    epoch = np.repeat(np.arange(epochs + 1, dtype=np.int32), [*[len(tokens)] * epochs, len(extra)])
    kept = np.concatenate([np.tile(tokens, epochs), _narrow(taken[extra])])
    begin = np.zeros(len(number), dtype=np.int32)
    return Sequence(np.full(len(number), source, np.int16), number, epoch, kept, begin)


def _cut(sequence: Sequence, max_shard_tokens: int) -> Iterator[Sequence]:
    """Pieces of whole documents of at most `max_shard_tokens`; a longer document is a piece of its own."""
    return (
        sequence[first:last] for first, last in whole_runs(np.cumsum(sequence.tokens, dtype=np.int64), max_shard_tokens)
    )


def _write(
    folder: Path,
    name: str,
    piece: Sequence,
    names: list[str],
    arrays: Mapping[str, TokenArray],
    token_bytes: Int64s,
    open_file: OpenFile,
    views: tuple[View, ...],
) -> list[Path]:
    payload = folder / f"{name}{PAYLOAD}"
    table = _table(piece, names, arrays)
    sizes = table["bytes"].to_numpy().copy()  # that of polars cannot be written to
    with open_file(payload) as file:
        rows = zip(piece.source, piece.number, piece.begin, piece.tokens, strict=True)
        for place, (source, number, begin, kept) in enumerate(rows):
            document = arrays[names[source]].document(int(number))
            if kept < len(document):
                document = take_head(document[begin:], int(kept))
                sizes[place] = token_bytes[document].sum()
            file.write(document.data)
    width, extra = arrays[names[0]].dtype.itemsize, table.select("source", "epoch")
    documents = ShardDocuments(
        table["id"], piece.tokens.astype(np.int64), pl.Series(sizes), width, extra, _targets(piece, names, arrays)
    )
    return [payload, *write_views(payload, documents, open_file, views)]


def _targets(piece: Sequence, names: list[str], arrays: Mapping[str, TokenArray]) -> npt.NDArray[np.uint8] | None:
    """Of every token of a piece whether it is trained on; None where all tokens of all sources are."""
    if all(arrays[name].masks is None for name in names):
        return None
    rows = zip(piece.source, piece.number, piece.begin, piece.tokens, strict=True)
    masks = (
        (arrays[names[source]].document_mask(int(number))[begin:], int(kept)) for source, number, begin, kept in rows
    )
    return np.concatenate([take_head_of_mask(mask, kept) for mask, kept in masks])


def _table(piece: Sequence, names: list[str], arrays: Mapping[str, TokenArray]) -> pl.DataFrame:
    """id, bytes, tokens, source, epoch of the documents of a piece, in its order."""
    parts, places = [], []
    for source, name in enumerate(names):
        place = np.flatnonzero(piece.source == source)
        part = arrays[name].pick(piece.number[place])
        parts.append(part.with_columns(source=pl.lit(name), epoch=pl.Series(piece.epoch[place], dtype=pl.Int32)))
        places.append(place)
    # From source by source back into the order of the piece.
    return pl.concat(parts)[np.argsort(np.concatenate(places), kind="stable")]
