"""A linear model trained from texts on two sides, calibrated on parts of them that its weights have not seen.

texts, sides ─▶ features of passages ─▶ counted, weighted by rarity ─┬▶ weights of all ─▶ int8 ─▶ LinearTables
                                                                    └▶ weights of all but a fold ─▶ margins ─▶ curve

The same texts in the same order, options and seed give the same bytes. In memory a byte of text takes some 40.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.filters.linear_features import FeatureKinds, Rows, collect_features
from curate.filters.linear_file import LinearTables
from curate.filters.linear_fit import Curve, SparseRows, fit_curve, fit_weights, margins_of

LAYOUT = FeatureKinds(min_part=0, max_part=0, layout=True, shapes=4, passage=1500)
"""For what a text looks like rather than what it is about: so the shipped model of quality is made."""
BATCH_BYTES = 4 << 20
STEPS = 127
"""An int8's, on each side of 0."""
CLIPPED = 1e-4
"""The share of weights that are larger than the largest step: they would make all others coarse."""


@dataclass(frozen=True, slots=True)
class LinearTraining:
    """`features` are what counts; features in fewer than `min_count` passages are nothing.

    `cost` is what a mistake costs against large weights, of both sides equally where it is to `balance`, else of each
    text. `enough`: up to so many features more of them make an answer surer. `folds`: how many models, each without a
    part of the texts, say how sure is sure.
    """

    features: FeatureKinds = field(default_factory=FeatureKinds)
    min_count: int = 2
    cost: float = 1.0
    balance: bool = False
    enough: int = 400
    epochs: int = 15
    folds: int = 3
    seed: int = 17


def train_linear(
    texts: pl.Series,
    is_positive: npt.NDArray[np.bool_],
    labels: tuple[str, str],
    training: LinearTraining,
    *,
    folds: npt.NDArray[np.int64],
    importance: npt.NDArray[np.float64] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> LinearTables:
    """Learn to tell `labels[1]` (where `is_positive`) from `labels[0]`.

    `folds` int64[texts] says which of the parts (0 to `training.folds` − 1) a text is in: texts that are nearly the
    same belong into one. `importance` float64[texts]: how much each text counts, 1 by default.

    Raises:
        UsageError: the texts have no feature, or are all on one side.
    """
    if is_positive.all() or not is_positive.any():
        raise UsageError(f"a linear model tells two labels apart, and all texts are {labels[int(is_positive.all())]!r}")
    weight = np.ones(len(texts)) if importance is None else importance
    rows, of = _gather(texts, training)
    if not len(rows.places):
        raise UsageError("nothing can be learned: no feature stands in the texts (min_count)")
    places = 1 << training.features.bits
    rarity = _rarity(rows, places, training.min_count)
    rows = rows._replace(values=rows.values * rarity[rows.places])
    share = weight[of] / np.bincount(of, minlength=len(texts))[of]  # a text's passages count as one text
    sides = np.where(is_positive[of], 1.0, -1.0)
    costs = training.cost * _balanced(sides, share) if training.balance else training.cost * share
    learn = {"places": places, "epochs": training.epochs, "seed": training.seed}
    curve = _calibrate(rows, sides, costs, share, folds[of], training.folds, learn)
    weights = fit_weights(rows, sides, costs, **learn)
    return _tables(weights, rarity, curve, labels, training, facts or {})


def _gather(texts: pl.Series, training: LinearTraining) -> tuple[SparseRows, npt.NDArray[np.int64]]:
    """The counted features of all passages, and which text each is of."""
    parts, of, first = [], [], 0
    for batch in _batches(texts):
        rows = collect_features(batch, training.features)
        parts.append(_counted(rows, training.enough))
        of.append(rows.texts + first)
        first += len(batch)
    ends = np.concatenate([part.ends for part in parts])
    sizes = np.concatenate([np.diff(part.ends, prepend=0) for part in parts])
    ends = np.cumsum(sizes, dtype=np.int64)
    places, values = (np.concatenate([part[column] for part in parts]) for column in (0, 1))
    return SparseRows(places, values, ends), np.concatenate(of)


def _batches(texts: pl.Series) -> Iterator[pl.Series]:
    """Runs of texts of some megabytes each."""
    number = (texts.str.len_bytes().fill_null(0).cum_sum() // BATCH_BYTES).to_numpy()
    for batch in np.unique(number):
        low, high = np.searchsorted(number, [batch, batch + 1])
        yield texts[int(low) : int(high)]


def _counted(rows: Rows, enough: int) -> SparseRows:
    """Each place once a row, its value how often it is there, over the row's size as `LinearTables` has it."""
    sizes = np.diff(rows.ends, prepend=0)
    keys = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes) << 32 | rows.places
    found, counts = np.unique(keys, return_counts=True)
    row = found >> 32
    size = sizes[row].astype(np.float64)
    values = (counts * np.sqrt(np.minimum(size, enough)) / size).astype(np.float32)
    ends = np.cumsum(np.bincount(row, minlength=len(sizes)), dtype=np.int64)
    return SparseRows((found & 0xFFFFFFFF).astype(np.int32), values, ends)


def _rarity(rows: SparseRows, places: int, min_count: int) -> npt.NDArray[np.float32]:
    """float32[places]: 1 for what stands in every row, more for what is rarer, 0 for what is too rare."""
    seen = np.bincount(rows.places, minlength=places)
    rarity = 1 + np.log((len(rows.ends) + 1) / (seen + 1)) / np.log(len(rows.ends) + 1)
    return np.where(seen >= min_count, rarity, 0).astype(np.float32)


def _balanced(sides: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    totals = {side: share[sides == side].sum() for side in (-1.0, 1.0)}
    balanced: npt.NDArray[np.float64] = share * share.sum() / 2 / np.where(sides > 0, totals[1.0], totals[-1.0])
    return balanced


def _calibrate(
    rows: SparseRows,
    sides: npt.NDArray[np.float64],
    costs: npt.NDArray[np.float64],
    share: npt.NDArray[np.float64],
    fold: npt.NDArray[np.int64],
    folds: int,
    learn: Mapping[str, int],
) -> Curve:
    """Each row judged by weights that were learned without its fold: what a model says of its own texts is too sure."""
    margins = np.empty(len(sides))
    for number in range(folds):
        is_out = fold == number
        if is_out.any():
            weights = fit_weights(_some(rows, ~is_out), sides[~is_out], costs[~is_out], **learn)
            margins[is_out] = margins_of(_some(rows, is_out), weights)
    return fit_curve(margins, sides > 0, share)


def _some(rows: SparseRows, chosen: npt.NDArray[np.bool_]) -> SparseRows:
    sizes = np.diff(rows.ends, prepend=0)
    wanted = np.repeat(chosen, sizes)
    return SparseRows(rows.places[wanted], rows.values[wanted], np.cumsum(sizes[chosen], dtype=np.int64))


def _tables(
    weights: npt.NDArray[np.float64],
    rarity: npt.NDArray[np.float32],
    curve: Curve,
    labels: tuple[str, str],
    training: LinearTraining,
    facts: Mapping[str, Any],
) -> LinearTables:
    """In whole steps: so a sum of weights is exact."""
    exact = weights[:-1] * rarity
    used = np.abs(exact[exact != 0])
    step = float(np.quantile(used, 1 - CLIPPED)) / STEPS if len(used) else 1.0
    whole = np.clip(np.round(exact / step), -STEPS, STEPS).astype(np.int8)
    bias = curve.slope * float(weights[-1]) + curve.intercept
    return LinearTables(labels, training.features, whole, curve.slope * step, bias, training.enough, facts)
