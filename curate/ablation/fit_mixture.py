"""Which mixture of sources a model learns most from: a law fitted to runs of many mixtures, and its best point.

weights and losses of runs ─▶ two laws, the one that foretells left-out runs better ─▶ the best mixture within what was
tried ─▶ runs drawn again and again ─▶ an interval for each weight, and for the gain: a mixture, or "flat"

Laws are linear in what they are fitted to, so that leaving each run out costs nothing (Allen 1974, PRESS): the log of
the loss by weights (exponential, after Ye et al. 2024, "Data mixing laws"), or by their logarithms (a power law, by
which a source's last tokens are worth less than its first).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError

Floats = npt.NDArray[np.float64]
Law = Literal["exponential", "power"]

WEIGHT, LOSS = "weight_", "loss"
FLOOR = 1e-3
"""Added to weights before their logarithms are taken: a source that was left out has none."""
RIDGE = 1e-6
CANDIDATES = 20_000
RESAMPLES = 200
COVERAGE = 0.95
MIN_PARAMETERS = 15_000_000
PROXY_WARNING = (
    "proxies of under 15 M parameters rank mixtures as models of 1 B do at a rank correlation of .73 only (Olmix, 2026)"
)


class MixtureRuns(NamedTuple):
    """`weights` float64[runs, sources], rows of sum 1; `losses` float64[runs, targets], each above 0."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    weights: Floats
    losses: Floats


@dataclass(frozen=True, slots=True)
class SourceWeight:
    """A source of the recommended mixture, with the interval over runs drawn again, and its mean in the runs."""

    source: str
    weight: float
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class MixtureFit:
    """`law` foretold runs that it had not seen with an error of `left_out_error`, a share of the loss, where the mean
    of the other runs had `mean_error`. `gain` is by how much of its loss the recommended mixture is better than the
    mean one, with an interval; `is_flat` where that is not above 0, or the law foretells no better than a mean."""

    law: Law
    runs: int
    left_out_error: float
    mean_error: float
    weights: tuple[SourceWeight, ...]
    gain: float
    gain_low: float
    gain_high: float
    is_flat: bool
    notes: tuple[str, ...]


def fit_mixture(runs: str | Path | MixtureRuns, *, parameters: int | None = None, seed: int = 17) -> MixtureFit:
    """The best mixture by runs of many: a CSV file with columns `weight_SOURCE`, and `loss`, or several `loss_…` that
    are averaged; or the same as arrays. `parameters` are those of the models, to warn of small ones.

    What is recommended lies within what was tried: no weight beyond those of the runs, and no mixture that the law
    knows less of than of the most unusual run. Equal runs and seeds give equal answers.

    Raises:
        UsageError: the file cannot be read, lacks columns or has values that cannot be; there are too few runs.
    """
    found = runs if isinstance(runs, MixtureRuns) else read_runs(Path(runs))
    count, sources = found.weights.shape
    if sources < 2 or count < sources + 3:
        raise UsageError(f"{count} runs of {sources} sources are too few: give {max(sources, 2) + 3} runs or more")
    losses = np.log(found.losses).mean(axis=1)
    errors: dict[Law, float] = {
        law: _left_out(features(found.weights, law), losses) for law in ("exponential", "power")
    }
    law = min(errors, key=lambda each: errors[each])
    mean_error = _left_out(np.ones((count, 1)), losses)
    generator = np.random.default_rng(seed)
    candidates = _candidates(found.weights, law, generator)
    mean = found.weights.mean(axis=0)
    best, gain = _recommend(found.weights, losses, law, candidates, mean)
    others = [
        _recommend(found.weights[at], losses[at], law, candidates, mean) for at in _resamples(count, sources, generator)
    ]
    low, high = _interval(np.array([weights for weights, _ in others]))
    gain_low, gain_high = _interval(np.array([each for _, each in others]))
    is_flat = bool(gain_low <= 0 or gain <= errors[law] or errors[law] >= mean_error)
    rows = zip(found.sources, best.tolist(), low.tolist(), high.tolist(), mean.tolist(), strict=True)
    notes = (PROXY_WARNING,) if parameters is not None and parameters < MIN_PARAMETERS else ()
    return MixtureFit(
        law=law,
        runs=count,
        left_out_error=errors[law],
        mean_error=mean_error,
        weights=tuple(SourceWeight(*row) for row in rows),
        gain=gain,
        gain_low=float(gain_low),
        gain_high=float(gain_high),
        is_flat=is_flat,
        notes=notes,
    )


