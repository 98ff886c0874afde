"""How much of each training document is trained on, and whether its end is held out instead.

tokens of a source's documents ─▶ no whole one held out? the end of one ─▶ heads up to the source's share ─▶ Portions

A document that is cut has end-of-text at the end of either part; `documents/` keeps its whole text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.engine.outputs import Outputs
from curate.engine.plan import Plan, Split
from curate.engine.records import committed, intact
from curate.engine.store import Store
from curate.pipeline.former import counted_documents, former_tail, is_former
from curate.recipe import Recipe
from curate.run_files import source_of, tokenized
from curate.tokenize.backends import Backend
from curate.tokenize.choose import choose_tail, choose_tokens, cut_tail, hash_ids, take_head, take_head_of_mask
from curate.tokenize.document_table import DOCUMENT_TABLE
from curate.tokenize.fim import are_rearranged
from curate.tokenize.mix import Held, Share
from curate.tokenize.shards import open_shard, write_shard
from curate.tokenize.view import Tokens, View
from curate.tokenize.views import PAYLOAD, suffixes


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """Those that `tokenize` put into a part of a source, or of a bucket of one, in the order of its `splits`: `tokens`
    of each (int64[documents]); those of a split begin at one of `starts` (int64[splits + 1]). Their ids are read again
    where they are asked for: in memory is one number a document."""

    pool: str
    part: str
    splits: tuple[Split, ...]
    starts: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]

    def place(self, number: int) -> tuple[Split, int]:
        """The split of a document, and its row there."""
        at = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.splits[at], number - int(self.starts[at])

    def ids(self, store: Store) -> Iterator[tuple[slice, pl.Series]]:
        """Split by split: which documents, and their ids."""
        for split, (start, stop) in zip(self.splits, pairwise(self.starts.tolist()), strict=True):
            counted = _counted(store, split, self.part, self.pool, "id", is_known=True)
            assert counted is not None, "it was there when its documents were counted"
            yield slice(start, stop), counted

    def hashes(self, store: Store, seed: int, purpose: str) -> npt.NDArray[np.uint64]:
        found = np.empty(len(self.tokens), dtype=np.uint64)
        for which, ids in self.ids(store):
            found[which] = hash_ids(ids, seed=seed, purpose=purpose)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Portions:
    """Of each of the `documents`, `head`: how many of its tokens are trained on (int64). Of one of them, `ending`,
    `tail` tokens at its end are held out, where no whole one is; `note` says so."""

    documents: Documents
    head: npt.NDArray[np.int64]
    whole_held_out: int = 0
    """Tokens of whole documents that are held out."""
    is_cut: bool = False
    note: str | None = None
    ending: int = -1
    tail: int = 0

    @property
    def available(self) -> int:
        return int(self.head.sum())

    @property
    def held(self) -> Held:
        return Held(int(np.count_nonzero(self.head)), self.available)

    @property
    def held_out(self) -> int:
        return self.tail or self.whole_held_out

    def splits_with_heads(self) -> set[str]:
        """The splits of which something is trained on."""
        return {split.key for split, (start, stop) in self._spans() if self.head[start:stop].any()}

    def splits_with_tails(self) -> set[str]:
        """The split of which the end of a document is held out."""
        return {self.documents.place(self.ending)[0].key} if self.tail else set()

    def parts(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """By split: what is taken of its rows; nothing where all documents stay as they are."""
        for split, (start, stop) in self._spans() if self.is_cut else ():
            if start < stop:
                tails = np.zeros(stop - start, dtype=np.int64)
                if start <= self.ending < stop:
                    tails[self.ending - start] = self.tail
                yield split.key, pl.DataFrame({"head": self.head[start:stop], "tail": tails})

    def _spans(self) -> Iterator[tuple[Split, tuple[int, int]]]:
        return zip(self.documents.splits, pairwise(self.documents.starts.tolist()), strict=True)


def portions_of(store: Store, plan: Plan, pool: str, recipe: Recipe, backend: Backend) -> Portions:
    """The documents of a pool that are trained on; where validation is asked for, the end of one of them is held out
    if no document is, or if all are."""
    held_out, trained = (_documents(store, plan, pool, part) for part in ("validation", "train"))
    validation = Portions(held_out, held_out.tokens)
    whole = Portions(trained, trained.tokens, validation.available)
    if not recipe.tokenize.validation or (whole.available and validation.available):
        return whole
    if not validation.available:
        return _with_tail(whole, store, recipe, backend)
    portions = _with_tail(validation, store, recipe, backend)
    return portions if portions.is_cut else whole


def _documents(store: Store, plan: Plan, pool: str, part: str) -> Documents:
    counted = ((split, _counted(store, split, part, pool, "tokens")) for split in plan.of(source_of(pool)))
    found = [(split, tokens.to_numpy()) for split, tokens in counted if tokens is not None]
    sizes = [np.empty(0, np.int64), *(tokens for _, tokens in found)]
    starts = np.cumsum([*map(len, sizes)], dtype=np.int64)
    return Documents(pool, part, tuple(split for split, _ in found), starts, np.concatenate(sizes))


def _counted(
    store: Store, split: Split, part: str, pool: str, column: str, *, is_known: bool = False
) -> pl.Series | None:
    """`id` or `tokens` of the documents of a shard; None where there is none. Of one that `is_known` the files were
    looked at before."""
    if part == "train" and has_tokens(store, split, part, pool) and is_former(store, split, pool):
        return counted_documents(store, split, pool)[column]
    if is_known:
        path: Path | None = store.fetch(tokenized(part, pool, split.number, DOCUMENT_TABLE.suffix))
    else:
        payload = open_tokenized(store, split, part, pool)
        path = None if payload is None else DOCUMENT_TABLE.beside(payload)
    return None if path is None else pl.read_parquet(path, columns=[column])[column]


def _with_tail(whole: Portions, store: Store, recipe: Recipe, backend: Backend) -> Portions:
    documents = whole.documents
    hashes = documents.hashes(store, recipe.seed, "validation")
    is_in_order = _are_in_order(documents, store, recipe)
    chosen = choose_tail(hashes, documents.tokens, recipe.tokenize.validation, are_whole=is_in_order)
    if chosen is None:
        note = f"{documents.pool} has no validation tokens: its documents are too short to hold out the end of one"
        note += "" if is_in_order is None else ", or rearranged for fill-in-the-middle"
        return replace(whole, note=note if whole.available else None)
    number, wanted = chosen
    tail = _tail(store, documents, number, wanted, backend)
    id, same = _with_same_id(store, documents, number)
    head = documents.tokens.copy()
    # Also where it goes in several times: nowhere may it keep its end. One more than is left without the tail: the head
    # gets an end-of-text of its own.
    head[same] += 1 - tail
    note = f"{documents.pool} gives no whole document to validation, but the end of {id}: {tail:,} tokens"
    return Portions(documents, head, is_cut=True, note=note, ending=number, tail=tail)


def _with_same_id(store: Store, documents: Documents, number: int) -> tuple[str, npt.NDArray[np.int64]]:
    """The id of a document, and all that have it."""
    split, row = documents.place(number)
    counted = _counted(store, split, documents.part, documents.pool, "id", is_known=True)
    assert counted is not None, "it was there when its documents were counted"
    same = [which.start + np.flatnonzero((ids == counted[row]).to_numpy()) for which, ids in documents.ids(store)]
    return counted[row], np.concatenate(same)


def _are_in_order(documents: Documents, store: Store, recipe: Recipe) -> npt.NDArray[np.bool_] | None:
    """The end of a document that is rearranged is not the end of its text; None where no document is."""
    fim = recipe.tokenize.fim
    if fim is None or source_of(documents.pool) not in fim.sources:
        return None
    found = np.ones(len(documents.tokens), dtype=bool)
    if documents.part == "train":
        for which, ids in documents.ids(store):
            found[which] = ~are_rearranged(ids, fim, recipe.seed)
    return found


def _tail(store: Store, documents: Documents, number: int, wanted: int, backend: Backend) -> int:
    """How many tokens are at the end of the document that is held out."""
    (split, row), part, pool = documents.place(number), documents.part, documents.pool
    if part == "train" and is_former(store, split, pool):
        return former_tail(store, split, pool)
    path = open_tokenized(store, split, part, pool)
    assert path is not None, "the row was read beside it"
    return cut_tail(open_shard(path).document(row), wanted, backend.pieces)


def up_to_share(portions: Portions, share: Share, store: Store, seed: int) -> Portions:
    """What a share of less than an epoch needs; all of the others."""
    if not share.tokens:
        return replace(portions, head=np.zeros_like(portions.head), is_cut=True)
    if share.epochs >= 1:  # all is needed once at least; the draw repeats it
        return portions
    hashes = portions.documents.hashes(store, seed, "mix")
    return replace(portions, head=choose_tokens(hashes, portions.head, share.tokens), is_cut=True)


def write_portion(
    outputs: Outputs,
    target: str,
    origin: Path,
    rows: pl.DataFrame,
    part: str,
    sizes: np.ndarray,
    views: Sequence[View],
) -> None:
    """The heads (`part` "train") or the tails of a shard's documents as a shard of its own; `sizes` are the bytes that
    each id stands for."""
    shard = open_shard(origin)
    column = rows["head" if part == "train" else "tail"].to_numpy()
    numbers = np.flatnonzero(column)  # a document of which nothing is taken is not in the shard, not even as an end
    pieces = [_piece(shard.document(number), int(column[number]), part) for number in numbers.tolist()]
    table = shard.documents()[numbers]
    # The bytes of a whole document are known; those of a part are the sum of what its tokens stand for.
    is_whole = column[numbers] == table["tokens"].to_numpy()
    bytes_left = np.where(is_whole, table["bytes"].to_numpy(), [int(sizes[piece].sum()) for piece in pieces])
    offsets = np.cumsum([0, *map(len, pieces)]).astype(np.int64)
    byte_counts = pl.Series(bytes_left, dtype=pl.Int64)
    mask, counts = shard.mask(), zip(numbers.tolist(), column[numbers].tolist(), strict=True)
    targets = (
        None
        if mask is None
        else np.concatenate([_piece_of_mask(mask[slice(*shard.span(number))], count, part) for number, count in counts])
    )
    write_tokens(outputs, target, np.concatenate(pieces), offsets, table["id"], byte_counts, views, targets)


def write_tokens(
    outputs: Outputs,
    name: str,
    tokens: Tokens,
    offsets: np.ndarray,
    ids: pl.Series,
    byte_counts: pl.Series,
    views: Sequence[View],
    targets: npt.NDArray[np.uint8] | None = None,
) -> None:
    """A shard and its views among the outputs of a task."""
    place = outputs.place(name)
    write_shard(
        place.parent,
        place.name,
        tokens,
        offsets,
        ids,
        byte_counts,
        targets=targets,
        open_file=outputs.open_at,
        views=views,
    )


def _piece(tokens: np.ndarray, count: int, part: str) -> np.ndarray:
    return take_head(tokens, count) if part == "train" else tokens[len(tokens) - count :]


def _piece_of_mask(mask: np.ndarray, count: int, part: str) -> np.ndarray:
    return take_head_of_mask(mask, count) if part == "train" else mask[len(mask) - count :]


def open_tokenized(store: Store, split: Split, part: str, pool: str) -> Path | None:
    """The shard that `tokenize` has written of a split, as it was written; None where the split has no such tokens.

    Raises:
        RottenFile: one of its files is not as it was committed.
    """
    if not has_tokens(store, split, part, pool):
        return None
    written = committed(store, "tokenize", split.key).outputs
    names = [tokenized(part, pool, split.number, suffix) for suffix in suffixes()]
    payload, *_ = (intact(store, "tokenize", split.key, name) for name in names if name in written)
    return payload


def has_tokens(store: Store, split: Split, part: str, pool: str) -> bool:
    """Whether `tokenize` has written tokens of a split for a part."""
    return tokenized(part, pool, split.number, PAYLOAD) in committed(store, "tokenize", split.key).outputs
