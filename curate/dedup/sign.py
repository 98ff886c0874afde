"""What `filter` writes of each document for `dedup`: its account, and the keys that each method compares.

documents ─▶ id, source, length, keep_value │ the columns of each method: hash_high, hash_low │ band_00 … signature │ …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from curate.dedup.method import DocumentMethod
from curate.dedup.methods import document_methods
from curate.dedup.ranking import CLEANEST, KEEP, keep_word
from curate.dedup.s_curve import split_permutations
from curate.errors import UsageError, nearest
from curate.recipe_dedup import Dedup

HIGHEST = "highest:"
DATES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def sign_documents(documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    """The rows of a signature file. `documents` has `id, source, text`, and what the methods and `keep` ask for.

    A text of nothing but white space has null hashes, one without words null bands: neither equals anything.

    Raises:
        UsageError: a method or `keep` names a column that is not there.
    """
    check_columns(dedup, documents.columns)
    length = pl.col("text").str.len_chars().cast(pl.Int64).alias("length")
    parts = [documents.select("id", "source", length), *_keep_value(documents, dedup)]
    parts += [_signed(method, documents, dedup) for method in document_methods(dedup)]
    return pl.concat(parts, how="horizontal")


def with_bands(dedup: Dedup) -> Dedup:
    """The bands and rows that a threshold asks for, in its place.

    Raises:
        UsageError: there are other bands or rows beside the threshold.
    """
    if dedup.threshold is None:
        return dedup
    if (dedup.bands, dedup.rows) != (Dedup().bands, Dedup().rows):
        raise UsageError("give either threshold or bands and rows, not both")
    bands, rows = split_permutations(dedup.threshold, dedup.permutations)
    return replace(dedup, threshold=None, bands=bands, rows=rows)


def check_keep(dedup: Dedup, columns: list[str]) -> None:
    """Raises UsageError where `keep` is no word that it may be, or names none of the columns."""
    words = [dedup.keep] if isinstance(dedup.keep, str) else list(dedup.keep)
    if len(words) != 1 and not (len(words) == 2 and words[0] == CLEANEST and words[1] != CLEANEST):
        raise UsageError(f'keep = {words}: expected one word, or "{CLEANEST}" and what decides then')
    for word in words:
        _check_word(word, columns)


def _check_word(keep: str, columns: list[str]) -> None:
    if keep in ("longest", CLEANEST, "latest", "first"):
        return
    name = keep.removeprefix(HIGHEST)
    if name == keep:
        choices = ["longest", CLEANEST, "latest", "first", HIGHEST + "COLUMN"]
        raise UsageError(f'keep = "{keep}": expected one of {", ".join(choices)}{nearest(keep, choices)}')
    if name not in columns:
        raise UsageError(f'keep = "{keep}": there is no column "{name}"{nearest(name, columns)}')


def check_columns(dedup: Dedup, columns: Sequence[str]) -> None:
    """Raises UsageError where a method signs a column that is not there."""
    for method in document_methods(dedup):
        for name in method.needs(dedup):
            if name not in columns:
                raise UsageError(f'{method.name}: there is no column "{name}"{nearest(name, columns)}')


def _signed(method: DocumentMethod, documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    signed, said = method.sign(documents, dedup), method.columns(dedup)
    if signed.columns != list(said) or signed.height != documents.height:
        found = f"{signed.height} rows of {', '.join(signed.columns)}"
        raise UsageError(f"{method.name} signed {found}; it says {documents.height} rows of {', '.join(said)}")
    return signed


def _keep_value(documents: pl.DataFrame, dedup: Dedup) -> list[pl.DataFrame]:
    check_keep(dedup, documents.columns)
    keep = keep_word(dedup)
    if keep == "latest":
        moment = pl.col("timestamp").str.slice(0, 19)
        seconds = pl.coalesce(moment.str.to_datetime(form, strict=False) for form in DATES).dt.epoch("s")
        return [documents.select(seconds.cast(pl.Float64).alias(KEEP))]
    if keep.startswith(HIGHEST):
        return [documents.select(_numbers(documents[keep.removeprefix(HIGHEST)], keep).alias(KEEP))]
    return []


def _numbers(values: pl.Series, keep: str) -> pl.Series:
    """Null where a value is no number; there must be one, if there are values."""
    nothing = pl.Series([None] * len(values), dtype=pl.Float64)
    try:
        numbers = nothing if values.dtype.is_nested() else values.cast(pl.Float64, strict=False)
    except pl.exceptions.PolarsError:
        numbers = nothing
    if numbers.count() == 0 and values.count():
        example = str(values.drop_nulls()[0])[:80]
        raise UsageError(f'keep = "{keep}": the column holds no numbers, but {values.dtype} (such as "{example}")')
    return numbers
