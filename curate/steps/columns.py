"""The columns of a batch: what every one has, what its reader knows, and what the steps before have measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from curate.dedup.methods import document_methods
from curate.engine.sizes import BEFORE
from curate.extract.extraction import PAGE_FACTS, PAGE_SIGNALS
from curate.filters.where import columns_of
from curate.readers.own_columns import EXTRA
from curate.readers.reader import READERS, traits_of
from curate.readers.rights import RIGHTS
from curate.recipe import Kind, Source
from curate.recipe_dedup import Dedup
from curate.text.signals import SIGNALS

LEDGER_HEAD = ("id", "source", "url", "outcome", "step", "reason", "value", "losses")
VERSIONS: Mapping[str, Any] = {
    "extractor": pl.String,
    "versions": pl.List(
        pl.Struct(
            {
                "extractor": pl.String,
                "outcome": pl.String,
                "step": pl.String,
                "reason": pl.String,
                "value": pl.String,
                "bytes": pl.Int64,
            }
        )
    ),
}
"""Of a source with several extractors: whose text of a page a row is about; and, where more than one was asked, what
became of the text of each, in their order, with its size where it left the steps."""
BEFORE_STEPS = ("read", "extract", "signals")
"""What a source loses before the recipe's own steps: no threshold brings it back."""
TYPES: Mapping[Kind, Any] = {
    "text": pl.String,
    "json": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "truth": pl.Boolean,
}


def batch_head(source: Source) -> dict[str, Any]:
    """Columns that every batch of a source has before it is measured, with their types."""
    traits = traits_of(source.read)
    known = dict.fromkeys((*LEDGER_HEAD, "text", "timestamp"), pl.String) | dict(traits.columns)
    versions = VERSIONS if len(source.extractors) > 1 else {}
    facts = {name: PAGE_FACTS[name] for name in source.fact_columns}
    page = {**PAGE_SIGNALS, **facts} if "extract" in traits.keys and "curate" in source.extractors else {}
    rights = dict.fromkeys(RIGHTS, pl.String) if source.reads_rights else {}
    own = {column.name: TYPES[column.kind] for column in source.own or ()}
    # for columns that nobody looked at, and values of another kind than their column's
    has_extra = source.own is not None and traits.has_own_columns and (source.own or not source.columns_only)
    return {**known, **versions, **page, **rights, **own, **({EXTRA: pl.String} if has_extra else {})}


def _named(source: Source) -> set[str]:
    """The columns that its steps name."""
    return {name for step in source.steps if step.use == "where" for name in columns_of(step.parameters["expression"])}


def needed_of_own(source: Source) -> set[str]:
    """The columns of its tables that its ledger has: those that the recipe names, in `columns` or in a step."""
    named = _named(source) | ({*RIGHTS} if source.reads_rights else set())
    return {column.name for column in source.own or () if column.name in named or column.name in source.columns}


def empty_batch(source: Source) -> pl.DataFrame:
    """A batch of no documents with all text signals: for checking expressions before a run."""
    signals = {signal.name: signal.dtype for signal in SIGNALS}
    return pl.DataFrame(schema=batch_head(source) | signals | {"byte_count": pl.Int64})


def as_ledger(batch: pl.DataFrame, source: Source, dedup: Dedup | None) -> pl.DataFrame:
    """One row per record: outcome and signals, no text, nor an embedding or what else may be longer than it."""
    own = {column.name for column in source.own or ()} - needed_of_own(source)
    wide = {name for method in document_methods(dedup) for name in method.too_wide(dedup)} if dedup else set()
    facts = {*source.fact_columns} - _named(source)
    unneeded = {*own, *wide, *facts, EXTRA, "text", "error"}
    return in_order(batch.select(name for name in batch.columns if name not in unneeded))


def as_documents(kept: pl.DataFrame) -> pl.DataFrame:
    """What survives, with what its source knows; the signals stay in the ledger."""
    signals = {*PAGE_SIGNALS, *(signal.name for signal in SIGNALS)} - {"byte_count"}
    unneeded = {*LEDGER_HEAD[3:], *signals, "versions", "error"}
    return kept.select(name for name in kept.columns if name not in unneeded and not name.startswith(BEFORE))


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(ordered(frame.columns))


def ordered(names: Iterable[str]) -> list[str]:
    """The one order that depends on names alone: head, what readers know, signals, all others."""
    by_readers = [name for reader in READERS.values() for name in reader.traits.columns]
    first = [
        *LEDGER_HEAD,
        *VERSIONS,
        *PAGE_SIGNALS,
        "text",
        "timestamp",
        *PAGE_FACTS,
        *RIGHTS,
        *by_readers,
        "byte_count",
        *(signal.name for signal in SIGNALS),
    ]
    known = {name: number for number, name in enumerate(dict.fromkeys(first))}
    return sorted(names, key=lambda name: (known.get(name, len(known)), name))
