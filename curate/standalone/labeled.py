"""Labeled texts in tables: JSON Lines or Parquet, split by split, one part of them held out.

files ─▶ splits ─▶ id, label, text ─▶ by a hash of the text: to train on, or held out
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curate.engine.plan import Plan
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.fasttext_train import label_name
from curate.pipeline.planning import make_plan
from curate.pipeline.tokenizer import keyed_share
from curate.recipe import Recipe, Source
from curate.standalone.tables import SOURCE, Unread, inputs_of, read_rows, require_rows

LABEL = "label"


@dataclass(frozen=True, slots=True)
class LabeledTables:
    """Files with texts, and with a label for each where one was asked for."""

    source: Source
    plan: Plan
    unread: set[Unread] = field(default_factory=set, compare=False)
    """What could not be read, once that was tried."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """`id`, `text` (rows without one are not there) and, where there are labels, `label`; null: none.

        Raises:
            UsageError: nothing can be read, or a column is missing.
        """
        names = ["id", "text", *self.source.columns.keys() & {LABEL}]
        count = 0
        unread: list[Unread] = []
        for split in self.plan.splits:
            for rows in read_rows(split, self.source):
                count, unread = count + rows.frame.height, [*unread, *rows.unread[:1]]
                self.unread.update(rows.unread)
                yield rows.frame.select(names).filter(pl.col("text").str.strip_chars() != "")
        require_rows(count, unread)

    def labeled(self, *, held_out: float | None = None, seed: int = 0) -> Iterator[pl.DataFrame]:
        """Rows with a label, named as fastText needs it; with `held_out`, only that share of the texts."""
        for rows in self.frames():
            labels = [None if value is None else label_name(value) or None for value in rows[LABEL]]
            rows = rows.with_columns(pl.Series(LABEL, labels, pl.String)).drop_nulls(LABEL)
            yield rows if held_out is None else rows.filter(is_held_out(rows["text"], held_out, seed))

    def files(self) -> list[dict[str, str | int]]:
        """What was read, by content."""
        return [
            {"name": file.name, "bytes": file.size, "sha256": file_sha256(file.uri, what="table")}
            for file in self.plan.inputs()[SOURCE]
        ]

    def paths(self) -> set[Path]:
        return {Path(uri).resolve() for uri in inputs_of(self.plan.splits) if "://" not in uri}


def is_held_out(texts: pl.Series, share: float, seed: int) -> pl.Series:
    """By the text and not by its place: copies of one text are all on the same side."""
    return keyed_share(texts, seed=seed, purpose="held out") < share


def open_tables(files: Sequence[str | Path], *, text: str, label: str | None) -> LabeledTables:
    """The files, as far as they can be found; their columns are looked for when they are read.

    Raises:
        UsageError: no such file, or none given.
    """
    if not files:
        raise UsageError("no file is given")
    columns = {"text": text} | ({LABEL: label} if label else {})
    source = Source(SOURCE, "tables", tuple(map(str, files)), columns=columns)
    return LabeledTables(
        source, make_plan(Recipe("classifier", sources=(source,), base=Path.cwd(), file="curate classifier"))
    )
