"""The answer of a comparison, as values: what each arm was trained on and reached, and the verdicts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from curate.ablation.verdict import ALL, ArmVerdict


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm: tokens it was trained on under each seed, how often that is its data, and bits per byte of the passages,
    the mean over sources: over its seeds, and their standard deviation (None of one)."""

    name: str
    run: str
    tokens: int
    epochs: float
    bits_per_byte: float
    spread: float | None


@dataclass(frozen=True, slots=True)
class Ablation:
    """The answer. `again` is the baseline under other seeds beside itself, which should not be separable; `verdicts`
    are of all other arms, of group "all" (the mean over sources), of each source, and, where arms hold out different
    texts, of what one alone holds out. `spread` is what seeds do to the baseline's bits per byte, over all of its
    trainings."""

    folder: str
    tier: str
    equal: Literal["tokens", "bytes"]
    seeds: int
    arms: tuple[ArmSummary, ...]
    passages: int
    documents: int
    seen: int
    short: int
    spread: float
    verdicts: tuple[ArmVerdict, ...]
    again: tuple[ArmVerdict, ...]
    notes: tuple[str, ...]
    plot: str | None
    """Where it is; None without matplotlib."""

    @property
    def overall(self) -> dict[str, ArmVerdict]:
        """By arm."""
        return {verdict.arm: verdict for verdict in self.verdicts if verdict.group == ALL}
