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

import numpy as np
import polars as pl

from curate.batch import Lost, Record
from curate.dedup.sign import sign_documents
from curate.engine.clock import Clock
from curate.engine.files import open_input
from curate.engine.ledger import check_account, count_outcomes, write_table
from curate.engine.plan import FileRange, Split
from curate.engine.sizes import BEFORE
from curate.engine.store import attempt_folder, commit
from curate.engine.task import Culprit
from curate.engine.walk import Stretch, Walk
from curate.passes.columns import BEFORE_STEPS, LEDGER_HEAD, batch_head, in_order, needed_of_own
from curate.passes.decide import decide, quarantine_culprits
from curate.passes.deciding_files import check_as_planned
from curate.passes.extract import Extract, extract_text, page_extractor
from curate.passes.filtered import STAGE, Kind, filtered_name
from curate.passes.inputs import open_run, read_piece
from curate.passes.steps import BoundStep, bind, has_own_steps, step_names
from curate.passes.user_errors import ENOUGH, ROWS, check_user_errors
from curate.readers.own_columns import EXTRA
from curate.recipe import Dedup, Recipe, Source
from curate.text.signals import SIGNALS, text_signals

KINDS: tuple[Kind, ...] = ("documents", "signatures", "ledger")
MAX_BATCH_DOCUMENTS = 2_000
MAX_BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch, or a whole split, comes to."""

    ledger: pl.DataFrame
    documents: pl.DataFrame
    signatures: pl.DataFrame


def filter_split(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """The task of pass 1."""
    with clock("load"):
        recipe, plan = open_run(run)
        split = plan.split(key)
        source = recipe.source(split.source)
        steps = bind(source, recipe)
        check_as_planned(plan, [file for step in steps for file in step.filter.files])
        _load_kernels(run)
    with clock("batch"):
        batches = _batches(_rows(split, source, recipe, walk, clock))
        processed = (_process(numbers, rows, source, steps, recipe, walk, clock) for numbers, rows in batches)
        parts = list(_watched(processed, steps, recipe) if has_own_steps(source) else processed)
        parts = parts or [_process([], [], source, steps, recipe, walk, clock)]  # a split may lie within one long line
    walk.idle()
    if not walk.is_confirming:
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
    for name in KINDS:
        write_table(getattr(parts, name), folder / filtered_name(split.key, name))
    counts = count_outcomes(parts.ledger, step_names(open_run(run)[0].source(split.source)))
    check_account(counts, split.key)
    commit(run, STAGE, split.key, folder, {"source": split.source, **counts, "inputs": _input_digests(split)})


def _batches(numbered: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
    """Rows of extracted documents and lost records with their numbers, bounded in number and in bytes. Where batches
    end depends on the rows alone, never on which documents are under suspicion: what is written depends on it."""
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    size = 0
    for number, row in numbered:
        numbers.append(number)
        rows.append(row)
        for value in row.values():  # a table's own columns may be long
            if value.__class__ is str:  # the quickest of questions, as it is asked a dozen times a record
                size += len(value)
        if len(rows) >= MAX_BATCH_DOCUMENTS or size >= MAX_BATCH_BYTES:
            yield numbers, rows
            numbers, rows, size = [], [], 0
    if rows:
        yield numbers, rows


def _rows(
    split: Split, source: Source, recipe: Recipe, walk: Walk, clock: Clock
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record of the split, with its number, as a row of the batch."""
    with clock("load"):
        extract = page_extractor(source, recipe)
    for number, record in _records(split, source, recipe, walk, clock):
        if walk.wants(number):
            walk.at(number, step="extract", size=record_size(record))
            with clock("extract"):
                row = record_row(record, extract, walk.culprit(number))
            yield number, row


def _records(
    split: Split, source: Source, recipe: Recipe, walk: Walk, clock: Clock
) -> Iterator[tuple[int, Record | Lost]]:
    """The records of all pieces of a split. One that cannot be read to its end ends with the record that says so."""
    number = 0
    for index, piece in enumerate(split.ranges):
        records = read_piece(piece, source, recipe.limits.max_record_bytes, pulse=walk.cursor.pulse)
        while True:
            if culprit := walk.given_up(index, number):
                yield number, rest_of_piece(piece, source, number, culprit)
                number += 1
                break
            walk.reading(number, index)
            with clock("read"):
                record = next(records, None)
            if record is None:
                break
            yield number, record
            number += 1


