"""Pass 1: one split read, extracted, measured, decided and signed.

    records ─▶ texts ─▶ batch ─▶ text signals ─▶ each step: measure, decide ─▶ kept ─▶ signatures
       └─ lost ─────────────────────┴──────────── ledger: one row each ──────────┘

Writes work/filter/<split>.{documents,signatures,ledger}.parquet.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from curate.batch import Lost, Record
from curate.dedup.sign import sign_documents
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.files import open_input
from curate.engine.ledger import check_account, count_outcomes, write_table
from curate.engine.plan import Split
from curate.engine.sizes import BEFORE
from curate.engine.store import attempt_folder, commit
from curate.engine.worker import Attempt
from curate.passes.columns import LEDGER_HEAD, batch_head
from curate.passes.decide import decide
from curate.passes.extract import Extract, extract_text, page_extractor
from curate.passes.inputs import open_run, read_split
from curate.passes.steps import BoundStep, bind, has_own_steps, step_names
from curate.passes.user_errors import ENOUGH, ROWS, check_user_errors
from curate.recipe import Dedup, Recipe, Source
from curate.text.signals import SIGNALS, text_signals

STAGE = "filter"
MAX_BATCH_DOCUMENTS = 2_000
MAX_BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch, or a whole split, comes to."""

    ledger: pl.DataFrame
    documents: pl.DataFrame
    signatures: pl.DataFrame


