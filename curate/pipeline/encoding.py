"""How the documents of a source become tokens: as they are, with holes to fill in, or as conversations.

source, recipe, tokenizer ─▶ encoder_of ─▶ a function: final documents ─▶ documents, their bytes, tokens │ lost
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import polars as pl

from curate.readers.reader import traits_of
from curate.recipe import Fim, Recipe, Source
from curate.tokenize.arranged import ArrangedTokens, encode_arranged, encode_plain
from curate.tokenize.conversation import TemplateWriter, write_conversation, writer_of
from curate.tokenize.encode import Tokenizer
from curate.tokenize.fim import encode_with_holes
from curate.tokenize.templates import run_template

LOST = {"id": pl.String, "step": pl.String, "reason": pl.String, "value": pl.String}


class EncodedBatch(NamedTuple):
    """`documents`, their `byte_count`, their tokens, and where some are lost, which (columns `LOST`)."""

    documents: pl.DataFrame
    sizes: pl.Expr | pl.Series
    found: ArrangedTokens
    lost: pl.DataFrame | None = None


Encoder = Callable[[pl.DataFrame], EncodedBatch]


def encoder_of(source: Source, recipe: Recipe, tokenizer: Tokenizer) -> Encoder:
    """Raises UsageError where the recipe's template or the tokenizer's marks are not there; `check` has seen to it."""
    template = run_template(recipe) if traits_of(source.read).are_conversations else None
    if template is not None:
        return partial(_conversations, tokenizer=tokenizer, writer=writer_of(template, tokenizer))
    fim = recipe.tokenize.fim
    if fim is not None and source.name in fim.sources:
        return partial(_with_holes, tokenizer=tokenizer, fim=fim, seed=recipe.seed)
    return partial(_as_they_are, tokenizer=tokenizer)


def _as_they_are(batch: pl.DataFrame, *, tokenizer: Tokenizer) -> EncodedBatch:
    return _of_texts(batch, encode_plain(tokenizer, batch["text"].to_list()))


def _with_holes(batch: pl.DataFrame, *, tokenizer: Tokenizer, fim: Fim, seed: int) -> EncodedBatch:
    are_training = (batch["part"] == "train").to_numpy()
    texts = batch["text"].to_list()
    return _of_texts(batch, encode_with_holes(tokenizer, batch["id"], texts, are_training, fim=fim, seed=seed))


def _of_texts(batch: pl.DataFrame, found: ArrangedTokens) -> EncodedBatch:
    return EncodedBatch(batch, pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count"), found)


def _conversations(batch: pl.DataFrame, *, tokenizer: Tokenizer, writer: TemplateWriter) -> EncodedBatch:
    """The text becomes what the template writes, and its bytes those that are no control tokens."""
    rows = batch.select("text", "roles").iter_rows()
    written = [write_conversation(text, roles, writer) for text, roles in rows]
    reason = pl.Series("reason", [each.lost for each in written], dtype=pl.String)
    there = [each for each in written if each.lost is None]
    found = encode_arranged(tokenizer, [each.sections for each in there])
    text = pl.Series("text", [each.text for each in there], dtype=pl.String)
    size = pl.Series("byte_count", [each.bytes for each in there], dtype=pl.Int64)
    why = (pl.lit("encode").alias("step"), reason, pl.lit(None, pl.String).alias("value"))
    lost = batch.select("id", *why).filter(pl.col("reason").is_not_null())
    return EncodedBatch(batch.filter(reason.is_null()).with_columns(text), size, found, lost)
