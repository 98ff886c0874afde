"""One text for each page of a source with several extractors: the first, in their order, that passes all steps.

first texts ─▶ measure, decide ─▶ dropped, and another text may pass? ─▶ next extractor ─▶ measure, decide ─┐
                   │ no                                              ▲──────── dropped ────────────────────┤
                   ▼                                                                     not dropped       ▼
                its row                         none left: the first text's row              this text's row
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import polars as pl

from curate.batch import Record, Rejected
from curate.engine.clock import Clock
from curate.engine.sizes import sizes
from curate.engine.walk import Stretch, bounded, step_of_version
from curate.recipe import Recipe, Source
from curate.steps.bind import BoundStep, bind
from curate.steps.columns import BEFORE_STEPS, VERSIONS
from curate.steps.decide import decide
from curate.steps.extract import Extract, Row, page_extractors
from curate.steps.rows import (
    MAX_HANDFUL,
    MAX_HANDFUL_BYTES,
    frame_rows,
    handfuls,
    is_page,
    record_row,
    record_size,
    rows_of,
)

MIN_HOPE = 0.2
"""A page whose first text leaves less of a chance to the next is hopeless. Only "language" gives another chance than
none or any. Of 4,853 real pages whose first text is not English 3,835 are below it, on which trafilatura would spend
nearly nine tenths of its time; 38 of these have an English second text, 400 bytes of license notices or of what nobody
translated, out of manuals of 4,400 bytes. See docs/extraction.md."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """What makes texts of a source's records, and what decides on them."""

    source: Source
    extractors: Mapping[str, Extract]
    steps: tuple[BoundStep, ...]

    def has_versions(self, record: Record | Rejected) -> TypeGuard[Record]:
        """Whether several extractors make texts of it that differ."""
        return len(self.extractors) > 1 and is_page(record)

    @property
    def step_names(self) -> list[str]:
        return [step.name for step in self.steps]


def sieve_of(source: Source, recipe: Recipe) -> Sieve:
    """
    Raises:
        RecipeError: a step, or `min_language_chance`, cannot be used as it is written.
    """
    return Sieve(source, page_extractors(source, recipe), bind(source, recipe))


def decide_records(records: Sequence[Record | Rejected], sieve: Sieve) -> pl.DataFrame:
    """Records as a batch, decided on as in a run, while nobody watches."""
    return _decide_rows(list(first_rows(records, sieve)), records, sieve)


def staying_rows(records: Sequence[Record | Rejected], sieve: Sieve) -> list[Row]:
    """The row of each record with the text that would stay, before any step."""
    rows = list(first_rows(records, sieve))
    if len(sieve.extractors) == 1:
        return rows
    chosen = _decide_rows(rows, records, sieve)["extractor"]
    return [
        row if name == row.get("extractor") else record_row(record, sieve.extractors[name], None) | {"extractor": name}
        for row, record, name in zip(rows, records, chosen, strict=True)
    ]


def first_rows(records: Iterable[Record | Rejected], sieve: Sieve) -> Iterator[Row]:
    """Each record with the text of the first extractor."""
    name, extract = next(iter(sieve.extractors.items()))
    for _, some in handfuls(enumerate(records)):
        for record, row in zip(some, rows_of(some, extract, {}, None), strict=True):
            yield row | ({"extractor": name} if sieve.has_versions(record) else {})


def _decide_rows(rows: list[Row], records: Sequence[Record | Rejected], sieve: Sieve) -> pl.DataFrame:
    pages = [record if sieve.has_versions(record) else None for record in records]
    return decide_pages(frame_rows(rows, sieve.source), pages, sieve, Clock())


