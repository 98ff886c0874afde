"""`tokenize`: one split's survivors scrubbed, written as final documents, and tokenized once.

work/filter/<split>.documents ─▶ without copies and cut parts ─▶ scrub ─▶ documents/<source>/NNNNN.parquet
                                                          └──▶ tokens ─▶ work/tokens/<part>/<source>/NNNNN.*
                                                                         by [mix.by] …/<source>@<bucket>/NNNNN.*
work/filter/<split>.ledger ─▶ final outcomes ─▶ ledger/<source>/NNNNN.parquet
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curate.batch import HAS_TEXT
from curate.engine.clock import Clock
from curate.engine.job import Job, Made
from curate.engine.ledger import check_account, count_outcomes
from curate.engine.outputs import Outputs
from curate.engine.plan import Split
from curate.engine.sizes import AFTER
from curate.engine.walk import Stretch
from curate.pipeline.encoding import LOST, Encoder, encoder_of
from curate.pipeline.filtered import open_filtered
from curate.pipeline.portions import write_tokens
from curate.pipeline.survivors import Left, as_gone, what_is_left
from curate.pipeline.tokenizer import keyed_share, run_tokenizer
from curate.readers.reader import traits_of
from curate.recipe import MixBy, Recipe, Source
from curate.run_files import bucket_of, tokenized
from curate.run_files import documents as documents_file
from curate.run_files import ledger as ledger_file
from curate.steps.bind import step_names
from curate.steps.conform import conformed
from curate.steps.deciding_files import check_as_planned, template_files, view_files
from curate.steps.scrub import as_dropped, has_too_many, scrub_as_asked, scrub_files
from curate.steps.type_names import types_named
from curate.tokenize.arranged import ArrangedTokens
from curate.tokenize.buckets import BUCKET, buckets_of, pools_of
from curate.tokenize.encode import Tokenizer
from curate.tokenize.own_views import views_of
from curate.tokenize.rehydrate import repeated_order, times_by_size
from curate.tokenize.view import View

PARTS = ("train", "validation")
SIGNAL = "_mix_by"
"""A column of the ledger that buckets go by, among those of documents until they are written."""
MAX_BATCH_DOCUMENTS = 500
MAX_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch of final documents and their tokens: document i is tokens[offsets[i]:offsets[i + 1]]. Those of which no
    token came, or that held too much personal data, are not among them, but in `dropped`: id, step, reason, value.
    `targets` tell of each token whether it is trained on."""

    documents: pl.DataFrame
    tokens: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    dropped: pl.DataFrame


def tokenize_split(job: Job) -> Made | None:
    """The task of the stage `tokenize`."""
    recipe, store, walk, clock = job.recipe, job.store, job.walk, job.clock
    with clock("load"):
        check_as_planned(job.plan, [*scrub_files(recipe), *view_files(recipe), *template_files(recipe)])
        tokenizer = run_tokenizer(store, recipe)
        encode = encoder_of(recipe.source(job.split.source), recipe, tokenizer)
    with clock("read"):
        documents = pl.read_parquet(open_filtered(store, job.key, "documents"))
        left = what_is_left(store, recipe, documents)
        added = (_part(left.documents["id"], recipe), *_times(left.documents, recipe), *_signal(job, left.documents))
        documents = left.documents.with_columns(added)
    with clock("load"):
        # Of a split without documents nobody need know what encodes, and to find out, that has to be made. Here, as a
        # large vocabulary takes seconds, which are no document's time.
        encoder = None if documents.is_empty() else tokenizer.backend.encoder
    stretches = walk.through(documents, max_documents=MAX_BATCH_DOCUMENTS, max_bytes=MAX_BATCH_BYTES)
    by = recipe.mix.by.get(job.split.source)
    batches = [_in_buckets(_process(batch, recipe, encode, stretch, clock), by) for stretch, batch in stretches]
    if walk.is_confirming:
        return None
    with clock("write"):
        dropped = [as_gone(batch.dropped, "dropped") for batch in batches]
        gone = pl.concat([left.gone, as_gone(walk.broken(documents, job.stage)), *dropped])
        final = pl.concat([batch.documents for batch in batches]) if batches else documents.clear()
        final = final.drop(SIGNAL, strict=False)
        return _made(job, batches, final, _ledger(job, left, gone, batches), tokenizer, encoder)


