"""Values of two sides counted into the same bins, with the threshold between them.

values, side ─▶ range without outliers, as wide as the threshold asks ─▶ even or logarithmic edges ─▶ Bins
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

BINS = 40
SKEWED = 30
"""A greatest value that is so many times the middle one asks for logarithmic bins."""


@dataclass(frozen=True, slots=True)
class Bins:
    """`edges` has one more than each side has counts; values beyond the ends are counted in the last bins. `position`
    is where the threshold stands, in bins from the left; None where there is none that is one number."""

    edges: tuple[float, ...]
    sides: tuple[tuple[int, ...], ...]
    position: float | None


def bins_of(values: pl.Series, is_second: pl.Series, threshold: float | None = None) -> Bins | None:
    """Counts of the values on the first side and on the second; None where there is no value that is a number."""
    known = values.cast(pl.Float64).is_finite().fill_null(False)
    found = values.filter(known).cast(pl.Float64).to_numpy()
    second = is_second.filter(known).to_numpy()
    if not len(found):
        return None
    edges = _edges(found, found[second], threshold)
    kept, dropped = (np.histogram(np.clip(found[side], edges[0], edges[-1]), edges)[0] for side in (~second, second))
    place = float(np.interp(threshold, edges, np.arange(len(edges)))) if threshold is not None else None
    return Bins(tuple(edges.tolist()), (tuple(kept.tolist()), tuple(dropped.tolist())), place)


def _edges(values: np.ndarray, dropped: np.ndarray, threshold: float | None) -> np.ndarray:
    """From the hundredth to the last hundredth of all values, and to the middle of what was dropped."""
    low, middle, high = np.quantile(values, (0.005, 0.5, 0.995)).tolist()
    low, high = (min(low, 0.0), high) if 0 <= low < 0.2 * high else (low, high)
    points = [low, high, *np.quantile(dropped, (0.1, 0.9)).tolist()] if len(dropped) else [low, high]
    if threshold is not None:
        points += [threshold * 0.9, threshold * 1.1, threshold]
    low, high = min(points), max(points)
    if low == high:
        low, high = low - 0.5, high + 0.5
    if low >= 0 and middle > 0 and high > SKEWED * middle:
        return np.asarray(np.expm1(np.linspace(np.log1p(low), np.log1p(high), BINS + 1)))
    if _are_whole(values) and high - low <= BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    return np.linspace(low, high, BINS + 1)


def _are_whole(values: np.ndarray) -> bool:
    return bool(np.all(values == np.floor(values)))