def read_runs(path: Path) -> MixtureRuns:
    """A row a run; weights are divided by their sum."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}") from error
    names = [name for name in (rows[0] if rows else {}) if name]
    sources = tuple(name for name in names if name.startswith(WEIGHT))
    targets = tuple(name for name in names if name == LOSS or name.startswith(f"{LOSS}_"))
    if not sources or not targets:
        raise UsageError(
            f"{path} needs columns {WEIGHT}SOURCE and {LOSS} (or {LOSS}_…); it has {', '.join(names) or 'none'}"
        )
    weights, losses = (
        np.array([_numbers(row, wanted, path, at) for at, row in enumerate(rows, 2)]) for wanted in (sources, targets)
    )
    if (weights < 0).any() or (weights.sum(axis=1) <= 0).any() or (losses <= 0).any():
        raise UsageError(f"{path}: weights must be at least 0, one of them above it, and losses above 0")
    weights = weights / weights.sum(axis=1, keepdims=True)
    return MixtureRuns(tuple(name.removeprefix(WEIGHT) for name in sources), targets, weights, losses)


def _numbers(row: dict[str, str], names: Sequence[str], path: Path, line: int) -> list[float]:
    try:
        values = [float(row[name]) for name in names]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}, line {line}: expected numbers in {', '.join(names)}: {error}") from error
    if not all(map(math.isfinite, values)):
        raise UsageError(f"{path}, line {line}: a value is not finite")
    return values


def features(weights: Floats, law: Law) -> Floats:
    """What the logarithm of the loss is linear in: float64[runs, sources + 1]."""
    columns = (
        weights[:, 1:] if law == "exponential" else np.log(weights + FLOOR)
    )  # weights sum to 1: one says nothing new
    return np.column_stack([np.ones(len(weights)), columns])


def _left_out(design: Floats, losses: Floats) -> float:
    """The root mean square of what each run is missed by, by the law of all others."""
    hat = design @ _solve(design, np.eye(len(design)))
    residuals = (losses - hat @ losses) / np.maximum(1 - np.diag(hat), 1e-9)
    return float(np.sqrt((residuals**2).mean()))


def _solve(design: Floats, values: Floats) -> Floats:
    """Least squares, with so little ridge that it matters only where sources cannot be told apart."""
    return np.asarray(np.linalg.solve(design.T @ design + RIDGE * np.eye(design.shape[1]), design.T @ values))


def _candidates(weights: Floats, law: Law, generator: np.random.Generator) -> Floats:
    """Mixtures of the runs' own mixtures, and these; those of which the law would know less are left out."""
    parts = generator.dirichlet(np.full(len(weights), 2 / len(weights)), CANDIDATES)
    mixed = np.concatenate([weights, parts @ weights])
    design, known = features(weights, law), features(mixed, law)
    inverse = np.linalg.inv(design.T @ design + RIDGE * np.eye(design.shape[1]))
    leverage = np.einsum("ij,jk,ik->i", known, inverse, known)
    return np.asarray(mixed[leverage <= leverage[: len(weights)].max() + 1e-12])


def _recommend(weights: Floats, losses: Floats, law: Law, candidates: Floats, mean: Floats) -> tuple[Floats, float]:
    """The candidate of the least loss, and by what share that is less than at the mean mixture."""
    found = _solve(features(weights, law), losses)
    foretold = features(candidates, law) @ found
    at = int(foretold.argmin())
    return candidates[at], float(1 - np.exp(foretold[at] - features(mean[None], law)[0] @ found))


def _resamples(count: int, sources: int, generator: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Runs drawn with replacement, enough different ones for a law each time."""
    drawn: list[npt.NDArray[np.int64]] = []
    while len(drawn) < RESAMPLES:
        at = generator.integers(0, count, count)
        if len(np.unique(at)) > sources + 1:
            drawn.append(at)
    return drawn


def _interval(values: Floats) -> Floats:
    return np.asarray(np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0))
