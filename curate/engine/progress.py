"""What a run tells the one who shows it, while it is at work.

supervisor ── Progress, about every second │ Said, what somebody's code prints ──▶ Show
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from curate.engine.engine import Said


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is, for the one who shows it."""

    stage: str
    tasks_done: int
    tasks: int
    bytes_done: int
    bytes: int
    documents: int


Show = Callable[[Progress | Said], None]
"""Where the run says what happens: how far it is, and what users' own functions print."""