def _part(ids: pl.Series, recipe: Recipe) -> pl.Series:
    """Train or validation, by a keyed hash of the id."""
    share = keyed_share(ids, seed=recipe.seed, purpose="validation")
    is_validation = share < recipe.tokenize.validation
    return pl.Series("part", PARTS).gather(is_validation.cast(pl.UInt32))


def _times(documents: pl.DataFrame, recipe: Recipe) -> Iterator[pl.Series]:
    """How often each document goes among the training tokens, where the recipe says so."""
    if recipe.dedup is not None and recipe.dedup.rehydrate:
        sizes = documents["cluster_size"].cast(pl.Int64).to_numpy()
        yield pl.Series("times", times_by_size(sizes, recipe.dedup.rehydrate))


def _signal(job: Job, documents: pl.DataFrame) -> Iterator[pl.Series]:
    """What the buckets of a source go by, where it stands in the ledger only."""
    by = job.recipe.mix.by.get(job.split.source)
    if by is None or by.column in documents.columns:
        return
    ledger = open_filtered(job.store, job.key, "ledger")
    if by.column in pl.read_parquet_schema(ledger):
        found = pl.read_parquet(ledger, columns=["id", by.column])
        joined = documents.select("id").join(found, on="id", how="left", maintain_order="left")
        yield joined[by.column].alias(SIGNAL)


def _in_buckets(batch: Encoded, by: MixBy | None) -> Encoded:
    """Last of all, as what documents go by may have been counted only now."""
    if by is None:
        return batch
    values = batch.documents[SIGNAL if SIGNAL in batch.documents.columns else by.column]
    documents = batch.documents.with_columns(buckets_of(values, by).alias(BUCKET))
    return replace(batch, documents=documents)


def _process(batch: pl.DataFrame, recipe: Recipe, encode: Encoder, stretch: Stretch, clock: Clock) -> Encoded:
    size = int(batch["byte_count"].sum())
    if recipe.scrub is not None:
        with clock("scrub"):
            stretch.at("scrub", size=size)
            # Fails closed: a text that cannot be finished must not pass; its DocumentError costs that document only.
            batch = batch.with_columns(scrub_as_asked(batch, recipe, pulse=stretch.walk.cursor.pulse))
    is_too_many = has_too_many(batch, recipe)
    dropped: list[pl.DataFrame] = []
    if is_too_many.any():
        dropped, batch = [as_dropped(batch.filter(is_too_many))], batch.filter(~is_too_many)
    with clock("encode"):
        stretch.at("encode", size=size)
        batch, sizes, found, lost = encode(batch)
    dropped += [pl.DataFrame(schema=LOST) if lost is None else lost]
    return _without_emptied(batch.with_columns(sizes, found.counts()), found, pl.concat(dropped))


def _without_emptied(batch: pl.DataFrame, found: ArrangedTokens, dropped: pl.DataFrame) -> Encoded:
    """An end-of-text without a text is no document: scrubbing left nothing, or the vocabulary has nothing of it."""
    has_text = batch["text"].str.contains(HAS_TEXT) & pl.Series(found.text_tokens > 0)
    tokens, offsets, targets = found.tokens, found.offsets, found.targets
    why = [pl.lit(value).alias(name) for name, value in (("step", "encode"), ("reason", "no_tokens"))]
    if not has_text.all():
        emptied = batch.filter(~has_text).select("id", *why, pl.lit(None, pl.String).alias("value"))
        dropped, batch = pl.concat([dropped, emptied]), batch.filter(has_text)
        counts = np.diff(offsets)
        is_kept = np.repeat(has_text.to_numpy(), counts)  # each document's answer, once for each of its tokens
        tokens, targets = tokens[is_kept], targets[is_kept]
        offsets = np.concatenate([[0], np.cumsum(counts[has_text.to_numpy()])]).astype(np.int64)
    return Encoded(batch, tokens, offsets, targets, dropped)