def rest_of_piece(piece: FileRange, source: Source, number: int, culprit: Culprit) -> Lost:
    """What stands in the ledger for the records of a file that nobody can read."""
    id = f"{source.name}/{piece.file.name}@{piece.start}-{piece.end}"
    told = f"what follows record {number} of this split cannot be read: {culprit.detail}"
    return Lost(id, "quarantined", culprit.reason, told)


def record_size(record: Record | Lost) -> int:
    """Bytes, or characters of text that is ready."""
    payload = "" if isinstance(record, Lost) else record.payload
    return sum(len(part.data) for part in payload) if isinstance(payload, tuple) else len(payload)


def record_row(record: Record | Lost, extract: Extract, culprit: Culprit | None) -> dict[str, Any]:
    """A record as a row; one that breaks extraction, or what comes before the recipe's steps, is not extracted."""
    if isinstance(record, Lost):
        lost = {"id": record.id, "url": record.url, "outcome": record.outcome, "step": "read"}
        return lost | {"reason": record.reason, "value": record.detail}
    row: dict[str, Any] = {"id": record.id, "url": record.url, "timestamp": record.timestamp, **record.columns}
    if culprit is not None and culprit.step in BEFORE_STEPS:
        told = {"step": culprit.step, "reason": culprit.reason, "value": culprit.detail}
        return row | {"outcome": "quarantined", **told}
    return row | extract_text(record, extract)


def _process(
    numbers: list[int],
    rows: list[dict[str, Any]],
    source: Source,
    steps: tuple[BoundStep, ...],
    recipe: Recipe,
    walk: Walk,
    clock: Clock,
) -> Parts:
    """Measure, decide and sign one batch; what is written of it does not depend on how the walk goes through it."""
    with clock("batch"):
        batch = frame_rows(rows, source)
    parts = [
        _process_stretch(batch[stretch.rows], stretch, source, steps, recipe, clock)
        for stretch in walk.stretches(np.array(numbers, dtype=np.int64))
    ]
    return parts[0] if len(parts) == 1 else _join(parts)


def _process_stretch(
    batch: pl.DataFrame,
    stretch: Stretch,
    source: Source,
    steps: tuple[BoundStep, ...],
    recipe: Recipe,
    clock: Clock,
) -> Parts:
    size = int(batch["byte_count"].sum())
    with clock("signals"):
        stretch.at("signals", size=size)
        batch = batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))
    batch = decide(batch, steps, clock, stretch)
    with clock("batch"):
        batch = quarantine_culprits(batch, stretch, "sign")
        kept = batch.filter(pl.col("outcome") == "kept")
    with clock("sign"):
        stretch.at("sign", size=size)
        signatures = _sign(kept, recipe.dedup)
    with clock("batch"):
        return Parts(_ledger(batch, source, recipe.dedup), _documents(kept), signatures)


def frame_rows(rows: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    """The batch; documents without an outcome yet are alive."""
    head = batch_head(source)
    if not rows:
        return pl.DataFrame(schema=head | {"byte_count": pl.Int64})
    batch = pl.DataFrame(rows, schema_overrides=head, infer_schema_length=None, strict=False)
    missing = [pl.lit(None, head[name]).alias(name) for name in head if name not in batch.columns]
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count")
    return batch.with_columns(missing).with_columns(size, pl.lit(source.name).alias("source"))


def _ledger(batch: pl.DataFrame, source: Source, dedup: Dedup | None) -> pl.DataFrame:
    """One row per record: outcome and signals, no text, nor an embedding or what else may be longer than it."""
    own = {column.name for column in source.own or ()} - needed_of_own(source)
    embedding = {dedup.semantic.column} if dedup and "semantic" in dedup.method else set()
    unneeded = {*own, *embedding, EXTRA, "text", "error"}
    return in_order(batch.select(name for name in batch.columns if name not in unneeded))


def _documents(kept: pl.DataFrame) -> pl.DataFrame:
    """What survives, with what its source knows; the signals stay in the ledger."""
    unneeded = {*LEDGER_HEAD[3:], *(signal.name for signal in SIGNALS), "error"} - {"byte_count"}
    return kept.select(name for name in kept.columns if name not in unneeded and not name.startswith(BEFORE))


def _sign(kept: pl.DataFrame, dedup: Dedup | None) -> pl.DataFrame:
    """Id, source, length in characters, and the keys that pass 2 joins on."""
    return kept.select("id") if dedup is None else sign_documents(kept, dedup)


def _join(parts: list[Parts]) -> Parts:
    """Several as one. Not every batch has every column, so their order must not be that of the first to have one."""
    joined = (pl.concat([getattr(part, name) for part in parts], how="diagonal_relaxed") for name in PARTS)
    return Parts(*map(in_order, joined))


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
