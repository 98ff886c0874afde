"""Shares as whole numbers that sum to what they are shares of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction


def round_to(ideal: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Whole numbers that sum to `total`, by largest remainder; ties go to the first."""
    counts = {name: math.floor(amount) for name, amount in ideal.items()}
    by_remainder = sorted(ideal, key=lambda name: counts[name] - ideal[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
