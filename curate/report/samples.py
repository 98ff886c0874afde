"""The documents behind a training sample, and the samples that show a document: provenance, both ways.

RUN/tokens, length of a row, seed ─▶ Tracer ─▶ SamplePart a document in a row │ DocumentPart a row over a document
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.errors import CheckFailed, UsageError
from curate.run_files import CHECKPOINTS, MIXED, MIXTURE, TOKENS, shards, source_of
from curate.run_folder import RunFolder
from curate.tokenize.document_table import DOCUMENT_TABLE
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.mix import MixtureRecord, read_mixture
from curate.tokenize.run_rows import open_rows
from curate.tokenize.shards import TokenArray, open_shards
from curate.tokenize.trace import DocumentSpan, InOrder, Tracer
from curate.train_min.presets import configure


@dataclass(frozen=True, slots=True)
class SequenceOf:
    """What a training sequence depends on, besides the run: its rows and who shuffled them."""

    row_length: int
    seed: int
    batch_rows: int
    """Rows of one step."""
    is_mixed: bool
    """The materialized sequence from front to back, as trainers read it that do not draw."""
    told_by: str
    """Where these values come from."""


@dataclass(frozen=True, slots=True)
class SamplePart:
    """A part of one document in one row: tokens [first, last) of the row are [begin, end) of the document."""

    position: int
    source: str
    epoch: int
    id: str
    first: int
    last: int
    begin: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Samples:
    """What was asked of a sequence, and the parts of documents in rows, in the order of rows."""

    sequence: SequenceOf
    rows: int
    """Of the whole plan."""
    parts: tuple[SamplePart, ...]


def sequence_of(
    run: RunFolder,
    *,
    training: str | None = None,
    row_length: int | None = None,
    seed: int | None = None,
    batch_rows: int | None = None,
    mixed: bool = False,
) -> SequenceOf:
    """The sequence that is meant: by a training in RUN/train (the only one, where none is named), else by the preset
    of the recipe; single values may be given.

    Raises:
        UsageError: there is no such training, or there are several and none is named.
    """
    record = read_mixture(run.file(MIXTURE))
    config, told_by = _training(run, training)
    if config is None:
        preset = configure(run.recipe.train.preset, vocab_size=record.vocabulary.size)
        values = (preset.model.context, record.seed, preset.batch_rows)
        told_by = f'the preset "{preset.preset}" of the recipe'
    else:
        values = (config["model"]["context"], config["seed"], config["batch_rows"])
    length = values[0] if row_length is None else row_length
    if length < 1:
        raise UsageError(f"the length of a row is {length}; it has at least one token")
    return SequenceOf(
        length,
        values[1] if seed is None else seed,
        values[2] if batch_rows is None else batch_rows,
        mixed,
        told_by,
    )


def _training(run: RunFolder, name: str | None) -> tuple[dict[str, Any] | None, str]:
    """The settings of a training, from its newest checkpoint."""
    folders = sorted({path.parents[1] for path in run.room(CHECKPOINTS).glob("*/checkpoint-*/state.json")})
    if name is not None:
        folders = [folder for folder in folders if folder.name == name]
        if not folders:
            raise UsageError(f"{run.place}/{CHECKPOINTS}/{name} holds no checkpoint of a training")
    if not folders:
        return None, ""
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise UsageError(f"{run.place} has several trainings ({names}); name the one that is meant")
    file = max(folders[0].glob("checkpoint-*/state.json"))
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["config"]
    except (ValueError, KeyError) as error:
        raise CheckFailed(f"{file} is damaged: {error}") from error
    return config, f"the training {folders[0].name}"


def samples_at(run: RunFolder, positions: Sequence[int], sequence: SequenceOf) -> Samples:
    """The documents of which the rows at some positions have tokens, with their text.

    Raises:
        UsageError: a position is negative, or the run has no tokens, or no materialized mixture where that is meant.
    """
    if min(positions, default=0) < 0:
        raise UsageError(f"there is no position {min(positions)}; the first is 0")
    record = read_mixture(run.file(MIXTURE))
    tracer, tokenizer = _tracer(run, sequence), _tokenizer(run, record)
    spans = [span for position in positions for span in tracer.spans(position)]
    return Samples(sequence, tracer.rows.rows, tuple(_parts(tracer, tokenizer, spans)))


def samples_of(run: RunFolder, id: str, sequence: SequenceOf) -> Samples:
    """The rows that show a document, every epoch in which it is seen.

    Raises:
        UsageError: no training tokens of the run are of this document.
    """
    record = read_mixture(run.file(MIXTURE))
    tracer, tokenizer = _tracer(run, sequence), _tokenizer(run, record)
    source = MIXED if sequence.is_mixed else id.partition("/")[0]
    pools = [name for name in tracer.arrays if source_of(name) == source]  # in one of its buckets
    numbers = [(name, number) for name in pools for number in _numbers(run.room(shards("train", name)), id)]
    if not numbers:
        raise UsageError(f'no training token of {run.place} is of "{id}": curate why {run.place} "{id}" says why')
    spans = [
        span
        for name, number in numbers
        for position in tracer.positions(name, number).tolist()
        for span in tracer.spans(position)
        if span.document == number
    ]
    return Samples(sequence, tracer.rows.rows, tuple(_parts(tracer, tokenizer, sorted(spans))))


def _tracer(run: RunFolder, sequence: SequenceOf) -> Tracer:
    if sequence.is_mixed:
        if not (folder := run.room(shards("train", MIXED))).is_dir():
            raise UsageError(f"{run.place} has no materialized mixture: materialize = true in [mix] writes one")
        mixed = open_shards(folder)
        return Tracer(InOrder(MIXED, len(mixed), sequence.row_length), {MIXED: mixed})
    rows = open_rows(run.room(TOKENS).parent, row_length=sequence.row_length, seed=sequence.seed)
    return Tracer(rows, rows.arrays)


def _tokenizer(run: RunFolder, record: MixtureRecord) -> Tokenizer:
    vocabulary = record.vocabulary
    if vocabulary.tokenizer == "bytes":
        return load_tokenizer("bytes")
    return load_tokenizer(run.file(vocabulary.tokenizer), end_of_text=vocabulary.end_of_text_token)


def _numbers(folder: Path, id: str) -> list[int]:
    """The numbers of a document among those of a source; a mixture may hold one several times."""
    files = sorted(folder.glob(f"*{DOCUMENT_TABLE.suffix}"))
    ids = pl.scan_parquet(files, glob=False).select("id").with_row_index("number")
    return ids.filter(pl.col("id") == id).select("number").collect()["number"].to_list()


def _parts(tracer: Tracer, tokenizer: Tokenizer, spans: Sequence[DocumentSpan]) -> Iterator[SamplePart]:
    ids = {name: _named(tracer.arrays[name], spans, name) for name in {span.source for span in spans}}
    for span in spans:
        array = tracer.arrays[span.source]
        id, source, epoch = ids[span.source][span.document]
        tokens = array.document(span.document)[span.begin : span.end]
        text = tokenizer.decode(tokens.tolist())
        yield SamplePart(
            span.position, source, span.epoch if epoch is None else epoch, id, span.first, span.last, span.begin,
            span.end, text,
        )  # fmt: skip


def _named(array: TokenArray, spans: Sequence[DocumentSpan], source: str) -> dict[int, tuple[str, str, int | None]]:
    """By the number of a document its id, source and, where the sequence is materialized, epoch."""
    numbers = np.unique([span.document for span in spans if span.source == source])
    rows = array.pick(numbers)
    sources = rows["source"] if "source" in rows.columns else [source] * len(rows)
    epochs = rows["epoch"] if "epoch" in rows.columns else [None] * len(rows)
    return dict(zip(numbers.tolist(), zip(rows["id"], sources, epochs, strict=True), strict=True))
