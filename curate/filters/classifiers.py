"""A classifier by its path, whichever kind its file says that it is, and the score of one label.

path ─▶ first bytes ─┬▶ linear_model ───┬▶ labels, file, probabilities(texts), predict(texts, top), find_label(name)
                     └▶ fasttext_model ─┘
"""

from __future__ import annotations

import polars as pl

from curate.filters.fasttext_model import FastTextModel, load_model
from curate.filters.linear_model import LinearModel, is_linear, load_linear

Classifier = FastTextModel | LinearModel


def load_classifier(path: str) -> Classifier:
    """The linear or the supervised fastText model at `path`.

    Raises:
        UsageError: there is no such file, or it is damaged, or neither of them.
    """
    return load_linear(path) if is_linear(path) else load_model(path)


def label_scores(texts: pl.Series, model: Classifier, label: str) -> pl.Series:
    """The probability of one label for every text, Float32; null where there is no text."""
    chances = model.probabilities(texts)[:, model.labels.index(label)]
    is_empty = (texts.fill_null("").str.strip_chars() == "").to_numpy()
    return scores_of(pl.Series(chances), is_empty=pl.Series(is_empty))


def scores_of(chances: pl.Series, *, is_empty: pl.Series) -> pl.Series:
    """Probabilities as a signal: Float32, null where there is nothing to judge."""
    return pl.select(pl.when(~is_empty).then(chances.cast(pl.Float32))).to_series()
