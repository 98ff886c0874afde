"""The weights that tell two classes apart best, found by one thread in a fixed order: the same rows, the same bits.

rows of (place, value), sides −1 and 1, costs ─▶ dual coordinate descent ─▶ weights float64[places] ─▶ margins
margins and sides ─▶ Newton's method ─▶ slope and intercept of a logistic curve: a margin as a probability

L2-regularized squared hinge loss as in Hsieh et al. 2008 ("A Dual Coordinate Descent Method for Large-scale Linear
SVM"; LIBLINEAR's solver 1); the curve is Platt's by Lin, Lin and Weng 2007.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel

MIXER = np.uint64(0x9E3779B97F4A7C15)
FIRST_MIX, SECOND_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
NEWTON_STEPS = 100
NEARLY_FLAT = 1e-10
SMALLEST_STEP = 1e-10


class SparseRows(NamedTuple):
    """Row i has `values[ends[i - 1]:ends[i]]` at the places `places[ends[i - 1]:ends[i]]`, no place twice."""

    places: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    ends: npt.NDArray[np.int64]


class Curve(NamedTuple):
    """The probability of a margin m is 1 / (1 + exp(-(slope · m + intercept)))."""

    slope: float
    intercept: float


def fit_weights(
    rows: SparseRows,
    sides: npt.NDArray[np.float64],
    costs: npt.NDArray[np.float64],
    *,
    places: int,
    epochs: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """float64[places + 1], the last one the bias; `sides` are −1 or 1, `costs` what a mistake on each row costs."""
    weights = np.zeros(places + 1)
    _descend(*rows, sides, costs, weights, np.zeros(len(sides)), epochs, np.uint64(seed))
    return weights


def margins_of(rows: SparseRows, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """On which side of the boundary each row lies, and how far."""
    margins = np.empty(len(rows.ends))
    _multiply(*rows, weights, margins)
    return margins


def fit_curve(
    margins: npt.NDArray[np.float64], is_right: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]
) -> Curve:
    """The logistic curve by which margins become probabilities; each row counts with its weight.

    Targets are a little less than 1 and more than 0, as Platt has them, so that a curve exists for classes that do
    not overlap.
    """
    right, wrong = weights[is_right].sum(), weights[~is_right].sum()
    targets = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    at = np.array([1.0, np.log((right + 1) / (wrong + 1))])
    loss = _loss(at, margins, targets, weights)
    for _ in range(NEWTON_STEPS):
        chances = 1 / (1 + np.exp(-np.clip(at[0] * margins + at[1], -500, 500)))
        slack, bend = weights * (chances - targets), weights * chances * (1 - chances)
        slope = np.array([(slack * margins).sum(), slack.sum()])
        if np.abs(slope).max() < NEARLY_FLAT * max(weights.sum(), 1):
            break
        mixed = (bend * margins).sum()
        curve = np.array([[(bend * margins**2).sum() + 1e-12, mixed], [mixed, bend.sum() + 1e-12]])
        step, size = np.linalg.solve(curve, slope), 1.0
        while size > SMALLEST_STEP:
            trial = _loss(at - size * step, margins, targets, weights)
            if trial < loss:
                at, loss = at - size * step, trial
                break
            size /= 2
        else:
            break
    return Curve(float(at[0]), float(at[1]))


def _loss(
    at: npt.NDArray[np.float64],
    margins: npt.NDArray[np.float64],
    targets: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> float:
    values = at[0] * margins + at[1]
    return float((weights * (np.logaddexp(0, values) - targets * values)).sum())


@kernel
def _descend(places, values, ends, sides, costs, weights, duals, epochs, seed):
    bias = len(weights) - 1
    order = np.arange(len(ends))
    state = seed
    squares = np.ones(len(ends))  # the bias is a feature that every row has, of the value 1
    for row in range(len(ends)):
        for at in range(_begin(ends, row), ends[row]):
            squares[row] += np.float64(values[at]) ** 2
    for _ in range(epochs):
        for last in range(len(order) - 1, 0, -1):
            state, other = _draw(state, last + 1)
            order[last], order[other] = order[other], order[last]
        for place in range(len(order)):
            row = order[place]
            low, high, side = _begin(ends, row), ends[row], sides[row]
            margin = weights[bias]
            for at in range(low, high):
                margin += weights[places[at]] * values[at]
            ease = 0.5 / costs[row]
            step = (side * margin - 1 + ease * duals[row]) / (squares[row] + ease)
            fresh = max(duals[row] - step, 0.0)
            move = (fresh - duals[row]) * side
            duals[row] = fresh
            if move != 0:
                weights[bias] += move
                for at in range(low, high):
                    weights[places[at]] += move * values[at]


@inner
def _begin(ends, row):
    return ends[row - 1] if row else 0


@inner
def _draw(state, limit):
    """SplitMix64: the next state, and a number below `limit`."""
    state += MIXER
    value = (state ^ (state >> np.uint64(30))) * FIRST_MIX
    value = (value ^ (value >> np.uint64(27))) * SECOND_MIX
    value ^= value >> np.uint64(31)
    return state, np.int64((value >> np.uint64(1)) % np.uint64(limit))


@kernel
def _multiply(places, values, ends, weights, margins):
    for row in range(len(ends)):
        margins[row] = weights[len(weights) - 1]
        for at in range(_begin(ends, row), ends[row]):
            margins[row] += weights[places[at]] * values[at]
