"""Pass 3: one split's survivors scrubbed, written as final documents, and tokenized once.

work/filter/<split>.documents ─▶ without copies and cut parts ─▶ scrub ─▶ documents/<source>/NNNNN.parquet
                                                          └──▶ tokens ─▶ work/tokens/<part>/<source>/NNNNN.*
work/filter/<split>.ledger ─▶ final outcomes ─▶ ledger/<source>/NNNNN.parquet
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.ledger import check_account, count_outcomes, write_table
from curate.engine.plan import Split
from curate.engine.sizes import AFTER
from curate.engine.store import attempt_folder, commit
from curate.engine.worker import Attempt
from curate.errors import CurateError, UsageError
from curate.passes.inputs import open_run
from curate.passes.left import Left, what_is_left
from curate.passes.steps import step_names
from curate.passes.tokenizer import keyed_share, run_tokenizer
from curate.recipe import Recipe, Scrub
from curate.scrub.pii import scrub_texts
from curate.tokenize.encode import Tokenizer
from curate.tokenize.rehydrate import repeated_order, times_by_size
from curate.tokenize.shards import write_shard

STAGE = "tokenize"
PARTS = ("train", "validation")
MAX_BATCH_DOCUMENTS = 500
MAX_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch of final documents and their tokens: document i is tokens[offsets[i]:offsets[i + 1]]."""

    documents: pl.DataFrame
    tokens: np.ndarray
    offsets: np.ndarray


