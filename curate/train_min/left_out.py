"""What of a file of examples cannot be learned, counted by reason, with the first one in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import UsageError


@dataclass(slots=True)
class LeftOut:
    """`rows` are all that the file has."""

    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first: str = ""

    def add(self, reason: str, detail: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.first = self.first or f"{detail} ({reason})"

    def check(self, path: Path) -> None:
        """Raises UsageError where more than half cannot be learned: then the file is another than was thought."""
        lost = sum(self.reasons.values())
        if not self.rows:
            raise UsageError(f"{path} holds no rows")
        if 2 * lost > self.rows:
            raise UsageError(f"{path}: {lost:,} of {self.rows:,} rows cannot be learned; the first: {self.first}")

    def sentence(self) -> str:
        """What was left out, "" where nothing was."""
        told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.reasons.items()))
        return f"left out of {self.rows:,} rows: {told}; the first: {self.first}" if told else ""
