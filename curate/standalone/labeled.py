"""Labeled texts in tables: JSON Lines or Parquet, split by split, one part of them held out.

files, with a column of labels ──────────┐
files of the wanted and of the unwanted ─┴▶ splits ─▶ id, text, origin, label ─▶ to train on, or held out

What is held out is chosen by a hash of the text, or of its origin: the URL's host, or the file where there is no URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from curate.engine.plan import InputFile, Plan
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.fasttext_train import label_name
from curate.pipeline.planning import make_plan
from curate.pipeline.tokenizer import keyed_share
from curate.recipe import Recipe, Source
from curate.run_files import DOCUMENTS, MANIFEST
from curate.standalone.tables import SOURCE, Unread, inputs_of, read_rows, require_rows

LABEL, ORIGIN = "label", "origin"
POSITIVE, NEGATIVE = "positive", "negative"
HOST = r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/@?#]*@)?([^/:?#]+)"

HeldOutBy = Literal["text", "origin"]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The share of the texts that nothing is learned from, chosen by a hash of the text or of its origin."""

    share: float
    seed: int
    by: HeldOutBy = "text"

    def is_in(self, rows: pl.DataFrame) -> pl.Series:
        """By the text and not by its place: copies of one text are all on the same side."""
        return keyed_share(rows[self.by], seed=self.seed, purpose="held out") < self.share


@dataclass(frozen=True, slots=True)
class TablePart:
    """Files that have a column of labels, or that all have the label `side`."""

    source: Source
    plan: Plan
    side: str | None = None


@dataclass(frozen=True, slots=True)
class LabeledTables:
    """Files with texts, and with a label for each where one was asked for."""

    parts: tuple[TablePart, ...]
    unread: set[Unread] = field(default_factory=set, compare=False)
    """What could not be read, once that was tried."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """`id`, `text` (rows without one are not there), `origin` and, where there are labels, `label`; null: none.

        Raises:
            UsageError: nothing can be read, or a column is missing.
        """
        for part in self.parts:
            yield from self._frames_of(part)

    def _frames_of(self, part: TablePart) -> Iterator[pl.DataFrame]:
        names = ["id", "text", ORIGIN, *part.source.columns.keys() & {LABEL}]
        count = 0
        unread: list[Unread] = []
        for split in part.plan.splits:
            for piece, rows in zip(split.ranges, read_rows(split, part.source), strict=True):
                count, unread = count + rows.frame.height, [*unread, *rows.unread[:1]]
                self.unread.update(rows.unread)
                host = pl.col("url").str.extract(HOST).str.to_lowercase()
                frame = rows.frame.with_columns(host.fill_null(piece.file.name).alias(ORIGIN)).select(names)
                frame = frame.filter(pl.col("text").str.strip_chars() != "")
                yield frame if part.side is None else frame.with_columns(pl.lit(part.side).alias(LABEL))
        require_rows(count, unread)

    def labeled(self, held_out: HeldOut | None = None, *, rest: bool = False) -> Iterator[pl.DataFrame]:
        """Rows with a label, named as fastText needs it; with `held_out`, only those texts, or only the `rest`."""
        for rows in self.frames():
            labels = [None if value is None else label_name(value) or None for value in rows[LABEL]]
            rows = rows.with_columns(pl.Series(LABEL, labels, pl.String)).drop_nulls(LABEL)
            if held_out is not None:
                is_out = held_out.is_in(rows)
                rows = rows.filter(~is_out if rest else is_out)
            yield rows

    def files(self) -> list[dict[str, str | int]]:
        """What was read, by content; with the side that a file was given for."""
        return [_account(file, part.side) for part in self.parts for file in part.plan.inputs()[SOURCE]]

    def paths(self) -> set[Path]:
        return {Path(uri).resolve() for part in self.parts for uri in inputs_of(part.plan.splits) if "://" not in uri}

    def patterns(self) -> tuple[str, ...]:
        """What was asked for, before files were found."""
        return tuple(path for part in self.parts for path in part.source.paths)

    def columns(self) -> dict[str, str]:
        """Which columns are the text and the label."""
        return dict(self.parts[0].source.columns)


def _account(file: InputFile, side: str | None) -> dict[str, str | int]:
    known: dict[str, str | int] = {"name": file.name, "bytes": file.size}
    known["sha256"] = file_sha256(file.uri, what="table")
    return known | ({"label": side} if side else {})


def open_tables(files: Sequence[str | Path], *, text: str, label: str | None) -> LabeledTables:
    """The files, as far as they can be found; their columns are looked for when they are read.

    Raises:
        UsageError: no such file, or none given.
    """
    return LabeledTables((_part(files, {"text": text} | ({LABEL: label} if label else {})),))


def open_sides(positive: Sequence[str | Path], negative: Sequence[str | Path], *, text: str) -> LabeledTables:
    """Files of wanted texts and of unwanted ones, labeled "positive" and "negative".

    Raises:
        UsageError: no such file, or none given for one side.
    """
    if not positive or not negative:
        raise UsageError("a classifier needs both sides: files that are --positive, and files that are --negative")
    sides = ((POSITIVE, positive), (NEGATIVE, negative))
    return LabeledTables(tuple(_part(files, {"text": text}, side=side) for side, files in sides))


def _part(files: Sequence[str | Path], columns: dict[str, str], *, side: str | None = None) -> TablePart:
    if not files:
        raise UsageError("no file is given")
    source = Source(SOURCE, "tables", tuple(map(_documents_of, files)), columns=columns)
    recipe = Recipe("classifier", sources=(source,), base=Path.cwd(), file="curate classifier")
    return TablePart(source, make_plan(recipe), side)


def _documents_of(path: str | Path) -> str:
    """Of a finished run its documents; else the path itself."""
    is_run = "://" not in str(path) and (Path(path) / MANIFEST).is_file()
    return str(Path(path) / DOCUMENTS) if is_run else str(path)