def tokenize_split(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The task of pass 3."""
    recipe, plan = open_run(run)
    split = plan.split(key)
    with clock("load"):
        tokenizer = run_tokenizer(run, recipe)
    with clock("read"):
        documents = pl.read_parquet(run / "work" / "filter" / f"{key}.documents.parquet")
        left = what_is_left(run, recipe, documents)
        documents = left.documents.with_columns(_part(left.documents["id"], recipe), *_times(left.documents, recipe))
    batches = [_process(batch, recipe, tokenizer, clock) for batch in _batches(documents, attempt, cursor)]
    cursor.idle()
    if attempt.only is None:
        with clock("write"):
            broken = _broken(documents, attempt)
            _commit(run, split, batches, _ledger(run, key, left, broken, batches), tokenizer)


def _part(ids: pl.Series, recipe: Recipe) -> pl.Series:
    """Train or validation, by a keyed hash of the id."""
    share = keyed_share(ids, seed=recipe.seed, purpose="validation")
    is_validation = (share < recipe.tokenize.validation).rename("part")
    return is_validation.replace_strict({True: "validation", False: "train"}, return_dtype=pl.String)


def _times(documents: pl.DataFrame, recipe: Recipe) -> Iterator[pl.Series]:
    """How often each document goes among the training tokens, where the recipe says so."""
    if recipe.dedup is not None and recipe.dedup.rehydrate:
        sizes = documents["cluster_size"].cast(pl.Int64).to_numpy()
        yield pl.Series("times", times_by_size(sizes, recipe.dedup.rehydrate))


def _batches(documents: pl.DataFrame, attempt: Attempt, cursor: Cursor) -> Iterator[pl.DataFrame]:
    """Slices bounded in documents and bytes, without the documents to be skipped."""
    for first, last in _bounds(documents["byte_count"].to_list(), attempt):
        wanted = [number for number in range(first, last + 1) if number not in attempt.skip]
        if wanted:
            cursor.at(first, last, size=int(documents["byte_count"][first : last + 1].sum()))
            yield documents[wanted]


def _bounds(sizes: list[int], attempt: Attempt) -> Iterator[tuple[int, int]]:
    if attempt.only is not None:
        yield attempt.only, attempt.only
        return
    first = size = 0
    careful = attempt.careful or (-1, -1)
    for number, more in enumerate(sizes):
        is_full = number - first >= MAX_BATCH_DOCUMENTS or size + more > MAX_BATCH_BYTES
        is_apart = careful[0] <= number <= careful[1] + 1 or careful[0] <= number - 1 <= careful[1]
        if number > first and (is_full or is_apart):
            yield first, number - 1
            first, size = number, 0
        size += more
    if sizes:
        yield first, len(sizes) - 1


def _process(batch: pl.DataFrame, recipe: Recipe, tokenizer: Tokenizer, clock: Clock) -> Encoded:
    if recipe.scrub is not None:
        with clock("scrub"):
            batch = batch.with_columns(_scrubbed(batch["text"], recipe.scrub))
    with clock("encode"):
        tokens, offsets = tokenizer.encode_batch(batch["text"].to_list())
    counts = np.diff(offsets)
    batch = batch.with_columns(
        pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count"),
        pl.Series("token_count", counts, dtype=pl.Int64),
    )
    return Encoded(batch, tokens, offsets)


def _scrubbed(texts: pl.Series, scrub: Scrub) -> pl.DataFrame:
    """Fails closed: a text that the engine could not finish must not pass, and it costs that document only."""
    try:
        return scrub_texts(texts, entities=scrub.entities, engine=scrub.engine)
    except UsageError:
        raise
    except CurateError as error:
        raise RuntimeError(str(error)) from error  # the supervisor finds the document, as with every exception


def _broken(documents: pl.DataFrame, attempt: Attempt) -> pl.DataFrame:
    """Documents that break a worker here, and why."""
    rows = {"id": [documents["id"][number] for number in attempt.skip], "broken": list(attempt.skip.values())}
    return pl.DataFrame(rows, schema={"id": pl.String, "broken": pl.String})


def _ledger(run: Path, key: str, left: Left, broken: pl.DataFrame, batches: list[Encoded]) -> pl.DataFrame:
    """The ledger of pass 1 with the outcomes of passes 2 and 3, and the sizes of the texts that these changed."""
    ledger = pl.read_parquet(run / "work" / "filter" / f"{key}.ledger.parquet")
    gone = left.gone.select("id", pl.struct("step", "reason", "value").alias("_gone"))
    ledger = ledger.join(gone, on="id", how="left", maintain_order="left")
    ledger = ledger.join(broken, on="id", how="left", maintain_order="left")
    if "cut_bytes" in left.documents.columns:
        ledger = ledger.join(left.documents.select("id", "cut_bytes"), on="id", how="left", maintain_order="left")
    final = [batch.documents.select("id", pl.col("byte_count").alias(f"{AFTER}scrub")) for batch in batches]
    is_scrubbed = open_run(run)[0].scrub is not None and final
    for changed in (*left.changed, *([pl.concat(final)] if is_scrubbed else [])):
        ledger = ledger.join(changed, on="id", how="left", maintain_order="left")
    is_gone, is_broken = pl.col("_gone").is_not_null(), pl.col("broken").is_not_null()
    dropped, quarantined = pl.lit("dropped"), pl.lit("quarantined")
    told = {name: pl.col("_gone").struct.field(name) for name in ("step", "reason", "value")}
    return ledger.with_columns(
        pl.when(is_gone).then(dropped).when(is_broken).then(quarantined).otherwise("outcome").alias("outcome"),
        pl.when(is_gone).then(told["step"]).when(is_broken).then(pl.lit("scrub")).otherwise("step").alias("step"),
        pl.when(is_gone).then(told["reason"]).when(is_broken).then("broken").otherwise("reason").alias("reason"),
        pl.when(is_gone).then(told["value"]).otherwise("value").alias("value"),
    ).drop("broken", "_gone")


def _commit(run: Path, split: Split, batches: list[Encoded], ledger: pl.DataFrame, tokenizer: Tokenizer) -> None:
    folder = attempt_folder(run, STAGE, split.key)
    name = f"{split.number:05}"
    write_table(ledger, folder / "ledger" / split.source / f"{name}.parquet")
    tokens = dict.fromkeys(PARTS, 0)
    pii: dict[str, int] = {}
    if batches:
        documents = pl.concat([batch.documents for batch in batches])
        write_table(documents, folder / "documents" / split.source / f"{name}.parquet")
        tokens = {part: _write_part(folder, split, part, batches, tokenizer) for part in PARTS}
        pii = {column: int(documents[column].sum()) for column in documents.columns if column.startswith("pii_")}
    counts = count_outcomes(ledger, step_names(open_run(run)[0].source(split.source)))
    check_account(counts, split.key)
    commit(run, STAGE, split.key, folder, {"source": split.source, **counts, "tokens": tokens, "pii": pii})


def _write_part(folder: Path, split: Split, part: str, batches: list[Encoded], tokenizer: Tokenizer) -> int:
    """One shard of the documents of a part; how many tokens it holds."""
    pieces, lengths, documents = [], [], []
    for batch in batches:
        chosen = (batch.documents["part"] == part).to_numpy()
        counts = np.diff(batch.offsets)
        pieces.append(batch.tokens[np.repeat(chosen, counts)])
        lengths.append(counts[chosen])
        documents.append(batch.documents.filter(pl.col("part") == part).select("id", "byte_count", "^times$"))
    table = pl.concat(documents)
    if table.is_empty():
        return 0
    tokens = np.concatenate(pieces).astype(tokenizer.dtype)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    if part == "train" and "times" in table.columns:
        order = repeated_order(table["times"].to_numpy())
        tokens = np.concatenate([tokens[offsets[at] : offsets[at + 1]] for at in order])
        offsets = np.concatenate([[0], np.cumsum(np.diff(offsets)[order])]).astype(np.int64)
        table = table[order]
    place = folder / "work" / "tokens" / part / split.source
    place.mkdir(parents=True)
    write_shard(place, f"{split.number:05}", tokens, offsets, table["id"], table["byte_count"])
    return len(tokens)
