"""The records of a split as rows, the rows as batches: what all steps see.

records, numbered ─▶ extract ─▶ row ─▶ … bounded in number and bytes ─▶ frame (polars.DataFrame)
   └─ lost, broken, or given up: a row with its outcome
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from curate.batch import Record, Rejected
from curate.engine.clock import Clock
from curate.engine.input_digests import InputDigests
from curate.engine.plan import FileRange, Split
from curate.engine.task import Culprit
from curate.engine.walk import Walk
from curate.readers.inputs import reader_of
from curate.readers.watch import Watch
from curate.recipe import Recipe, Source
from curate.steps.chapters import read_piece
from curate.steps.columns import BEFORE_STEPS, batch_head
from curate.steps.extract import Extract, extract_text, page_extractor

MAX_BATCH_DOCUMENTS = 2_000
MAX_BATCH_BYTES = 16 << 20


def split_rows(
    split: Split, source: Source, recipe: Recipe, walk: Walk, clock: Clock, digests: InputDigests
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record of the split, with its number, as a row of the batch. What is read of its files goes to `digests`."""
    with clock("load"):
        extract = page_extractor(source, recipe)
    for number, record in _walked(split, source, recipe, walk, clock, digests):
        if walk.wants(number):
            walk.at(number, step="extract", size=record_size(record))
            with clock("extract"):
                row = record_row(record, extract, walk.culprit(number))
            yield number, row


def _walked(
    split: Split, source: Source, recipe: Recipe, walk: Walk, clock: Clock, digests: InputDigests
) -> Iterator[tuple[int, Record | Rejected]]:
    """The records of all pieces of a split. One that cannot be read to its end ends with the record that says so."""
    reader = reader_of(source, recipe)
    number = 0
    for index, piece in enumerate(split.ranges):
        records = read_piece(reader, piece, source, recipe, watch=Watch(walk.cursor.pulse, digests.opener(piece)))
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


def rest_of_piece(piece: FileRange, source: Source, number: int, culprit: Culprit) -> Rejected:
    """What stands in the ledger for the records of a file that nobody can read."""
    id = f"{source.name}/{piece.file.name}@{piece.start}-{piece.end}"
    told = f"what follows record {number} of this split cannot be read: {culprit.detail}"
    return Rejected(id, "quarantined", culprit.reason, told)


def record_size(record: Record | Rejected) -> int:
    """Bytes, or characters of text that is ready."""
    payload = "" if isinstance(record, Rejected) else record.payload
    return sum(len(part.data) for part in payload) if isinstance(payload, tuple) else len(payload)


def record_row(record: Record | Rejected, extract: Extract, culprit: Culprit | None) -> dict[str, Any]:
    """A record as a row; one that breaks extraction, or what comes before the recipe's steps, is not extracted."""
    if isinstance(record, Rejected):
        lost = {"id": record.id, "url": record.url, "outcome": record.outcome, "step": "read"}
        return lost | {"reason": record.reason, "value": record.detail}
    row: dict[str, Any] = {"id": record.id, "url": record.url, "timestamp": record.timestamp, **record.columns}
    if culprit is not None and culprit.step in BEFORE_STEPS:
        told = {"step": culprit.step, "reason": culprit.reason, "value": culprit.detail}
        return row | {"outcome": "quarantined", **told}
    return row | extract_text(record, extract)


def bounded_batches(numbered: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
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


def frame_rows(rows: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    """The batch; documents without an outcome yet are alive."""
    head = batch_head(source)
    if not rows:
        return pl.DataFrame(schema=head | {"byte_count": pl.Int64})
    batch = pl.DataFrame(rows, schema_overrides=head, infer_schema_length=None, strict=False)
    missing = [pl.lit(None, head[name]).alias(name) for name in head if name not in batch.columns]
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count")
    return batch.with_columns(missing).with_columns(size, pl.lit(source.name).alias("source"))