def filter_split(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The task of pass 1."""
    with clock("load"):
        recipe, plan = open_run(run)
        split = plan.split(key)
        source = recipe.source(split.source)
        steps = bind(source, recipe)
        _load_kernels(run)
    with clock("batch"):
        batches = _batches(_rows(split, source, recipe, attempt, cursor, clock), attempt, cursor)
        processed = (_process(rows, source, steps, recipe, clock) for rows in batches)
        parts = list(_watched(processed, steps, recipe) if has_own_steps(source) else processed)
        parts = parts or [_process([], source, steps, recipe, clock)]  # a split may lie within one long line
    cursor.idle()
    if attempt.only is None:
        with clock("write"):
            _commit(run, split, _join(parts))


def _watched(parts: Iterator[Parts], steps: tuple[BoundStep, ...], recipe: Recipe) -> Iterator[Parts]:
    """A user's function that fails everywhere stops the run early, not after hours."""
    names, rows = [step.name for step in steps], pl.DataFrame()
    for part in parts:
        yield part
        rows = pl.concat([rows, part.ledger.select(ROWS)], how="diagonal_relaxed")
        check_user_errors(rows, names, recipe.limits.max_errors, min_reached=ENOUGH)


def _commit(run: Path, split: Split, parts: Parts) -> None:
    folder = attempt_folder(run, STAGE, split.key)
    for name in ("documents", "signatures", "ledger"):
        write_table(getattr(parts, name), folder / "work" / STAGE / f"{split.key}.{name}.parquet")
    counts = count_outcomes(parts.ledger, step_names(open_run(run)[0].source(split.source)))
    check_account(counts, split.key)
    commit(run, STAGE, split.key, folder, {"source": split.source, **counts, "inputs": _input_digests(split)})


def _batches(
    numbered: Iterator[tuple[int, dict[str, Any]]], attempt: Attempt, cursor: Cursor
) -> Iterator[list[dict[str, Any]]]:
    """Rows of extracted documents and lost records, bounded in number and in bytes."""
    rows: list[dict[str, Any]] = []
    first = size = 0
    for number, row in numbered:
        rows.append(row)
        size += len(row.get("text") or "")
        alone = attempt.careful is not None and attempt.careful[0] <= number <= attempt.careful[1]
        if alone or len(rows) >= MAX_BATCH_DOCUMENTS or size >= MAX_BATCH_BYTES:
            cursor.at(first if not alone else number, number, size=size)
            yield rows
            rows, first, size = [], number + 1, 0
    if rows:
        cursor.at(number if len(rows) == 1 else first, number, size=size)
        yield rows


def _rows(
    split: Split, source: Source, recipe: Recipe, attempt: Attempt, cursor: Cursor, clock: Clock
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record of the split as a row of the batch, under the watch of the cursor."""
    records = read_split(split, source, recipe.limits.max_record_bytes)
    with clock("load"):
        extract = page_extractor(source, recipe)
    number = 0
    while True:
        cursor.at(number)
        with clock("read"):
            record = next(records, None)
        if record is None:
            return
        if attempt.only is None or attempt.only == number:
            cursor.at(number, size=record_size(record))
            with clock("extract"):
                row = record_row(record, extract, attempt.skip.get(number))
            yield number, row
        number += 1


def record_size(record: Record | Lost) -> int:
    """Bytes, or characters of text that is ready."""
    payload = "" if isinstance(record, Lost) else record.payload
    return sum(len(part.data) for part in payload) if isinstance(payload, tuple) else len(payload)


def record_row(record: Record | Lost, extract: Extract, broken: str | None) -> dict[str, Any]:
    if isinstance(record, Lost):
        lost = {"id": record.id, "url": record.url, "outcome": record.outcome, "step": "read"}
        return lost | {"reason": record.reason, "value": record.detail}
    row: dict[str, Any] = {"id": record.id, "url": record.url, "timestamp": record.timestamp, **record.columns}
    if broken is not None:
        return row | {"outcome": "quarantined", "step": "extract", "reason": broken}
    return row | extract_text(record, extract)


def _process(
    rows: list[dict[str, Any]], source: Source, steps: tuple[BoundStep, ...], recipe: Recipe, clock: Clock
) -> Parts:
    """Measure, decide and sign one batch."""
    with clock("batch"):
        batch = frame_rows(rows, source)
    with clock("signals"):
        batch = batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))
    batch = decide(batch, steps, clock)
    with clock("batch"):
        kept = batch.filter(pl.col("outcome") == "kept")
    with clock("sign"):
        signatures = _sign(kept, recipe.dedup)
    with clock("batch"):
        return Parts(_ledger(batch, recipe.dedup), _documents(kept), signatures)


def frame_rows(rows: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    """The batch; documents without an outcome yet are alive."""
    head = batch_head(source)
    if not rows:
        return pl.DataFrame(schema=head | {"byte_count": pl.Int64})
    batch = pl.DataFrame(rows, schema_overrides=head, infer_schema_length=None, strict=False)
    missing = [pl.lit(None, pl.String).alias(name) for name in head if name not in batch.columns]
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count")
    return batch.with_columns(missing).with_columns(size, pl.lit(source.name).alias("source"))


def _ledger(batch: pl.DataFrame, dedup: Dedup | None) -> pl.DataFrame:
    """One row per record: outcome and signals, no text, and no embedding, which may be longer than it."""
    unneeded = {
        *LEDGER_HEAD,
        "text",
        "error",
        *((dedup.semantic.column,) if dedup and "semantic" in dedup.method else ()),
    }
    rest = [name for name in batch.columns if name not in unneeded]
    return batch.select(*LEDGER_HEAD, *rest)


def _documents(kept: pl.DataFrame) -> pl.DataFrame:
    """What survives, with what its source knows; the signals stay in the ledger."""
    unneeded = {*LEDGER_HEAD[3:], *(signal.name for signal in SIGNALS), "error"} - {"byte_count"}
    return kept.select(name for name in kept.columns if name not in unneeded and not name.startswith(BEFORE))


def _sign(kept: pl.DataFrame, dedup: Dedup | None) -> pl.DataFrame:
    """Id, source, length in characters, and the keys that pass 2 joins on."""
    return kept.select("id") if dedup is None else sign_documents(kept, dedup)


def _join(parts: list[Parts]) -> Parts:
    return Parts(*(pl.concat([getattr(part, name) for part in parts], how="diagonal_relaxed") for name in PARTS))


PARTS = ("ledger", "documents", "signatures")


def _input_digests(split: Split) -> dict[str, str]:
    """SHA-256 of each file whose first piece is in this split."""
    digests = {}
    for piece in split.ranges:
        if piece.start == 0:
            with open_input(piece.file.uri) as file:
                digest = hashlib.sha256()
                while block := file.read(1 << 20):
                    digest.update(block)
            digests[piece.file.name] = digest.hexdigest()
    return digests


@cache
def _load_kernels(run: Path) -> None:
    """Load the compiled kernels before any document's time is measured.

    On a fresh machine they are compiled first, which takes a while, by one worker while the others wait.
    """
    text = pl.Series("text", ["One sentence is enough, twice: one sentence is enough."])
    with (run / "work" / "kernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text_signals(text)
        sign_documents(pl.DataFrame({"id": "", "source": "", "text": text}), Dedup(ngram=2, bands=1, rows=1))
