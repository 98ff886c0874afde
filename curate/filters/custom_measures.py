"""Users' functions run over batches: what they return is checked, what they raise costs one document only.

per document: row ─▶ Document ─▶ function ─▶ answer | error
per batch:    batch ─▶ function ─▶ column;   it raises ─▶ each row by itself ─▶ column, error
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from polars._typing import PolarsDataType
from polars.exceptions import PolarsError

from curate.batch import Document, Filter, Rule, Visit, unwatched
from curate.errors import CurateError, UsageError
from curate.model_file import ModelFile
from curate.own_code.raised import describe_raised

FIXED = ("id", "source", "text", "url", "error")
Files = tuple[ModelFile, ...]
PerDocument = Callable[[Document], Any]
PerBatch = Callable[[pl.DataFrame], Any]


def filter_documents(function: PerDocument, name: str, files: Files) -> Filter:
    """A per-document filter: its answers in a Boolean column `name`."""
    _check_name(name)

    def measure_each(batch: pl.DataFrame, visit: Visit) -> pl.DataFrame:
        answers, errors = _call_each(function, batch, _as_bool, visit)
        return _with_errors(batch.with_columns(pl.Series(name, answers, dtype=pl.Boolean)), errors)

    return Filter((Rule(name, name, pl.col(name)),), partial(measure_each, visit=unwatched), files, measure_each)


def transform_documents(function: PerDocument, files: Files) -> Filter:
    """A transform: its answers are the new texts; where it fails the text stays as it is."""

    def measure_each(batch: pl.DataFrame, visit: Visit) -> pl.DataFrame:
        texts, errors = _call_each(function, batch, _as_str, visit)
        return _with_errors(
            batch.with_columns(pl.Series("text", texts, dtype=pl.String).fill_null(batch["text"])), errors
        )

    return Filter((), partial(measure_each, visit=unwatched), files, measure_each, changes_text=True)


def filter_batches(function: PerBatch, name: str, files: Files) -> Filter:
    """A batch filter: its answers in a Boolean column `name`."""
    return Filter((Rule(name, name, pl.col(name)),), _column_measure(function, name, pl.Boolean), files)


def signal_batches(function: PerBatch, name: str, dtype: PolarsDataType, files: Files) -> Filter:
    """A signal: a column `name` and no rule."""
    return Filter((), _column_measure(function, name, dtype), files)


def documents(batch: pl.DataFrame) -> Iterator[Document]:
    """The rows of a batch as a user's function sees them."""
    for row in batch.iter_rows(named=True):
        columns = {key: value for key, value in row.items() if key not in FIXED and not key.startswith("_")}
        yield Document(row["id"], row.get("source") or "", row["text"] or "", row.get("url"), columns)


def _call_each(
    function: PerDocument, batch: pl.DataFrame, check: Callable[[Any], Any], visit: Visit
) -> tuple[list[Any], list[str | None]]:
    answers: list[Any] = []
    errors: list[str | None] = []
    for row, document in enumerate(documents(batch)):
        visit(row)
        try:
            answers.append(check(function(document)))
            errors.append(None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also what `sys.exit()` raises, and a panic in Rust
            answers.append(None)
            errors.append(describe_raised(error, __file__))
    return answers, errors


def _column_measure(function: PerBatch, name: str, dtype: PolarsDataType) -> Callable[[pl.DataFrame], pl.DataFrame]:
    _check_name(name)

    def measure(batch: pl.DataFrame) -> pl.DataFrame:
        if not batch.height:
            return batch.with_columns(pl.Series(name, [], dtype=dtype))
        try:
            # a copy: what the function does to its columns in place is not to reach the documents
            return batch.with_columns(_column(function, batch.clone(), name, dtype))
        except (CurateError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if batch.height == 1:
                return _with_errors(
                    batch.with_columns(pl.lit(None, dtype).alias(name)), [describe_raised(error, __file__)]
                )
            return pl.concat([measure(row) for row in batch.iter_slices(1)], how="diagonal")

    return measure


def _column(function: PerBatch, batch: pl.DataFrame, name: str, dtype: PolarsDataType) -> pl.Series:
    """A wrong kind of answer is wrong for every batch: that ends the run, and costs no documents."""
    series = function(batch)
    if not isinstance(series, pl.Series):
        raise UsageError(f'"{name}" returned {type(series).__name__}; it must return a polars.Series')
    if len(series) != batch.height:
        raise UsageError(f'"{name}" returned {len(series)} values for a batch of {batch.height} documents')
    try:
        return series.cast(dtype).alias(name)
    except PolarsError as error:
        raise UsageError(f'"{name}" returned {series.dtype}, which is no {dtype}: {error}') from error


def _with_errors(batch: pl.DataFrame, errors: list[str | None]) -> pl.DataFrame:
    found = pl.Series("error", errors, dtype=pl.String)
    if "error" in batch.columns:
        found = batch["error"].cast(pl.String).fill_null(found)
    return batch.with_columns(found)


def _as_bool(answer: Any) -> bool:
    if isinstance(answer, bool | np.bool_):
        return bool(answer)
    raise TypeError(f"the filter returned {type(answer).__name__}; it must return True or False")


def _as_str(answer: Any) -> str:
    if isinstance(answer, str):
        answer.encode()  # a lone surrogate cannot be written
        return answer
    raise TypeError(f"the transform returned {type(answer).__name__}; it must return a string")


def _check_name(name: str) -> None:
    if name in FIXED:
        raise UsageError(f'a function named "{name}" would overwrite that column; give it another name')
