"""How a classifier does on texts that it has not seen: label by label, score by score, origin by origin.

texts with labels ─▶ likeliest label and its score ─▶ right? ─┬▶ precision and recall of each label
                                                             ├▶ is a score of .8 right 8 times in 10?
                                                             ├▶ which origins are mistaken for what
                                                             └▶ is it worse where it knows no other text of the origin?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from curate.errors import UsageError
from curate.filters.classifiers import Classifier
from curate.filters.fasttext_model import PREFIX
from curate.standalone.labeled import LABEL, ORIGIN

MOST_ORIGINS = 20
TENTHS = 10
Number = float | int | None


@dataclass(frozen=True, slots=True)
class JudgedText:
    """How a model did on `rows` texts: the likeliest label of each beside the true one.

    `labels` has for each, without `__label__`: rows, predicted, precision, recall and f1 (null where undefined).
    `calibration`: of the texts whose likeliest label has a score in a tenth (`from`), rows, the mean score, and the
    share that has it. `origins`: those with most mistakes, with rows, the share that is right, and the commonest
    mistake as "true → predicted".
    """

    rows: int
    accuracy: float
    labels: Mapping[str, Mapping[str, Number]]
    calibration: tuple[Mapping[str, Number], ...]
    origins: tuple[Mapping[str, Number | str], ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """Texts of origins (hosts, or files) of which others were trained on, and the rest: if the model is much better on
    the former it knows the origins rather than what the labels mean."""

    rows_of_known: int
    accuracy_of_known: Number
    rows_of_new: int
    accuracy_of_new: Number


def judge(model: Classifier, frames: Iterator[pl.DataFrame]) -> tuple[JudgedText, pl.DataFrame]:
    """The report, and `label`, `origin`, `predicted`, `score`, `is_right` of each text.

    Raises:
        UsageError: there is no text.
    """
    pairs = [
        frame.select(LABEL, ORIGIN).hstack(predicted(model, frame["text"]).rename({LABEL: "predicted"}))
        for frame in frames
        if not frame.is_empty()
    ]
    if not pairs:
        raise UsageError("no row with a label is held out: nothing to judge by; hold more out, or give files")
    table = pl.concat(pairs).with_columns(is_right=pl.col(LABEL).eq_missing(pl.col("predicted")))
    names = sorted({*table[LABEL], *(name.removeprefix(PREFIX) for name in model.labels)})
    labels = {name: _scores(table, name) for name in names}
    return JudgedText(table.height, _share(table) or 0.0, labels, _calibration(table), _origins(table)), table


def leak(table: pl.DataFrame, known: set[str]) -> Leak:
    """What `judge` gave, by whether the origin is `known` from the training."""
    is_known = pl.col(ORIGIN).is_in([*known])
    old, new = table.filter(is_known), table.filter(~is_known)
    return Leak(old.height, _share(old), new.height, _share(new))


def predicted(model: Classifier, texts: pl.Series) -> pl.DataFrame:
    """`label`, without its prefix, and `score`; null where the model knows no word of a text."""
    best = [found[0] if found else (None, None) for found in model.predict(texts, 1)] if len(texts) else []
    labels = [label and label.removeprefix(PREFIX) for label, _ in best]
    return pl.DataFrame(
        {LABEL: labels, "score": [score for _, score in best]}, schema={LABEL: pl.String, "score": pl.Float32}
    )


def _share(table: pl.DataFrame) -> float | None:
    return round(int(table["is_right"].sum()) / table.height, 4) if table.height else None


def _scores(table: pl.DataFrame, name: str) -> dict[str, Number]:
    true, named = table.filter(pl.col(LABEL) == name), table.filter(pl.col("predicted") == name)
    right = int(true["is_right"].sum())
    precision = round(right / named.height, 4) if named.height else None
    recall = round(right / true.height, 4) if true.height else None
    f1 = round(2 * right / (true.height + named.height), 4) if true.height + named.height else None
    return {"rows": true.height, "predicted": named.height, "precision": precision, "recall": recall, "f1": f1}


def _calibration(table: pl.DataFrame) -> tuple[dict[str, Number], ...]:
    tenth = (pl.col("score") * TENTHS).floor().clip(0, TENTHS - 1).cast(pl.Int64)
    groups = table.drop_nulls("score").group_by(tenth.alias("tenth")).agg(
        pl.len().alias("rows"), pl.col("score").mean(), pl.col("is_right").mean()
    )  # fmt: skip
    return tuple(
        {"from": number / TENTHS, "rows": rows, "score": round(score, 3), "right": round(right, 3)}
        for number, rows, score, right in groups.sort("tenth").rows()
    )


def _origins(table: pl.DataFrame) -> tuple[dict[str, Number | str], ...]:
    mistake = pl.concat_str(LABEL, pl.lit(" → "), pl.col("predicted").fill_null("none"))
    wrong = ~pl.col("is_right")
    groups = table.group_by(ORIGIN).agg(
        pl.len().alias("rows"),
        pl.col("is_right").mean().round(4).alias("accuracy"),
        wrong.sum().alias("wrong"),
        mistake.filter(wrong).mode().sort().first().alias("mistake"),
    )
    worst = groups.filter(pl.col("wrong") > 0).sort("wrong", ORIGIN, descending=[True, False]).head(MOST_ORIGINS)
    return tuple(worst.iter_rows(named=True))
