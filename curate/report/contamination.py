"""What decontamination came to, as values: by evaluation set how many items were found, and in how many documents.

counts of the manifest, or of plain files ─▶ Contamination
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Its items, those of them that are too short to be found, those that were found, and the documents with one."""

    name: str
    items: int
    too_short: int
    found: int
    documents: int


@dataclass(frozen=True, slots=True)
class Contamination:
    """By set, and what became of the documents that hold items."""

    sets: tuple[EvaluationSet, ...]
    cut: int
    dropped: int


def contamination(counts: Mapping[str, Any]) -> Contamination | None:
    """From counts as the manifest has them; None where nothing was looked for."""
    if not counts:
        return None
    sets = (
        EvaluationSet(name, row["items"], row["too_short"], row["found"], row["documents"])
        for name, row in counts["sets"].items()
    )
    return Contamination(tuple(sets), counts["cut"], counts["dropped"])
