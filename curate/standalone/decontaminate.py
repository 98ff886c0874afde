"""Decontamination by itself, of any tables with texts: `curate decontaminate`.

files ─▶ matches of each ─▶ judged together ─▶ report ─▶ out
                                             └─▶ the rows that are left ─▶ kept
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from curate.batch import HAS_TEXT
from curate.decontaminate.evaluations import open_evaluation
from curate.decontaminate.judge import (
    LEFT,
    REPORT,
    Judged,
    apply_changes,
    count_sets,
    find_matches,
    judge,
    without_common,
)
from curate.decontaminate.ngrams import Evaluation
from curate.engine.files import find_inputs
from curate.engine.plan import Split
from curate.recipe import Decontaminate, Recipe, Source
from curate.standalone.outputs import check_places
from curate.standalone.tables import (
    SOURCE,
    TableRows,
    Unread,
    Whole,
    chosen,
    find_splits,
    inputs_of,
    read_rows,
    require_columns,
    require_rows,
)
from curate.standalone.writing import schema_of, united, with_texts, write_frame, write_rows


@dataclass(frozen=True, slots=True)
class Decontaminated:
    """What was found in plain files."""

    report: pl.DataFrame
    """One row per document and item, as in `curate.decontaminate.judge.Judged`."""
    counts: dict[str, Any]
    """By set; `curate.report.contamination.contamination` makes values of them."""
    documents: int
    """Rows that were read."""
    unread: tuple[Unread, ...]


def decontaminate_files(
    paths: Sequence[str | Path],
    decontaminate: Decontaminate,
    *,
    columns: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    kept: str | Path | None = None,
) -> Decontaminated:
    """Which rows of JSON Lines and Parquet files hold evaluation items.

    `columns` maps `text`, `id`, `url`, `timestamp` to the files' names, where these differ; without an id a row's is
    `file@row`. `out` is a file to write the report to, `kept` one for the rows that are not dropped, with all their
    columns and the texts that are left: Parquet or JSON Lines, as the suffix says.

    Raises:
        UsageError: no such file or column, nothing that can be read, no evaluation item that could be found, or an
            output that is an input.
    """
    source = Source(SOURCE, "tables", tuple(map(str, paths)), columns=columns or {})
    splits = find_splits(
        source, Recipe("decontaminate", sources=(source,), base=Path.cwd(), file="curate decontaminate")
    )
    sets = [file.uri for file in find_inputs(decontaminate.against, base=Path.cwd())]
    patterns, inputs = (*source.paths, *decontaminate.against), [*inputs_of(splits), *sets]
    check_places({"--out": out, "--kept": kept}, patterns=patterns, inputs=inputs)
    evaluation = open_evaluation(decontaminate, Path.cwd())
    matches: list[pl.DataFrame] = []
    unread: list[Unread] = []
    schemas: list[pa.Schema] = []
    columns_found: set[frozenset[str]] = set()
    documents = 0
    for rows in _each(splits, source, whole=kept is not None):
        matches.append(find_matches(rows.frame.select("id", "text"), evaluation, decontaminate))
        documents += rows.frame.height
        unread += rows.unread
        columns_found.add(rows.columns)
        schemas += [schema_of(rows.whole)] if kept is not None else []
    require_rows(documents, unread)
    require_columns(source, columns_found)
    judged = _judge(splits, source, matches, evaluation, decontaminate, whole=kept is not None)
    if out is not None:
        write_frame(judged.report, Path(out))
    if kept is not None:
        write_rows(Path(kept), _kept(splits, source, judged.left), united(schemas))
    return Decontaminated(judged.report, count_sets(judged.report, evaluation), documents, tuple(unread))


def _each(splits: Sequence[Split], source: Source, *, whole: bool) -> Iterator[TableRows]:
    return (rows for split in splits for rows in read_rows(split, source, whole=whole))


def _judge(
    splits: Sequence[Split],
    source: Source,
    found: list[pl.DataFrame],
    evaluation: Evaluation,
    decontaminate: Decontaminate,
    *,
    whole: bool,
) -> Judged:
    """Matches of all files together; texts of documents that have some are read again."""
    reports, left = [pl.DataFrame(schema=REPORT)], [pl.DataFrame(schema=LEFT)]
    matches = without_common(pl.concat(found), decontaminate) if found else pl.DataFrame()
    for rows, part in zip(_each(splits, source, whole=whole), found, strict=True):
        mine = matches.join(part.select("id").unique(), on="id", how="semi", maintain_order="left")
        if mine.height:
            judged = judge(rows.frame, mine, evaluation, decontaminate)
            reports.append(judged.report)
            left.append(judged.left)
    return Judged(pl.concat(reports), pl.concat(left))


def _kept(splits: Sequence[Split], source: Source, changed: pl.DataFrame) -> Iterator[Whole]:
    """The rows that are left, with all that their files say of them; a text of which nothing is left is no document."""
    is_empty = ~pl.col("text").fill_null("").str.contains(HAS_TEXT)
    changed = changed.with_columns(pl.when(is_empty).then(pl.lit("dropped")).otherwise("outcome").alias("outcome"))
    for rows in _each(splits, source, whole=True):
        left = apply_changes(rows.frame.with_row_index("place"), changed)
        stay = chosen(rows.whole, left["place"].to_list())
        is_changed = changed.join(left.select("id"), on="id", how="semi").height
        yield with_texts(stay, source.columns.get("text", "text"), left["text"].to_list()) if is_changed else stay
