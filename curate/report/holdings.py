"""What a finished run holds, measured: what its papers are filled from.

manifest.json, documents/ ─▶ SourceHolding per source: sizes, languages, licenses, domains, period, personal data
recipe.toml, manifest.json ─▶ StepTaken per step ─▶ Holdings
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from curate.readers.reader import traits_of
from curate.recipe import Recipe, Source
from curate.report.funnel import by_step, funnel
from curate.report.tokens import source_tokens
from curate.run_files import DOCUMENTS
from curate.run_folder import RunFolder
from curate.steps.bind import step_names

HOST = r"(?i)^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?([^/?#:@]+)"
DAY = r"^(\d{4}-\d{2}-\d{2})"
LICENSES = ("license", "page_license")
"""Columns that say under which license a document stands, the first that has a value."""
MAX_PARAMETER = 120
"""Characters of a step's parameter that a paper shows."""


@dataclass(frozen=True, slots=True)
class Count:
    """Documents and bytes of text that have something in common; None is what nothing has told."""

    name: str | None
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SourceHolding:
    """What is kept of a source. `drawn` tokens are those of the mixture, repeats counted; `began` and `ended` are the
    first and the last day on which a document of it was collected, where documents say so."""

    name: str
    reader: str
    inputs: int
    input_bytes: int
    read: int
    documents: int
    bytes: int
    tokens: int
    drawn: int
    began: str | None
    ended: str | None
    languages: tuple[Count, ...]
    licenses: tuple[Count, ...]
    domains: tuple[Count, ...]
    personal_data: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of a source with its parameters in words, and the documents and bytes that it dropped or cut."""

    source: str
    step: str
    parameters: str
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is kept of all sources, and what the steps took out of them."""

    name: str
    version: str
    recipe: str
    sources: tuple[SourceHolding, ...]
    steps: tuple[StepTaken, ...]
    models: tuple[Mapping[str, str], ...]

    @property
    def tokens(self) -> int:
        return sum(source.tokens for source in self.sources)

    @property
    def documents(self) -> int:
        return sum(source.documents for source in self.sources)

    @property
    def bytes(self) -> int:
        return sum(source.bytes for source in self.sources)

    @property
    def languages(self) -> tuple[Count, ...]:
        return together(source.languages for source in self.sources)


def together(groups: Iterable[Sequence[Count]]) -> tuple[Count, ...]:
    """Several counts of the same kind as one, most bytes first."""
    counts: dict[str | None, Count] = {}
    for each in (count for group in groups for count in group):
        last = counts.get(each.name, Count(each.name, 0, 0))
        counts[each.name] = Count(each.name, last.documents + each.documents, last.bytes + each.bytes)
    return tuple(sorted(counts.values(), key=lambda count: (-count.bytes, count.name or "")))


def bytes_read(entry: Mapping[str, Any]) -> int:
    """Of an input as the manifest has it: all of a file, or of a crawl's file the ranges that were wanted."""
    return sum(part["end"] - part["start"] for part in entry["ranges"]) if "ranges" in entry else int(entry["size"])


def holdings(run: RunFolder) -> Holdings:
    """
    Raises:
        UsageError: the run is not complete.
    """
    manifest, recipe = run.manifest, run.recipe
    tokens = {row.source: row for row in source_tokens(run)}
    sources = []
    for source in recipe.sources:
        counts, row = manifest["counts"][source.name], tokens[source.name]
        inputs = manifest["inputs"].get(source.name, [])
        sources.append(
            SourceHolding(
                name=source.name,
                reader=source.read,
                inputs=len(inputs),
                input_bytes=sum(bytes_read(file) for file in inputs),
                read=counts["read"],
                documents=row.documents,
                bytes=row.bytes,
                tokens=row.train + row.validation,
                drawn=row.share.tokens if row.share else 0,
                personal_data={key.removeprefix("pii_").upper(): n for key, n in counts.get("pii", {}).items()},
                **_measured(run, source.name),
            )
        )
    return Holdings(
        name=manifest["name"],
        version=manifest["curate"],
        recipe=manifest["recipe"],
        sources=tuple(sources),
        steps=tuple(_steps(run, recipe)),
        models=tuple(manifest["models"]),
    )


