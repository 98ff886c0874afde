"""In a run that is mixed anew: shards of its former mixture, where tokens are not there any more as `tokenize` wrote
them.

documents/ ─▶ id, tokens of each document of a shard
former shard ─▶ what was drawn of them, which is enough as long as the new mixture takes no more of any
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from curate.engine.plan import Split
from curate.engine.records import intact
from curate.engine.store import Store
from curate.errors import CheckFailed
from curate.run_files import NEXT_RECIPE, bucket_of, former, tokenized
from curate.run_files import documents as documents_file
from curate.tokenize.buckets import BUCKET
from curate.tokenize.document_table import DOCUMENT_TABLE
from curate.tokenize.mix import Share
from curate.tokenize.rehydrate import repeated_order
from curate.tokenize.shards import open_shard
from curate.tokenize.views import PAYLOAD

TURN = pl.int_range(pl.len()).over("id").alias("turn")
"""Which time it is that a document comes, where it goes in several times."""


def is_enough(before: Share, share: Share) -> bool:
    """Whether the final shards of a pool hold all that another share takes: documents are taken in one order."""
    if before.epochs >= 1 or not before.tokens:
        return bool(before.tokens) or not share.tokens
    # One token less may take a document whole that has given one to the next: see `choose_tokens`.
    return share.tokens == before.tokens or share.tokens < before.tokens - 1


def is_former(store: Store, split: Split, pool: str) -> bool:
    """Whether the training tokens of a split are those of the former mixture only."""
    is_gone = store.stamp(tokenized("train", pool, split.number, PAYLOAD)) is None
    return is_gone and store.stamp(NEXT_RECIPE) is not None


def counted_documents(store: Store, split: Split, pool: str) -> pl.DataFrame:
    """`id` and `tokens` of the training documents, as the shard that `tokenize` wrote had them."""
    path = intact(store, "tokenize", split.key, documents_file(split.source, split.number))
    there = pl.read_parquet_schema(path)
    columns = [name for name in ("id", "part", "token_count", "times", BUCKET) if name in there]
    documents = pl.read_parquet(path, columns=columns).filter(pl.col("part") == "train")
    if (bucket := bucket_of(pool)) is not None:
        documents = documents.filter(pl.col(BUCKET) == bucket)
    if "times" in columns:
        documents = documents[repeated_order(documents["times"].to_numpy())]
    return documents.select("id", tokens="token_count")


def former_tail(store: Store, split: Split, pool: str) -> int:
    """How many tokens of a document's end are held out."""
    return len(open_shard(store.fetch(former("validation", pool, split.number, PAYLOAD))).tokens)


def former_origin(store: Store, split: Split, pool: str, part: str, rows: pl.DataFrame) -> tuple[Path, pl.DataFrame]:
    """The former shard of a part, and how much is taken of each of its documents: `rows` are those of all."""
    path = store.fetch(former(part, pool, split.number, PAYLOAD))
    column = "head" if part == "train" else "tail"
    wanted = rows.hstack(counted_documents(store, split, pool).select("id")).with_columns(TURN)
    wanted = wanted.filter(pl.col(column) > 0) if part == "validation" else wanted
    held = pl.read_parquet(DOCUMENT_TABLE.beside(path), columns=["id", "tokens"]).with_columns(TURN)
    if part == "validation":  # it may stand there by its end only, whichever time it comes
        wanted, held = wanted.with_columns(turn=0), held.with_columns(turn=0)
    taken = held.join(wanted, on=["id", "turn"], how="left", maintain_order="left").fill_null(0)
    if taken[column].sum() != wanted[column].sum() or (taken[column] > taken["tokens"]).any():
        raise CheckFailed(f"{path} holds less of {split.key} than the mixture takes")
    return path, taken.select("head", "tail")
