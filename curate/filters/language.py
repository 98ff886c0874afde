"""The language of a document by fastText's lid.176, one label and one score for the whole text.

text ─▶ one line ─▶ lid.176 ─▶ language, language_score, language_top ─▶ keep? score high enough?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from polars._typing import PolarsDataType

from curate.batch import Filter, PublishedRate, Rule
from curate.errors import UsageError, nearest
from curate.filters.fasttext_model import PREFIX, FastTextModel, Prediction, load_model
from curate.recipe_path import RecipePath
from curate.typed import Positive, Share

LID_176 = Path(__file__).parent / "models" / "lid.176.ftz"
LID_176_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"

SCHEMA: Mapping[str, PolarsDataType] = {
    "language": pl.String,
    "language_score": pl.Float32,
    "language_top": pl.List(pl.Struct({"language": pl.String, "score": pl.Float32})),
}


def language(
    *, keep: tuple[str, ...], min_score: Share = 0.65, model: RecipePath | None = None, top: Positive = 3
) -> Filter:
    """Keep documents in one of the languages `keep`, recognized with a score of at least `min_score`.

    Signals: `language` (String, a code of the model's such as "en"; replaces what the source said), `language_score`
    (Float32, 0–1), `language_top` (the `top` likeliest with their scores). A text without letters or digits to speak
    of still gets some language with a low score; an empty one gets null and 0.

    The whole text is read, as CCNet, RefinedWeb and FineWeb do, line breaks as spaces; cost grows with the length,
    at some 50 MB/s. The shipped model is lid.176.ftz; `model` names another supervised fastText model. The threshold
    0.65 is CCNet's and FineWeb's.

    Raises:
        UsageError: `keep` is empty or names a language that the model does not know; `model` cannot be loaded.
    """
    if not keep:
        raise UsageError('"keep" names no language: say which to keep, for example keep = ["en"]')
    if top < 1:
        raise UsageError(f"top is {top}; at least the likeliest language is needed (1 or more)")
    lid = load_lid(model)
    _check_known(keep, lid)
    rules = (
        Rule("keep", "language", pl.col("language").is_in(keep), threshold=keep),
        Rule("min_score", "language_score", pl.col("language_score") >= min_score, threshold=min_score),
    )
    return Filter(
        rules,
        measure=lambda batch: measure_language(batch, lid, top),
        files=(lid.file,),
        is_cheap=model is None,  # other models may be a thousand times larger
        unwanted=("keep",),
        published=PublishedRate(0.617, "bytes", "Dolma, arXiv:2402.00159, English at .5"),
        hope=_greatest_chance(keep),
    )


def _greatest_chance(keep: tuple[str, ...]) -> pl.Expr:
    """The probability, 0–1, that is left to the languages `keep` by the likeliest others."""
    one = pl.element().struct
    others = pl.when(one.field("language").is_in(keep)).then(0.0).otherwise(one.field("score"))
    return 1 - pl.col("language_top").list.eval(others).list.sum()


def load_lid(model: str | None = None) -> FastTextModel:
    """The model of this name, or the shipped one, whose checksum is verified."""
    if model is not None:
        return load_model(model)
    return load_model(str(LID_176), sha256=LID_176_SHA256, license="CC-BY-SA-3.0")


def measure_language(batch: pl.DataFrame, lid: FastTextModel, top: int) -> pl.DataFrame:
    """Add `SCHEMA`'s columns."""
    predictions = _identify(batch["text"], lid, top)
    columns: dict[str, Any] = {
        "language": [found[0][0] if found else None for found in predictions],
        "language_score": [found[0][1] if found else 0.0 for found in predictions],
        "language_top": _lists(predictions),
    }
    return batch.with_columns(pl.Series(name, columns[name], dtype=dtype) for name, dtype in SCHEMA.items())


def _lists(predictions: list[list[Prediction]]) -> pa.ListArray:
    """Three arrays in one: of Python's lists polars makes a series each, which takes half as long as predicting."""
    offsets = np.cumsum([0, *map(len, predictions)], dtype=np.int32)
    names = pa.array([name for found in predictions for name, _ in found], pa.string())
    scores = pa.array([score for found in predictions for _, score in found], pa.float32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([names, scores], ["language", "score"]))


def language_chance(text: str, lid: FastTextModel, keep: tuple[str, ...]) -> float:
    """The probability, 0–1, that the text is in one of the languages `keep`."""
    wanted = [label.removeprefix(PREFIX) in keep for label in lid.labels]
    return float(lid.probabilities_of(text)[wanted].sum())


def _identify(texts: pl.Series, lid: FastTextModel, top: int) -> list[list[Prediction]]:
    return [
        [(label.removeprefix(PREFIX), score) for label, score in found] if text and not text.isspace() else []
        for text, found in zip(texts, lid.predict(texts, top), strict=True)
    ]


def _check_known(keep: tuple[str, ...], lid: FastTextModel) -> None:
    known = [label.removeprefix(PREFIX) for label in lid.labels]
    for code in keep:
        if code not in known:
            raise UsageError(f'the language model knows no "{code}"{nearest(code, known)}')