def decide_pages(
    batch: pl.DataFrame, pages: Sequence[Record | None], sieve: Sieve, clock: Clock, stretch: Stretch | None = None
) -> pl.DataFrame:
    """A batch of first texts measured and decided on, a row a document, that of the text that stays. `pages` are the
    records of the rows that have other texts.

    A text that is quarantined stays like one that is kept: what breaks a worker, or a step, is never passed over.
    """
    first = decide(batch, sieve.steps, clock, stretch)
    if not any(pages):
        return first
    tried = [
        first.with_row_index("_row").filter(_may_pass_otherwise(sieve), pl.Series(page is not None for page in pages))
    ]
    for name in [*sieve.extractors][1:]:
        rows = tried[-1].filter(outcome="dropped")["_row"].to_list()
        if not rows:
            break
        version = _next_texts(rows, pages, name, sieve, clock, stretch)
        tried.append(version.with_columns(pl.Series("_row", rows, pl.UInt32)))
    with clock("batch"):
        return _with_staying(first, tried, sieve)


def min_hope(source: Source) -> float:
    """What the signals of a page's first text must leave to the next."""
    return max(MIN_HOPE, source.min_language_chance)


def hopeless(steps: Sequence[BoundStep], min_chance: float) -> pl.Expr:
    """Documents on which a step's rules, wherever it stands, would be as strict with any other text of the page. Null
    in a signal, as where it was not measured, decides nothing."""
    found = pl.lit(False)
    for step in steps:
        if step.filter.hope is not None:
            fails = pl.any_horizontal(~rule.keep.fill_null(True) for rule in step.filter.rules)
            found |= fails & (step.filter.hope < min_chance).fill_null(False)
    return found


def _may_pass_otherwise(sieve: Sieve) -> pl.Expr:
    return (pl.col("outcome") == "dropped") & ~hopeless(sieve.steps, min_hope(sieve.source))


def _next_texts(
    rows: Sequence[int],
    pages: Sequence[Record | None],
    name: str,
    sieve: Sieve,
    clock: Clock,
    stretch: Stretch | None,
) -> pl.DataFrame:
    """The pages of these rows with their texts by another extractor, decided on."""
    part = stretch.of_version(rows, name) if stretch is not None else None
    with clock(step_of_version("extract", name)):
        made = list(_extracted([page for row in rows if (page := pages[row])], sieve.extractors[name], name, part))
    with clock("batch"):
        batch = frame_rows(made, sieve.source)
    return decide(batch, sieve.steps, clock, part)


def _extracted(pages: Sequence[Record], extract: Extract, name: str, stretch: Stretch | None) -> Iterator[Row]:
    """A handful after the other, as pages may be large."""
    sizes = np.array([record_size(page) for page in pages], dtype=np.int64)
    for first, end in bounded(sizes, MAX_HANDFUL, MAX_HANDFUL_BYTES):
        part = stretch.part(first, end) if stretch is not None else None
        culprits = part.culprits_of(BEFORE_STEPS) if part is not None else {}
        for row in rows_of(pages[first:end], extract, culprits, part):
            yield row | {"extractor": name}


def _with_staying(first: pl.DataFrame, tried: Sequence[pl.DataFrame], sieve: Sieve) -> pl.DataFrame:
    """One row a document: the first text's, or that of a later one that was not dropped; and what became of each."""
    told = [version.select("_row", _fate(version, sieve)) for version in tried if len(tried) > 1]
    staying = [version.filter(pl.col("outcome") != "dropped") for version in tried[1:]]
    if not staying:
        return first
    fates = pl.concat(told).group_by("_row", maintain_order=True).agg("versions")
    rest = first.with_row_index("_row").join(pl.concat(part.select("_row") for part in staying), on="_row", how="anti")
    rows = pl.concat([rest, *staying], how="diagonal_relaxed").drop("versions").sort("_row")
    return rows.join(fates, on="_row", how="left", maintain_order="left").drop("_row")


def _fate(version: pl.DataFrame, sieve: Sieve) -> pl.Expr:
    """One of a page's `versions`."""
    left = sizes(version.columns, sieve.step_names).left.alias("bytes")
    told = [name for name in VERSIONS["versions"].inner.to_schema() if name != "bytes"]
    return pl.struct(*told, left).alias("versions")
