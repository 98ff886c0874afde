"""Decontamination by itself, of any tables with texts: `curate decontaminate`.

files ─▶ splits ─▶ matches of each ─▶ judged together ─▶ report, and the rows that are left
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.engine.plan import Plan
from curate.passes.contamination import LEFT, REPORT, apply_changes, count_sets, find_matches, judge, without_common
from curate.passes.evaluations import open_evaluation
from curate.passes.inputs import make_plan
from curate.passes.plain_tables import SOURCE, no_rows, read_rows, write_tables
from curate.recipe import Decontaminate, Recipe, Source


class Decontaminated(NamedTuple):
    """`report`: see `curate.passes.contamination.Judged`; `counts` by set; how many rows there were, and how many could
    not be read."""

    report: pl.DataFrame
    counts: dict[str, Any]
    documents: int
    unreadable: int


def decontaminate_files(
    paths: Sequence[str | Path],
    decontaminate: Decontaminate,
    *,
    columns: Mapping[str, str] | None = None,
    kept: str | Path | None = None,
) -> Decontaminated:
    """Which rows of JSON Lines and Parquet files hold evaluation items.

    `columns` maps `text`, `id`, `url`, `timestamp` to the files' names, where these differ; without an id a row's is
    `file@row`. `kept` is a Parquet file to write: the rows that are not dropped, with the texts that are left.

    Raises:
        UsageError: no such file or column, or no evaluation item that could be found.
    """
    source = Source(SOURCE, "tables", tuple(map(str, paths)), columns=columns or {})
    plan = make_plan(Recipe("decontaminate", sources=(source,), base=Path.cwd(), file="curate decontaminate"))
    evaluation = open_evaluation(decontaminate, Path.cwd())
    found, documents, unreadable = [], 0, 0
    for split in plan.splits:
        rows, lost = read_rows(split, source)
        found.append(find_matches(rows.select("id", "text"), evaluation, decontaminate))
        documents, unreadable = documents + rows.height, unreadable + lost
    matches = without_common(pl.concat(found), decontaminate) if found else pl.DataFrame()
    reports, left = [pl.DataFrame(schema=REPORT)], [pl.DataFrame(schema=LEFT)]
    for split, part in zip(plan.splits, found, strict=True):
        mine = matches.join(part.select("id").unique(), on="id", how="semi", maintain_order="left")
        if mine.height:
            judged = judge(read_rows(split, source)[0], mine, evaluation, decontaminate)
            reports.append(judged.report)
            left.append(judged.left)
    report = pl.concat(reports)
    if kept is not None:
        _write_kept(Path(kept), plan, source, pl.concat(left))
    return Decontaminated(report, count_sets(report, evaluation), documents, unreadable)


def _write_kept(path: Path, plan: Plan, source: Source, changed: pl.DataFrame) -> None:
    rows = (read_rows(split, source)[0].drop("source") for split in plan.splits)
    write_tables(path, (apply_changes(part, changed) for part in rows), no_rows(source))
