"""The S-curve of MinHash-LSH: how likely documents of a similarity become candidates, and the bands for a threshold.

(threshold, permutations) ─▶ (bands, rows) ─▶ 1 - (1 - J^rows)^bands ─▶ "pairs of similarity 0.8: 92.4%"
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.recipe_dedup import Dedup, Verify

STEPS = 2_000  # of Simpson's rule, each side of the threshold
SIMILARITIES = (0.5, 0.6, 0.7, 0.8, 0.9)


def candidate_probability(similarity: float, *, bands: int, rows: int) -> float:
    """The chance that two documents of this Jaccard similarity share a band: 1 - (1 - J^rows)^bands."""
    if bands < 1 or rows < 1:
        raise UsageError(f"{bands} bands of {rows} rows: at least one band of one row is needed")
    return float(1.0 - (1.0 - similarity**rows) ** bands)


@functools.cache
def split_permutations(threshold: float, permutations: int) -> tuple[int, int]:
    """The (bands, rows) of at most `permutations` that err least about a threshold: the area over the S-curve above the
    threshold plus the area under it below, each counted half, is smallest (datasketch's default choice).

    Raises:
        UsageError: a threshold that is not between 0 and 1, or fewer than 2 permutations.
    """
    if not 0 < threshold < 1 or permutations < 2:
        raise UsageError(f"threshold {threshold} of {permutations} permutations: it is between 0 and 1, of 2 or more")
    choices = [(b, r) for b in range(1, permutations + 1) for r in range(1, permutations // b + 1)]
    return min(choices, key=lambda choice: _error(threshold, *choice))


def _error(threshold: float, bands: int, rows: int) -> float:
    low, high = np.linspace(0.0, threshold, STEPS + 1), np.linspace(threshold, 1.0, STEPS + 1)
    wrongly_found = _integral(1.0 - (1.0 - low**rows) ** bands, threshold)
    wrongly_missed = _integral((1.0 - high**rows) ** bands, 1.0 - threshold)
    return 0.5 * wrongly_found + 0.5 * wrongly_missed


def _integral(values: npt.NDArray[np.float64], width: float) -> float:
    """Simpson's rule over equal steps."""
    weights = np.full(len(values), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return float(values @ weights) * width / (len(values) - 1) / 3


def s_curve_sentence(dedup: Dedup) -> str:
    """How often pairs of some similarities become candidates, and what then decides."""
    chances = [candidate_probability(similarity, bands=dedup.bands, rows=dedup.rows) for similarity in SIMILARITIES]
    found = [
        f"{similarity}: {chance:.1%}" if chance < 0.9995 else f"{similarity}: over 99.9%"
        for similarity, chance in zip(SIMILARITIES, chances, strict=True)
    ]
    check = _verification(dedup.verification)
    return f"{dedup.bands} bands of {dedup.rows} rows find pairs of similarity {', '.join(found)}; {check}"


def _verification(asked: Verify) -> str:
    """What verification keeps apart, in words."""
    parts = [f"below {asked.jaccard}"] if asked.jaccard else []
    if asked.containment:
        parts.append(f"where less than {asked.containment:.0%} of the {asked.ngram}-grams stand in what stays")
    return f"kept apart {' or '.join(parts)}" if parts else "not verified"
