"""The records of a split as rows, the rows as batches: what all steps see.

records, numbered ─▶ extract ─▶ row ─▶ … bounded in number and bytes ─▶ frame (polars.DataFrame)
   │                             └─ its page, where another extractor may yet be asked for its text
   └─ lost, broken, or given up: a row with its outcome
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import polars as pl

from curate.batch import PAGES, Record, Rejected
from curate.engine.clock import Clock
from curate.engine.input_digests import InputDigests
from curate.engine.plan import FileRange, Split
from curate.engine.task import Culprit
from curate.engine.walk import Stretch, Walk
from curate.extract.extraction import Extraction
from curate.readers.inputs import reader_of
from curate.readers.watch import Watch
from curate.recipe import Recipe, Source
from curate.steps.chapters import read_piece
from curate.steps.columns import BEFORE_STEPS, batch_head
from curate.steps.extract import Extract, Row, extract_text, found_together, is_own

MAX_BATCH_DOCUMENTS = 2_000
MAX_BATCH_BYTES = 16 << 20
MAX_HELD_BYTES = 32 << 20
"""Of the pages of a batch that are held until their first texts are decided on."""
MAX_HANDFUL, MAX_HANDFUL_BYTES = 64, 2 << 20
"""Of records that are extracted together: more of them would not be quicker."""


Numbered = Iterator[tuple[int, Record | Rejected]]
Extracted = tuple[int, Record | Rejected, Row]


class NumberedRow(NamedTuple):
    """A record as a row; the record itself, too, where it is a page that has other texts."""

    number: int
    row: Row
    page: Record | None = None


@dataclass(slots=True)
class RowBatch:
    """What becomes a batch. `pages`: as in `NumberedRow`, one a row."""

    numbers: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pages: list[Record | None] = field(default_factory=list)


def split_rows(
    split: Split,
    source: Source,
    recipe: Recipe,
    extractors: Mapping[str, Extract],
    walk: Walk,
    clock: Clock,
    digests: InputDigests,
) -> Iterator[NumberedRow]:
    """Each record of the split, with its number, as a row of the batch, pages with the text of the first extractor.
    What is read of the split's files goes to `digests`."""
    name, extract = next(iter(extractors.items()))
    numbered = (each for each in _walked(split, source, recipe, walk, clock, digests) if walk.wants(each[0]))
    extracted = (
        _together(numbered, extract, walk, clock) if is_own(extract) else _singly(numbered, extract, walk, clock)
    )
    for number, record, row in extracted:
        if len(extractors) > 1 and is_page(record):
            yield NumberedRow(number, row | {"extractor": name}, record)
        else:
            yield NumberedRow(number, row)


def _singly(numbered: Numbered, extract: Extract, walk: Walk, clock: Clock) -> Iterator[Extracted]:
    """As libraries extract. Stretches of one record each would cost as much as reading it does."""
    for number, record in numbered:
        walk.at(number, step="extract", size=record_size(record))
        culprit = walk.culprit(number)
        with clock("extract"):
            row = record_row(record, extract, culprit if culprit and culprit.step in BEFORE_STEPS else None)
        yield number, record, row


def _together(numbered: Numbered, extract: Extract, walk: Walk, clock: Clock) -> Iterator[Extracted]:
    """A handful at a time, but for documents that are to be taken one by one."""
    for numbers, records in handfuls(numbered):
        for stretch in walk.stretches(np.array(numbers, dtype=np.int64)):
            part, culprits = records[stretch.rows], stretch.culprits_of(BEFORE_STEPS)
            with clock("extract"):
                rows = list(rows_of(part, extract, culprits, stretch))
            yield from zip(stretch.numbers.tolist(), part, rows, strict=True)


def handfuls(numbered: Numbered) -> Iterator[tuple[list[int], list[Record | Rejected]]]:
    """Records, with their numbers, as many at a time as curate's own extractor takes gladly and memory easily."""
    numbers: list[int] = []
    records: list[Record | Rejected] = []
    size = 0
    for number, record in numbered:
        numbers.append(number)
        records.append(record)
        size += record_size(record)
        if len(records) >= MAX_HANDFUL or size >= MAX_HANDFUL_BYTES:
            yield numbers, records
            numbers, records, size = [], [], 0
    if records:
        yield numbers, records


def rows_of(
    records: Sequence[Record | Rejected], extract: Extract, culprits: Mapping[int, Culprit], stretch: Stretch | None
) -> Iterator[Row]:
    """The row of each record. Whoever watches is told of each, and of all at once where they are extracted together.
    `culprits` are those that are not to be extracted, by their places among the records."""
    if stretch is not None:
        stretch.at("extract", size=sum(map(record_size, records)))
    found = found_together([None if row in culprits else record for row, record in enumerate(records)], extract)
    for row, record in enumerate(records):
        if stretch is not None and found[row] is None and len(records) > 1:
            stretch.one(row, "extract", size=record_size(record))
        yield record_row(record, extract, culprits.get(row), found[row])


def is_page(record: Record | Rejected) -> TypeGuard[Record]:
    """Whether it depends on the extractor what its text is."""
    return isinstance(record, Record) and record.media in PAGES


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


def record_row(
    record: Record | Rejected, extract: Extract, culprit: Culprit | None, found: Extraction | None = None
) -> dict[str, Any]:
    """A record as a row; one that breaks extraction, or what comes before the recipe's steps, is not extracted, nor is
    one in which its text was `found` already."""
    if isinstance(record, Rejected):
        lost = {"id": record.id, "url": record.url, "outcome": record.outcome, "step": "read"}
        return lost | {"reason": record.reason, "value": record.detail}
    row: dict[str, Any] = {"id": record.id, "url": record.url, "timestamp": record.timestamp, **record.columns}
    if culprit is not None:
        told = {"step": culprit.step, "reason": culprit.reason, "value": culprit.detail}
        return row | {"outcome": "quarantined", **told}
    return row | extract_text(record, extract, found=found)


def bounded_batches(numbered: Iterator[NumberedRow]) -> Iterator[RowBatch]:
    """Rows of extracted documents and lost records with their numbers, bounded in number and in bytes. Where batches
    end depends on the rows alone, never on which documents are under suspicion: what is written depends on it."""
    batch = RowBatch()
    size = held = 0
    for number, row, page in numbered:
        batch.numbers.append(number)
        batch.rows.append(row)
        batch.pages.append(page)
        for value in row.values():  # a table's own columns may be long
            if value.__class__ is str:  # the quickest of questions, as it is asked a dozen times a record
                size += len(value)
        if page is not None:
            held += record_size(page)
        if len(batch.rows) >= MAX_BATCH_DOCUMENTS or size >= MAX_BATCH_BYTES or held >= MAX_HELD_BYTES:
            yield batch
            batch, size, held = RowBatch(), 0, 0
    if batch.rows:
        yield batch


def frame_rows(rows: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    """The batch; documents without an outcome yet are alive."""
    head = batch_head(source)
    if not rows:
        return pl.DataFrame(schema=head | {"byte_count": pl.Int64})
    batch = pl.DataFrame(rows, schema_overrides=head, infer_schema_length=None, strict=False)
    missing = [pl.lit(None, head[name]).alias(name) for name in head if name not in batch.columns]
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("byte_count")
    return batch.with_columns(missing).with_columns(size, pl.lit(source.name).alias("source"))
