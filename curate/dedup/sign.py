"""What `filter` writes of each document for `dedup`: its account, and the keys that each method compares.

documents ─▶ id, source, length, keep_value │ hash_high, hash_low │ url_hash │ band_00 … signature │ embedding
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from curate.dedup.exact import hash_texts
from curate.dedup.minhash import sign
from curate.dedup.ranking import CLEANEST, KEEP, keep_word
from curate.dedup.s_curve import split_permutations
from curate.dedup.semantic import embeddings
from curate.dedup.urls import hash_urls
from curate.errors import UsageError, nearest
from curate.recipe import Dedup

HIGHEST = "highest:"
DATES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def sign_documents(documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    """The rows of a signature file. `documents` has `id, source, text`, for "url" `url`, for "semantic" its column of
    embeddings, and what `keep` asks for.

    A text of nothing but white space has null hashes, one without words null bands: neither equals anything.

    Raises:
        UsageError: `keep` names a column that is not there.
    """
    length = pl.col("text").str.len_chars().cast(pl.Int64).alias("length")
    parts = [documents.select("id", "source", length), *_keep_value(documents, dedup)]
    if "exact" in dedup.method:
        has_text = (documents["text"].str.strip_chars() != "").fill_null(False)
        parts.append(hash_texts(documents["text"]).select(pl.when(has_text).then(pl.all())))
    if "url" in dedup.method:
        parts.append(hash_urls(documents["url"]).to_frame())
    if "minhash" in dedup.method:
        parts.append(_signatures(documents["text"], dedup))
    if "semantic" in dedup.method:
        parts.append(embeddings(documents, dedup.semantic.column).to_frame())
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


def _signatures(texts: pl.Series, dedup: Dedup) -> pl.DataFrame:
    return sign(
        texts,
        ngram=dedup.ngram,
        bands=dedup.bands,
        rows=dedup.rows,
        unit=dedup.unit,
        normalise=dedup.normalise,
    )


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
