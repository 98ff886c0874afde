"""The account of time: CPU and wall seconds by step, so that `timing.json` can explain a run.

with clock("extract"): …      nested steps take their time away from the step around them
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass


class Clock:
    """Seconds by step, wall and CPU of this process. Steps nest: each second belongs to the innermost."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._stack: list[str] = []
        self._steps: dict[str, _Step] = {}
        self._since = (time.perf_counter(), time.process_time())

    def __call__(self, step: str) -> _Step:
        """The time from here to the end of the `with` block belongs to this step."""
        known = self._steps.get(step)
        if known is None:
            known = self._steps[step] = _Step(self, step)
        return known

    def begin(self, step: str) -> None:
        self._turn()  # what has passed belongs to the step around this one
        self._stack.append(step)

    def end(self) -> None:
        self._turn()
        self._stack.pop()

    def _turn(self) -> None:
        """Book the time since the last turn on the step that was running."""
        now = (time.perf_counter(), time.process_time())
        if self._stack:  # outside of all steps the time is nobody's
            step = self._stack[-1]
            self.wall[step] = self.wall.get(step, 0.0) + now[0] - self._since[0]
            self.cpu[step] = self.cpu.get(step, 0.0) + now[1] - self._since[1]
        self._since = now

    def took(self, step: str, cpu: float) -> None:
        """CPU seconds of a step that were spent before this clock began, in time that was nobody's."""
        self.wall[step] = self.wall.get(step, 0.0)
        self.cpu[step] = self.cpu.get(step, 0.0) + cpu

    def seconds(self) -> dict[str, list[float]]:
        """{step: [wall, CPU]}, ready for JSON."""
        return {step: [round(wall, 6), round(self.cpu[step], 6)] for step, wall in self.wall.items()}


@dataclass(frozen=True, slots=True)
class _Step:
    """A step's `with` block. All of one step share it, one inside the other, too: what is open stands in the clock."""

    clock: Clock
    step: str

    def __enter__(self) -> None:
        self.clock.begin(self.step)

    def __exit__(self, *_: object) -> None:
        self.clock.end()


def add_seconds(total: dict[str, list[float]], more: Mapping[str, list[float]]) -> None:
    """Add one account to another, in place."""
    for step, (wall, cpu) in more.items():
        before = total.setdefault(step, [0.0, 0.0])
        before[0] += wall
        before[1] += cpu
