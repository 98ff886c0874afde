"""Two runs beside each other, as values: which documents changed sides and why, and what that did to the data.

ledgers of A and B ─▶ a side each (kept, cut, duplicate, dropped, quarantined) ─▶ joined by id or URL ─▶ Move
documents of A and B ─▶ SourceTokensShift, LanguageShift        ledgers' signals of what is kept ─▶ SignalShift
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from curate.errors import UsageError
from curate.report.funnel import NO_DOCUMENTS
from curate.run_files import CUTS, DOCUMENTS
from curate.run_folder import RunFolder

Side = Literal["kept", "cut", "duplicate", "dropped", "quarantined", "absent"]
"""Where a run left a document: "cut" is kept without what others hold, "absent" is read by the other run alone."""
Key = Literal["id", "url"]
REASON = ("side", "step", "reason")
SIGNALS_AT_ONCE = 12
"""Columns of a million documents that are in memory together."""
MIN_SHIFT = 1e-9
DEDUP = "dedup"


@dataclass(frozen=True, slots=True)
class MovedDocument:
    """`value` is what decided in the first run, `value_then` in the second. The ids differ where URLs were matched."""

    id: str | None
    id_then: str | None
    url: str | None
    value: str | None
    value_then: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """Documents that the first run left at one side and the second at another, or for another reason; `bytes` are those
    of their texts, in the second run where it has read them."""

    side: Side
    step: str | None
    reason: str | None
    side_then: Side
    step_then: str | None
    reason_then: str | None
    documents: int
    bytes: int
    examples: tuple[MovedDocument, ...]


@dataclass(frozen=True, slots=True)
class SourceShift:
    """What is kept of a source, and its share of the tokens that are kept, 0 to 1."""

    source: str
    documents: int
    documents_then: int
    tokens: int
    tokens_then: int
    share: float
    share_then: float


@dataclass(frozen=True, slots=True)
class LanguageShift:
    """What is kept in a language (None: nothing has told it), and its share of the tokens, 0 to 1."""

    language: str | None
    documents: int
    documents_then: int
    tokens: int
    tokens_then: int
    share: float
    share_then: float


@dataclass(frozen=True, slots=True)
class SignalShift:
    """The median of a signal over what is kept of a source. `shift` is the difference in interquartile ranges of the
    first run; where that has none, relative to its median; None where a run has no value."""

    source: str
    signal: str
    median: float | None
    median_then: float | None
    shift: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`in_both` documents were read by both runs; of these `unchanged` are at the same side for the same reason. The
    moves with most documents come first."""

    name: str
    name_then: str
    matched_by: Key
    documents: int
    documents_then: int
    in_both: int
    unchanged: int
    moves: tuple[Move, ...]
    sources: tuple[SourceShift, ...]
    languages: tuple[LanguageShift, ...]
    signals: tuple[SignalShift, ...]


def compared(first: RunFolder, second: RunFolder, *, by: Key | None = None, examples: int = 3) -> Comparison:
    """Both runs' documents matched `by` id or URL (default: by id where the runs have read any record in common, else
    by URL), with up to `examples` documents a move, the first by id.

    Raises:
        UsageError: a run is not complete, or matching by URL is asked for where no document has one.
    """
    names = [run.manifest["name"] for run in (first, second)]
    found = matched(first, second, by=by)
    return Comparison(
        name=names[0],
        name_then=names[1],
        matched_by=found.by,
        documents=found.documents,
        documents_then=found.documents_then,
        in_both=found.in_both,
        unchanged=found.unchanged,
        moves=tuple(moves(found.changed, examples)),
        sources=tuple(SourceShift(**row) for row in _shares(first, second, "source")),
        languages=tuple(LanguageShift(**row) for row in _shares(first, second, "language")),
        signals=tuple(_signals(first, second)),
    )


@dataclass(frozen=True, slots=True)
class Matched:
    """Two runs' documents side by side. `changed` are those at another side or there for another reason: key, and id,
    url, side, step, reason, value and bytes of both runs, `…_then` those of the second."""

    by: Key
    documents: int
    documents_then: int
    in_both: int
    unchanged: int
    changed: pl.DataFrame


def matched(first: RunFolder, second: RunFolder, *, by: Key | None = None) -> Matched:
    """As `compared`, which see, without what the runs' data are like."""
    sides = [_sides(run) for run in (first, second)]
    key = by or _common_key(*sides)
    one, other = (_by_key(side, key) for side in sides)
    joined = one.join(other, on="key", how="full", coalesce=True, suffix="_then")
    told = joined.with_columns(pl.col("side", "side_then").fill_null("absent"))
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_then")) for name in REASON)
    read = [pl.col(name) != "absent" for name in ("side", "side_then")]
    counts = told.select((read[0] & read[1]).sum().alias("both"), is_same.sum().alias("same")).row(0, named=True)
    return Matched(key, one.height, other.height, counts["both"], counts["same"], told.filter(~is_same))


def _sides(run: RunFolder) -> pl.DataFrame:
    """A row for each document that was read: what is none, as a request or a picture, is left out."""
    is_none = (pl.col("step") == "read") & pl.col("reason").is_in(NO_DOCUMENTS)
    is_copy = (pl.col("outcome") == "dropped") & (pl.col("step") == DEDUP)
    rows = run.ledger().filter(is_none.not_().fill_null(True)).select(
        "id", "url", "step", "reason", "value", pl.col("byte_count").fill_null(0).alias("bytes"),
        pl.when(is_copy).then(pl.lit("duplicate")).otherwise(pl.col("outcome")).alias("side"),
    )  # fmt: skip
    if not run.file(CUTS).is_file():
        return rows.collect()
    cut = pl.scan_parquet(run.file(CUTS)).select("id", was_cut=pl.lit(True)).unique()
    is_cut = (pl.col("side") == "kept") & pl.col("was_cut").fill_null(False)
    side = pl.when(is_cut).then(pl.lit("cut")).otherwise(pl.col("side")).alias("side")
    return rows.join(cut, on="id", how="left").with_columns(side).drop("was_cut").collect()


