"""How much of each training document is trained on, and whether its end is held out instead.

tokens of a source's documents ─▶ no whole one held out? the end of one ─▶ heads up to the source's share ─▶ Portions

A document that is cut has end-of-text at the end of either part; `documents/` keeps its whole text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

COUNTED = {"id": pl.String, "tokens": pl.Int64}


@dataclass(frozen=True, slots=True)
class Portions:
    """`documents` of one source, or of a bucket of one: `id`, its `split` and the `part` and `row` there, `tokens` of
    the whole document; `head`, how many of them are trained on, and `tail`, how many at its end are held out. `note`
    says so where the end of one is."""

    documents: pl.DataFrame
    whole_held_out: int = 0
    """Tokens of whole documents that are held out."""
    is_cut: bool = False
    note: str | None = None

    @property
    def available(self) -> int:
        return int(self.documents["head"].sum())

    @property
    def held(self) -> Held:
        return Held(int((self.documents["head"] > 0).sum()), self.available)

    @property
    def tail(self) -> int:
        """Tokens at the end of a document that are held out, where no whole one is."""
        return int(self.documents["tail"].sum())

    @property
    def held_out(self) -> int:
        return self.tail or self.whole_held_out

    def splits_of(self, part: str) -> set[str]:
        """The splits of which a "head" or "tail" is taken."""
        return set(self.documents.filter(pl.col(part) > 0)["split"])

    def parts(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """By split: what is taken of its rows; nothing where all documents stay as they are."""
        frames = self.documents.partition_by("split", maintain_order=True) if self.is_cut else []
        yield from ((frame["split"][0], frame.select("head", "tail")) for frame in frames)


def portions_of(store: Store, plan: Plan, pool: str, recipe: Recipe, backend: Backend) -> Portions:
    """The documents of a pool that are trained on; where validation is asked for, the end of one of them is held out
    if no document is, or if all are."""
    held_out = Portions(_rows(store, plan, pool, "validation"))
    whole = Portions(_rows(store, plan, pool, "train"), held_out.available)
    if not recipe.tokenize.validation or (whole.available and held_out.available):
        return whole
    if not held_out.available:
        return _with_tail(whole, store, plan, pool, recipe, backend)
    portions = _with_tail(held_out, store, plan, pool, recipe, backend)
    return portions if portions.is_cut else whole


def _rows(store: Store, plan: Plan, pool: str, part: str) -> pl.DataFrame:
    """The documents that `tokenize` put into a part, in the order of the splits."""
    counted = ((split.key, _counted(store, split, part, pool)) for split in plan.of(source_of(pool)))
    found = [(key, table) for key, table in counted if table is not None]
    documents = pl.concat([pl.DataFrame(schema=COUNTED), *(table for _, table in found)])
    keys = pl.Series("split", [key for key, _ in found], dtype=pl.String)
    heights = np.array([table.height for _, table in found], dtype=np.int64)
    before = np.repeat(np.cumsum(heights) - heights, heights)  # of each row, those of the splits before its own
    return documents.with_columns(
        keys.gather(np.repeat(np.arange(len(found)), heights)),
        pl.lit(part).alias("part"),
        pl.Series("row", np.arange(documents.height) - before, dtype=pl.Int64),
        pl.col("tokens").alias("head"),
        pl.lit(0, pl.Int64).alias("tail"),
    )


def _counted(store: Store, split: Split, part: str, pool: str) -> pl.DataFrame | None:
    """`id` and `tokens` of the documents of a shard; None where there is none."""
    if part == "train" and has_tokens(store, split, part, pool) and is_former(store, split, pool):
        return counted_documents(store, split, pool)
    path = open_tokenized(store, split, part, pool)
    return None if path is None else pl.read_parquet(DOCUMENT_TABLE.beside(path), columns=["id", "tokens"])


def _with_tail(whole: Portions, store: Store, plan: Plan, pool: str, recipe: Recipe, backend: Backend) -> Portions:
    documents = whole.documents
    hashes = hash_ids(documents["id"], seed=recipe.seed, purpose="validation")
    is_in_order = _are_in_order(documents, pool, recipe)
    chosen = choose_tail(hashes, documents["tokens"].to_numpy(), recipe.tokenize.validation, are_whole=is_in_order)
    if chosen is None:
        note = f"{pool} has no validation tokens: its documents are too short to hold out the end of one"
        note += "" if is_in_order is None else ", or rearranged for fill-in-the-middle"
        return replace(whole, note=note if whole.available else None)
    number, wanted = chosen
    row = documents.row(number, named=True)
    tail = _tail(store, plan.split(row["split"]), pool, row, wanted, backend)
    is_same = pl.col("id") == row["id"]  # a document that goes in several times must nowhere keep its end
    is_it = pl.int_range(pl.len()) == number
    documents = documents.with_columns(
        # One more than is left without the tail: the head gets an end-of-text of its own.
        pl.when(is_same).then(pl.col("tokens") - tail + 1).otherwise("head").alias("head"),
        pl.when(is_it).then(tail).otherwise(0).cast(pl.Int64).alias("tail"),
    )
    note = f"{pool} gives no whole document to validation, but the end of {row['id']}: {tail:,} tokens"
    return Portions(documents, is_cut=True, note=note)


def _are_in_order(documents: pl.DataFrame, pool: str, recipe: Recipe) -> npt.NDArray[np.bool_] | None:
    """The end of a document that is rearranged is not the end of its text; None where no document is."""
    fim = recipe.tokenize.fim
    if fim is None or source_of(pool) not in fim.sources:
        return None
    is_whole = (documents["part"] != "train").to_numpy() | ~are_rearranged(documents["id"], fim, recipe.seed)
    return np.asarray(is_whole)


def _tail(store: Store, split: Split, pool: str, row: Mapping[str, Any], wanted: int, backend: Backend) -> int:
    """How many tokens are at the end of the document that is held out."""
    if row["part"] == "train" and is_former(store, split, pool):
        return former_tail(store, split, pool)
    path = open_tokenized(store, split, row["part"], pool)
    assert path is not None, "the row was read beside it"
    return cut_tail(open_shard(path).document(row["row"]), wanted, backend.pieces)


def up_to_share(portions: Portions, share: Share, seed: int) -> Portions:
    """What a share of less than an epoch needs; all of the others."""
    documents = portions.documents
    if not share.tokens:
        return replace(portions, documents=documents.with_columns(head=pl.lit(0, pl.Int64)), is_cut=True)
    if share.epochs >= 1:  # all is needed once at least; the draw repeats it
        return portions
    hashes = hash_ids(documents["id"], seed=seed, purpose="mix")
    heads = choose_tokens(hashes, documents["head"].to_numpy(), share.tokens)
    return replace(portions, documents=documents.with_columns(pl.Series("head", heads)), is_cut=True)


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