def _measured(run: RunFolder, source: str) -> dict[str, Any]:
    """What the final documents of a source say of themselves."""
    documents = _documents(run, source)
    day = pl.col("timestamp").str.extract(DAY)
    period = documents.select(day.min().alias("began"), day.max().alias("ended")).collect().row(0, named=True)
    columns = documents.collect_schema().names()
    licenses = [*_licenses(columns), pl.lit(None, pl.String)]
    language = pl.col("language") if "language" in columns else pl.lit(None, pl.String)
    return {
        **period,
        "domains": tuple(_counted(_domains(documents), "domain")),
        "languages": tuple(_counted(documents.with_columns(language=language), "language")),
        "licenses": tuple(_counted(documents.with_columns(license=pl.coalesce(licenses)), "license")),
    }


def _licenses(columns: Sequence[str]) -> Iterator[pl.Expr]:
    """A mere link to a license is not the page's word on itself."""
    yield from (pl.col(name) for name in LICENSES if name in columns)
    if {"license_url", "license_by"} <= {*columns}:
        yield pl.when(pl.col("license_by") != "link").then(pl.col("license_url"))


def _documents(run: RunFolder, source: str | None = None) -> pl.LazyFrame:
    """Of a source that kept nothing none."""
    if any(run.room(DOCUMENTS).glob(f"{source or '*'}/*.parquet")):
        return run.documents(source)
    names = ("url", "timestamp", "language", "license")
    return pl.LazyFrame(schema={**dict.fromkeys(names, pl.String), "byte_count": pl.Int64})


def _domains(documents: pl.LazyFrame) -> pl.LazyFrame:
    domain = pl.col("url").str.extract(HOST).str.to_lowercase().alias("domain")
    return documents.select(domain, "byte_count").filter(pl.col("domain").is_not_null())


def _counted(documents: pl.LazyFrame, column: str) -> Iterator[Count]:
    counts = (pl.len().alias("documents"), pl.col("byte_count").sum().alias("bytes"))
    rows = documents.group_by(column).agg(counts).collect()
    ordered = rows.sort("bytes", column, descending=[True, False], nulls_last=True)
    yield from (Count(*row) for row in ordered.iter_rows())


def _steps(run: RunFolder, recipe: Recipe) -> Iterator[StepTaken]:
    """In the order in which they decide; those that took nothing, too."""
    taken: dict[tuple[str, str], list[int]] = {}
    for row in by_step(funnel(run)):
        if row.outcome in ("dropped", "quarantined", "cut"):
            total = taken.setdefault((row.source, row.step), [0, 0])
            total[0] += row.documents
            total[1] += row.bytes
    for source in recipe.sources:
        for name, parameters in _parameters(source, recipe):
            yield StepTaken(source.name, name, parameters, *taken.get((source.name, name), (0, 0)))


def _parameters(source: Source, recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "read", ""
    if "extract" in traits_of(source.read).keys:
        yield "extract", f"extract = {', '.join(source.extractors)}"
    for name, step in zip(step_names(source), source.steps, strict=True):
        yield name, _in_words(step.parameters)
    if recipe.dedup:
        values = asdict(recipe.dedup)
        yield "dedup", _in_words({key: values[key] for key in ("method", "threshold", "prefer") if key in values})
    if recipe.decontaminate:
        yield "decontaminate", f"against = {len(recipe.decontaminate.against)} sets"
    if recipe.scrub:
        yield "scrub", _in_words({"entities": recipe.scrub.entities, "mode": recipe.scrub.mode})


def _in_words(parameters: Mapping[str, Any]) -> str:
    told = (f"{key} = {_value(value)}" for key, value in parameters.items() if value is not None)
    return "; ".join(text if len(text) <= MAX_PARAMETER else f"{text[:MAX_PARAMETER]}…" for text in told)


def _value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
