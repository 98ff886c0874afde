"""An agent as its driver sees it: which node it is on, what it is at, and when it has said anything last.

joined ─▶ SeenAgent ◀── given, heard, withdrawn ──▶ does it have a free worker? is it there?
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from curate.engine.engine import Assignment

LIVELY_SECONDS = 3.0
"""Since the last word of an agent, after which others are given work first: it says something every second."""


@dataclass(slots=True)
class SeenAgent:
    host: str
    node: str
    """As Ray calls it."""
    workers: int
    heard: float
    at_work: dict[str, Assignment] = field(default_factory=dict)
    """By the fences of the attempts."""
    began: dict[str, float] = field(default_factory=dict)
    documents: int = 0

    @property
    def free(self) -> int:
        return self.workers - len(self.at_work)

    @property
    def is_lively(self) -> bool:
        """It has spoken in the last seconds."""
        return time.monotonic() - self.heard < LIVELY_SECONDS

    def forget(self, fence: str) -> None:
        """It is not at this any more."""
        for known in (self.at_work, self.began):
            known.pop(fence, None)
