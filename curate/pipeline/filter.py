"""`filter`: one split read, extracted, measured, decided and signed.

    records ─▶ texts ─▶ batch ─▶ text signals ─▶ each step: measure, decide ─▶ kept ─▶ signatures
       └─ lost ─────────────────────┴──────────── ledger: one row each ──────────┘
                 (with several extractors, pages that are dropped once more: see steps/versions.py)

Writes work/filter/<split>.{documents,signatures,ledger,dropped}.parquet; the last are the documents that the last step
has dropped, so that another threshold of it need not read them again: see redecide.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from curate.batch import Record
from curate.dedup.minhash import signing_is_compiled
from curate.dedup.sign import sign_documents
from curate.engine.clock import Clock
from curate.engine.input_digests import InputDigests
from curate.engine.job import Job, Made
from curate.engine.ledger import check_account, count_outcomes
from curate.engine.store import Store
from curate.engine.walk import Stretch, Walk
from curate.extract.extraction import Markup
from curate.readers.inputs import reader_of
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.run_files import Filtered, filtered
from curate.steps.bind import has_own_steps, step_names
from curate.steps.columns import as_documents, as_ledger, in_order
from curate.steps.decide import quarantine_culprits
from curate.steps.deciding_files import check_as_planned, method_files
from curate.steps.rows import RowBatch, bounded_batches, frame_rows, split_rows
from curate.steps.source_reader import has_own_reader
from curate.steps.user_errors import ENOUGH, ROWS, check_reader_errors, check_user_errors
from curate.steps.versions import Sieve, decide_pages, sieve_of
from curate.text.signals import signals_are_compiled, text_signals

PARTS: tuple[Filtered, ...] = ("ledger", "documents", "signatures", "dropped")
"""The fields of `Parts`, in their order; each is a file."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch, or a whole split, comes to."""

    ledger: pl.DataFrame
    documents: pl.DataFrame
    signatures: pl.DataFrame
    dropped: pl.DataFrame


def filter_split(job: Job) -> Made | None:
    """The task of the stage `filter`."""
    clock = job.clock
    with clock("load"):
        recipe, split = job.recipe, job.split
        source = recipe.source(split.source)
        sieve = sieve_of(source, recipe)
        files_of_steps = [file for step in sieve.steps for file in step.filter.files]
        reader = reader_of(source, recipe)
        check_as_planned(job.plan, [*reader.files, *files_of_steps, *method_files(recipe)])
        _load_kernels(job.store, signs=recipe.dedup is not None)
        if "curate" in sieve.extractors:
            _load_extractor(job.store)
        has_own_code = has_own_steps(source) or has_own_reader(source)
        walk = job.walk if has_own_code else job.walk.trusting()
    with clock("read"):
        own = {piece: reader.own_bytes(piece) for piece in split.ranges}
        digests = InputDigests(own, pulse=walk.cursor.pulse)
    with clock("batch"):
        batches = bounded_batches(split_rows(split, source, recipe, sieve.extractors, walk, clock, digests))
        processed = (_process(rows, sieve, recipe, walk, clock) for rows in batches)
        parts = list(_watched(processed, sieve, recipe) if has_own_code else processed)
        parts = parts or [_process(RowBatch(), sieve, recipe, walk, clock)]  # a split may lie within one long line
    walk.idle()  # joining and writing are no document's fault, and take as long as they take
    if walk.is_confirming:
        return None
    with clock("read"):
        inputs = digests.finished()
    with clock("write"):
        return made_of(job, _join(parts), inputs)


def _watched(parts: Iterator[Parts], sieve: Sieve, recipe: Recipe) -> Iterator[Parts]:
    """A user's function that fails everywhere stops the run early, not after hours."""
    source, names, rows = sieve.source, sieve.step_names, pl.DataFrame()
    for part in parts:
        yield part
        rows = pl.concat([rows, part.ledger.select(ROWS)], how="diagonal_relaxed")
        check_user_errors(rows, names, recipe.limits.max_errors, min_reached=ENOUGH)
        if has_own_reader(source):
            check_reader_errors(rows, source.read, recipe.limits.max_errors, min_read=ENOUGH)


