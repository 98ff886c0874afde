"""A classifier by its path, whichever kind its file says that it is, and the score of one label.

path ─▶ name, first bytes ─┬▶ linear_model ───┬▶ labels, file, probabilities(texts), predict(texts, top), find_label
                           ├▶ fasttext_model ─┤
                           └▶ onnx_model ─────┘
"""

from __future__ import annotations

import polars as pl

from curate.errors import UsageError
from curate.filters.fasttext_model import FastTextModel, load_model
from curate.filters.linear_model import LinearModel, is_linear, load_linear
from curate.filters.onnx_model import OnnxModel, is_onnx, load_onnx
from curate.model_file import ModelFile

Classifier = FastTextModel | LinearModel | OnnxModel


def load_classifier(path: str) -> Classifier:
    """The linear, the supervised fastText or the ONNX model at `path`.

    Raises:
        UsageError: there is no such file, or it is damaged, or none of them.
    """
    if is_onnx(path):
        return load_onnx(path)
    return load_linear(path) if is_linear(path) else load_model(path)


def files_of(model: Classifier) -> tuple[ModelFile, ...]:
    """All that decides: an ONNX model has a tokenizer beside it."""
    return model.files if isinstance(model, OnnxModel) else (model.file,)


def wanted_label(model: Classifier, label: str) -> str:
    """The name in the model of the label that is asked for; of none the one that the model was made to find.

    Raises:
        UsageError: the model has no such label, or several and none is named.
    """
    if label:
        return model.find_label(label)
    if isinstance(model, LinearModel):
        return model.labels[1]
    if len(model.labels) == 1:
        return model.labels[0]
    kind = "an ONNX" if isinstance(model, OnnxModel) else "a fastText"
    raise UsageError(f"{model.file.path} is {kind} model: say which label counts, one of {', '.join(model.labels)}")


def label_scores(texts: pl.Series, model: Classifier, label: str) -> pl.Series:
    """The probability of one label for every text, Float32; null where there is no text."""
    chances = model.probabilities(texts)[:, model.labels.index(label)]
    is_empty = (texts.fill_null("").str.strip_chars() == "").to_numpy()
    return scores_of(pl.Series(chances), is_empty=pl.Series(is_empty))


def scores_of(chances: pl.Series, *, is_empty: pl.Series) -> pl.Series:
    """Probabilities as a signal: Float32, null where there is nothing to judge, or the model gives no number."""
    return pl.select(pl.when(~is_empty).then(chances.cast(pl.Float32).fill_nan(None))).to_series()