def _ledger(job: Job, left: Left, gone: pl.DataFrame, batches: list[Encoded]) -> pl.DataFrame:
    """The ledger of `filter` with the outcomes of `dedup` and `tokenize`, and the sizes of texts that these changed."""
    ledger = pl.read_parquet(open_filtered(job.store, job.key, "ledger"))
    told = gone.select("id", pl.struct("outcome", "step", "reason", "value").alias("_gone"))
    # Without [scrub] no text was changed here, and the ledger needs no column that says so.
    if job.recipe.scrub is not None and batches:  # what is gone has no size: each document stands in one of both
        final = [batch.documents.select("id", pl.col("byte_count").alias(f"{AFTER}scrub")) for batch in batches]
        told = pl.concat([told, *final], how="diagonal")
    # Left joins keep the ledger's rows and their order.
    ledger = ledger.join(told, on="id", how="left", maintain_order="left")
    if "cut_bytes" in left.documents.columns:
        ledger = ledger.join(left.documents.select("id", "cut_bytes"), on="id", how="left", maintain_order="left")
    for changed in left.changed:
        ledger = ledger.join(changed, on="id", how="left", maintain_order="left")
    is_gone = pl.col("_gone").is_not_null()
    return ledger.with_columns(
        pl.when(is_gone).then(pl.col("_gone").struct.field(name)).otherwise(name).alias(name)
        for name in ("outcome", "step", "reason", "value")
    ).drop("_gone")


def _made(
    job: Job,
    batches: list[Encoded],
    documents: pl.DataFrame,
    ledger: pl.DataFrame,
    tokenizer: Tokenizer,
    encoder: str | None,
) -> Made:
    """Both tables with the columns of all sources, also where none is kept: a run's files are one table."""
    outputs, split, recipe = job.outputs(), job.split, job.recipe
    outputs.table(ledger_file(split.source, split.number), conformed(ledger, types_named(job.plan.ledger)))
    outputs.table(documents_file(split.source, split.number), conformed(documents, types_named(job.plan.documents)))
    tokens = {part: write_part(outputs, split, part, batches, tokenizer, recipe) for part in PARTS}
    pii = {column: int(documents[column].sum()) for column in documents.columns if column.startswith("pii_")}
    counts = count_outcomes(ledger, step_names(recipe.source(split.source)))
    check_account(counts, split.key)
    used = encoder if any(tokens.values()) else None
    return Made(outputs, {"source": split.source, **counts, "tokens": tokens, "pii": pii, "encoder": used})


def write_part(
    outputs: Outputs, split: Split, part: str, batches: Sequence[Encoded], tokenizer: Tokenizer, recipe: Recipe
) -> int:
    """The documents of a part as one shard, or as one of each bucket that has some; how many tokens they hold."""
    pools, views = pools_of(split.source, recipe.mix) if batches else (), views_of(recipe)
    source = recipe.source(split.source)
    return sum(_write_pool(outputs, pool, split.number, source, part, batches, tokenizer, views) for pool in pools)


def _write_pool(
    outputs: Outputs,
    pool: str,
    number: int,
    source: Source,
    part: str,
    batches: Sequence[Encoded],
    tokenizer: Tokenizer,
    views: Sequence[View],
) -> int:
    pieces, masks, lengths, documents = [], [], [], []
    for batch in batches:
        chosen = _is_in(batch.documents, part, bucket_of(pool))
        if not chosen.any():
            continue  # as of validation mostly
        counts = np.diff(batch.offsets)
        is_chosen = np.repeat(chosen.to_numpy(), counts)
        pieces.append(batch.tokens[is_chosen])
        masks.append(batch.targets[is_chosen])
        lengths.append(counts[chosen.to_numpy()])
        # Columns before rows: else the texts would be copied, too.
        documents.append(batch.documents.select("id", "byte_count", "^times$").filter(chosen))
    if not documents:
        return 0
    table = pl.concat(documents)
    tokens, mask = np.concatenate(pieces).astype(tokenizer.dtype), np.concatenate(masks)
    # n + 1 borders for n documents; from lengths, as the batches' own offsets each begin at 0.
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    if part == "train" and "times" in table.columns:
        order = repeated_order(table["times"].to_numpy())  # numbers of documents, those that go in twice twice
        tokens, mask = (np.concatenate([of[offsets[at] : offsets[at + 1]] for at in order]) for of in (tokens, mask))
        offsets = np.concatenate([[0], np.cumsum(np.diff(offsets)[order])]).astype(np.int64)
        table = table[order]
    # Where all is trained on no file says so.
    targets = mask if traits_of(source.read).are_conversations else None
    name = tokenized(part, pool, number)
    write_tokens(outputs, name, tokens, offsets, table["id"], table["byte_count"], views, targets)
    return len(tokens)


def _is_in(documents: pl.DataFrame, part: str, bucket: str | None) -> pl.Series:
    is_it = documents["part"] == part
    return is_it if bucket is None else is_it & (documents[BUCKET] == bucket)