def made_of(job: Job, parts: Parts, inputs: Mapping[str, Any]) -> Made:
    """The files of a split and their counts; `inputs` are the digests of what was read."""
    outputs, source = job.outputs(), job.split.source
    for name in PARTS:
        outputs.table(filtered(job.key, name), getattr(parts, name))
    counts = count_outcomes(parts.ledger, step_names(job.recipe.source(source)))
    check_account(counts, job.key)
    return Made(outputs, {"source": source, **counts, "inputs": inputs})


def _process(rows: RowBatch, sieve: Sieve, recipe: Recipe, walk: Walk, clock: Clock) -> Parts:
    """Measure, decide and sign one batch; what is written of it does not depend on how the walk goes through it."""
    with clock("batch"):
        batch = frame_rows(rows.rows, sieve.source)
    parts = [
        _process_stretch(batch[stretch.rows], rows.pages[stretch.rows], stretch, sieve, recipe, clock)
        for stretch in walk.stretches(np.array(rows.numbers, dtype=np.int64))
    ]
    return parts[0] if len(parts) == 1 else _join(parts)


def _process_stretch(
    batch: pl.DataFrame,
    pages: list[Record | None],
    stretch: Stretch,
    sieve: Sieve,
    recipe: Recipe,
    clock: Clock,
) -> Parts:
    batch = decide_pages(batch, pages, sieve, clock, stretch)
    with clock("batch"):
        batch = quarantine_culprits(batch, stretch, "sign")
        kept = batch.filter(pl.col("outcome") == "kept")
    with clock("sign"):
        stretch.at("sign", size=int(batch["byte_count"].sum()))
        signatures = sign(kept, recipe.dedup)
    with clock("batch"):
        dropped = as_documents(batch.filter(_is_of_last(sieve)))
        return Parts(as_ledger(batch, sieve.source, recipe.dedup), as_documents(kept), signatures, dropped)


def _is_of_last(sieve: Sieve) -> pl.Expr:
    """Documents that the last step has dropped; none where another extractor's text may stay, which is not here."""
    if not sieve.steps or len(sieve.extractors) > 1:
        return pl.lit(False)
    return (pl.col("outcome") == "dropped") & (pl.col("step") == sieve.steps[-1].name)


def sign(kept: pl.DataFrame, dedup: Dedup | None) -> pl.DataFrame:
    """Id, source, length in characters, and the keys that `dedup` joins on."""
    return kept.select("id") if dedup is None else sign_documents(kept, dedup)


def _join(parts: list[Parts]) -> Parts:
    """Several as one. Not every batch has every column, so their order must not be that of the first to have one."""
    joined = (pl.concat([getattr(part, name) for part in parts], how="diagonal_relaxed") for name in PARTS)
    return Parts(*map(in_order, joined))


@cache
def _load_kernels(store: Store, *, signs: bool) -> None:
    """Load the compiled kernels before any document's time is measured.

    On a fresh machine they are compiled first, which takes a while, by one worker while the others wait. Once they are
    on disk nobody waits.
    """
    is_compiled = signing_is_compiled if signs else signals_are_compiled
    with nullcontext() if is_compiled() else store.alone("kernels"):
        _call_kernels(signs=signs)


def load_compiled() -> None:
    """The same before there is a run, of those that are on disk."""
    if signals_are_compiled():
        _call_kernels(signs=signing_is_compiled())


def _call_kernels(*, signs: bool) -> None:
    text = pl.Series("text", ["One sentence is enough, twice: one sentence is enough."])
    text_signals(text)
    if signs:
        sign_documents(pl.DataFrame({"id": "", "source": "", "text": text}), Dedup(ngram=2, bands=1, rows=1))


@cache
def _load_extractor(store: Store) -> None:
    """The same for the kernels of curate's own extractor, several hundred."""
    from curate.extract.own import extract_pages
    from curate.extract.scan.writer import writer_is_compiled

    with nullcontext() if writer_is_compiled() else store.alone("kernels"):
        extract_pages([Markup("<p>One sentence is enough.")])
