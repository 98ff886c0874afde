"""What is measured on every document, as values, for a `where` or a threshold to decide on.

SIGNALS ─▶ MeasuredSignal each
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.text.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class MeasuredSignal:
    """A signal by name, with its range (maximum None: no bound) and the publication that it is from."""

    name: str
    dtype: str
    unit: str
    minimum: float
    maximum: float | None
    source: str


def measured_signals() -> tuple[MeasuredSignal, ...]:
    """All text signals, in the ledger's order."""
    return tuple(
        MeasuredSignal(each.name, each.dtype.__name__, each.unit, each.minimum, each.maximum, each.source)
        for each in SIGNALS
    )