def _common_key(one: pl.DataFrame, other: pl.DataFrame) -> Key:
    return "id" if one.join(other, on="id", how="semi").height else "url"


def _by_key(side: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Each key once: of several records from one URL that one which went furthest, else the first by id."""
    if key == "id":
        return side.with_columns(key=pl.col("id"))
    if side["url"].null_count() == side.height:
        raise UsageError("no document of these runs has a URL to match by, and no record is in both")
    went_furthest = pl.col("side").is_in(["kept", "cut"])
    ordered = side.filter(pl.col("url").is_not_null()).sort(went_furthest, "id", descending=[True, False])
    return ordered.with_columns(key=pl.col("url")).unique("key", keep="first", maintain_order=True)


def moves(changed: pl.DataFrame, examples: int) -> Iterator[Move]:
    """Of documents that changed sides, those with most first; always in the same order."""
    groups = [*REASON, *(f"{name}_then" for name in REASON)]
    size = pl.col("bytes_then").fill_null(pl.col("bytes")).sum().alias("bytes")
    shown = pl.struct("id", "id_then", pl.coalesce("url", "url_then").alias("url"), "value", "value_then")
    picked = shown.sort_by("key").head(examples).alias("examples")
    counted = changed.group_by(groups).agg(pl.len().alias("documents"), size, picked)
    order = counted.sort("documents", *groups, descending=[True] + [False] * len(groups), nulls_last=True)
    for row in order.iter_rows(named=True):
        found = tuple(MovedDocument(**example) for example in row.pop("examples"))
        yield Move(**row, examples=found)


def _shares(first: RunFolder, second: RunFolder, column: str) -> Iterator[dict[str, Any]]:
    """What is kept by source or language, most tokens (of both runs together) first."""
    sides = [_kept_by(run, column) for run in (first, second)]
    totals = [int(side["tokens"].sum()) for side in sides]
    both = sides[0].join(sides[1], on=column, how="full", coalesce=True, suffix="_then", nulls_equal=True)
    counted = both.with_columns(pl.exclude(column).fill_null(0)).with_columns(
        share=pl.col("tokens") / max(totals[0], 1), share_then=pl.col("tokens_then") / max(totals[1], 1)
    )
    weight = pl.col("tokens") + pl.col("tokens_then")
    ordered = counted.sort(weight, pl.col(column), descending=[True, False], nulls_last=True)
    names = [column, *(f"{name}{then}" for name in ("documents", "tokens", "share") for then in ("", "_then"))]
    yield from ordered.select(names).iter_rows(named=True)


def _kept_by(run: RunFolder, column: str) -> pl.DataFrame:
    """The run's final documents; a run that kept none has none."""
    schema = {column: pl.String, "documents": pl.Int64, "tokens": pl.Int64}
    if not any(run.room(DOCUMENTS).glob("*/*.parquet")):
        return pl.DataFrame(schema=schema)
    documents = run.documents()
    group = pl.col(column) if column in documents.collect_schema() else pl.lit(None, pl.String).alias(column)
    counts = (pl.len().cast(pl.Int64).alias("documents"), pl.col("token_count").sum().alias("tokens"))
    return documents.group_by(group).agg(counts).collect()


def _signals(first: RunFolder, second: RunFolder) -> Iterator[SignalShift]:
    """Those that both ledgers have, the largest shifts first."""
    ledgers = [run.ledger().filter(outcome="kept") for run in (first, second)]
    one, other = (ledger.collect_schema() for ledger in ledgers)
    names = [name for name, dtype in one.items() if dtype.is_numeric() and name in other and other[name].is_numeric()]
    shifts: list[SignalShift] = []
    for start in range(0, len(names), SIGNALS_AT_ONCE):
        part = names[start : start + SIGNALS_AT_ONCE]
        rows = [{row["source"]: row for row in _quartiles(ledger, part)} for ledger in ledgers]
        for source in sorted(rows[0].keys() & rows[1].keys()):
            shifts += (_shift(source, name, rows[0][source], rows[1][source]) for name in part)
    measured = [shift for shift in shifts if shift.median is not None or shift.median_then is not None]
    yield from sorted(measured, key=lambda each: (-abs(each.shift or 0.0), each.source, each.signal))


def _quartiles(ledger: pl.LazyFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    wanted = [
        pl.col(name).cast(pl.Float64).quantile(at, "linear").alias(f"{name}@{at}")
        for name in names
        for at in (0.25, 0.5, 0.75)
    ]
    yield from ledger.select("source", *names).group_by("source").agg(wanted).collect().iter_rows(named=True)


def _shift(source: str, name: str, row: dict[str, Any], row_then: dict[str, Any]) -> SignalShift:
    median, then = row[f"{name}@0.5"], row_then[f"{name}@0.5"]
    if median is None or then is None:
        return SignalShift(source, name, median, then, None)
    spread = row[f"{name}@0.75"] - row[f"{name}@0.25"]
    scale = spread if spread > MIN_SHIFT else abs(median) if abs(median) > MIN_SHIFT else 1.0
    return SignalShift(source, name, median, then, (then - median) / scale)
