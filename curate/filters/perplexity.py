"""How well an n-gram language model predicts a document: its perplexity, and the third of a reference that it falls in.

text ─▶ the model, or that of its language ─▶ perplexity ─▶ perplexity_bucket (head, middle, tail) ─▶ kept?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.ngram.model import Bucket, NgramModel, load_ngram_model
from curate.recipe_path import RecipePath
from curate.typed import Amount

SCHEMA: Mapping[str, Any] = {"perplexity": pl.Float32, "perplexity_bucket": pl.String}


def perplexity(
    *,
    model: RecipePath | None = None,
    models: Mapping[str, RecipePath] | None = None,
    min_perplexity: Amount | None = None,
    max_perplexity: Amount | None = None,
    keep: tuple[Bucket, ...] = (),
) -> Filter:
    """Measure how well a language model of `curate perplexity train` predicts documents, and decide on it.

    Signals: `perplexity` (Float32; ten to the mean of minus log10 p over words and ends of lines; null for a text
    without words) and `perplexity_bucket` ("head", "middle" or "tail", by the borders that `--terciles` stored with
    the model; null where it has none). `keep` names the buckets to keep. With no rule the step only measures.

    `models` has a model for each language, by the document's `language` column; documents in other languages are asked
    of `model`, and without it they have null and stay. CCNet kept head and middle for most of its uses (Wenzek et al.
    2020, arXiv:1911.00359). A low perplexity is no praise: repeated and boilerplate text has the lowest, so that
    `min_perplexity` is of use too.

    Raises:
        UsageError: no model is named, or one cannot be loaded or has no borders for `keep`.
    """
    if model is None and not models:
        raise UsageError('no language model is named: model = "FILE", or models = { en = "FILE", … }')
    loaded = {language: load_ngram_model(path) for language, path in sorted((models or {}).items())}
    if model is not None:
        loaded[""] = load_ngram_model(model)
    for one in loaded.values():
        _check(one, keep)
    rules = []
    value = pl.col("perplexity")
    if min_perplexity is not None:
        rules.append(Rule("min_perplexity", "perplexity", value >= min_perplexity, threshold=min_perplexity))
    if max_perplexity is not None:
        rules.append(Rule("max_perplexity", "perplexity", value <= max_perplexity, threshold=max_perplexity))
    if keep:
        kept = pl.col("perplexity_bucket").is_in(list(keep))
        rules.append(Rule("keep", "perplexity_bucket", kept, threshold=keep))
    files = {one.file.path: one.file for one in loaded.values()}
    return Filter(tuple(rules), measure=lambda batch: measure_perplexity(batch, loaded), files=tuple(files.values()))


def measure_perplexity(batch: pl.DataFrame, models: Mapping[str, NgramModel]) -> pl.DataFrame:
    """Add `SCHEMA`'s columns; `models` by language, "" for all others."""
    measured = [_measured(rows, models[language]) for language, rows in _rows_by_model(batch, models)]
    nothing = pl.DataFrame(schema={"row": pl.UInt32, **SCHEMA})
    columns = pl.concat([nothing, *measured])
    rows = batch.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
    found = rows.join(columns, on="row", how="left", maintain_order="left")
    return batch.with_columns(found.get_columns()[1:])


def _measured(rows: pl.DataFrame, model: NgramModel) -> pl.DataFrame:
    values = model.perplexities(rows["text"])
    buckets = model.buckets(values, rows["language"])
    return pl.DataFrame({"row": rows["row"], "perplexity": values, "perplexity_bucket": buckets})


def _rows_by_model(batch: pl.DataFrame, models: Mapping[str, NgramModel]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Which documents are asked of which model: row UInt32, text, language."""
    language = pl.col("language") if "language" in batch.columns else pl.lit(None, dtype=pl.String).alias("language")
    rows = batch.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), "text", language)
    own = [name for name in models if name]
    for name in models:
        is_own = pl.col("language").is_in(own).fill_null(False)
        yield name, rows.filter(pl.col("language") == name if name else ~is_own)


def _check(model: NgramModel, keep: tuple[Bucket, ...]) -> None:
    if model.units == "tokens":
        raise UsageError(f"{model.file.path} is a model of a run's tokens and can't be asked about texts")
    if keep and "" not in model.borders:
        raise UsageError(
            f'{model.file.path} has no borders of head, middle and tail, so that "keep" says nothing: '
            f"`curate perplexity convert {model.file.path} --terciles FILES --out MODEL` adds them"
        )
