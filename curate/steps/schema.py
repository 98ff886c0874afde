"""The columns of a run's two tables, ledger and documents, before anything is read: the same for all of its sources.

no rows of a source ─▶ its steps, which measure nothing ─▶ columns of its ledger │ of its documents ─┐
                                              columns that later stages add, by the recipe ─────────┴─▶ one type a name
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl
from polars._typing import PolarsDataType

from curate.dedup.methods import cuts_texts
from curate.engine.sizes import AFTER, BEFORE, LATER
from curate.recipe import Recipe, Source
from curate.recipe_dedup import Dedup
from curate.steps.bind import bind
from curate.steps.columns import as_documents, as_ledger, empty_batch, ordered
from curate.steps.conform import common_type
from curate.steps.own_entities import entities_of
from curate.steps.signals_before import NAMES

ADDED = (
    *("error", "broken", "part", "times", "cluster_size", "cut_bytes", "token_count", "similarity", "mix_bucket"),
    *(f"{AFTER}{stage}" for stage in LATER),
)
"""What the stages behind the steps may add, to these tables or to their own."""


class RunTables(NamedTuple):
    """Columns and types of both tables, in the order in which they are written."""

    ledger: pl.Schema
    documents: pl.Schema


def run_tables(recipe: Recipe) -> RunTables:
    """Of all sources of a resolved recipe that know the columns of their tables."""
    each = [_of_steps(source, recipe) for source in recipe.sources]
    ledger = _united(tables.ledger for tables in each)
    return _with_later(RunTables(ledger, _united(tables.documents for tables in each)), recipe)


def source_tables(source: Source, recipe: Recipe) -> RunTables:
    """What one source has of them, as it is measured."""
    return _with_later(_of_steps(source, recipe), recipe)


def _of_steps(source: Source, recipe: Recipe) -> RunTables:
    batch = measured(source, recipe)
    return RunTables(as_ledger(batch, source, recipe.dedup).schema, as_documents(batch).schema)


def measured(source: Source, recipe: Recipe) -> pl.DataFrame:
    """A batch of no documents after all steps of a source: no function of a user's is called for that."""
    batch = empty_batch(source)
    for step in bind(source, recipe):
        if step.filter.changes_text:
            signals = pl.Struct({name: batch.schema[name] for name in NAMES})
            batch = batch.with_columns(pl.lit(None, signals).alias(f"{BEFORE}{step.name}"))
        if step.filter.measure is not None:
            batch = step.filter.measure(batch)
    return batch


def _with_later(tables: RunTables, recipe: Recipe) -> RunTables:
    ledger, documents = dict(_added_to_ledger(recipe)), dict(_added_to_documents(recipe))
    return RunTables(pl.Schema({**tables.ledger, **ledger}), pl.Schema({**tables.documents, **documents}))


def _added_to_ledger(recipe: Recipe) -> Iterator[tuple[str, PolarsDataType]]:
    """By the stages behind the steps, in their order."""
    if _cuts(recipe.dedup):
        yield from (("cut_bytes", pl.Int64), (f"{AFTER}dedup", pl.Int64))
    if recipe.decontaminate is not None:
        yield f"{AFTER}decontaminate", pl.Int64
    if recipe.scrub is not None:
        yield f"{AFTER}scrub", pl.Int64


def _added_to_documents(recipe: Recipe) -> Iterator[tuple[str, PolarsDataType]]:
    yield "cluster_size", pl.UInt32
    if _cuts(recipe.dedup):
        yield "cut_bytes", pl.Int64
    yield "part", pl.String
    if recipe.dedup is not None and recipe.dedup.rehydrate:
        yield "times", pl.Int64
    if recipe.scrub is not None:
        yield from ((entity.column, pl.UInt32) for entity in entities_of(recipe))
    yield "token_count", pl.Int64
    if recipe.mix.by:
        yield "mix_bucket", pl.String


def _cuts(dedup: Dedup | None) -> bool:
    return dedup is not None and cuts_texts(dedup)


def _united(schemas: Iterable[pl.Schema]) -> pl.Schema:
    """Every column that a source has, with the one type that holds the values of all."""
    types: dict[str, PolarsDataType] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            types[name] = common_type(types[name], dtype) if name in types else dtype
    return pl.Schema((name, types[name]) for name in ordered(types))
