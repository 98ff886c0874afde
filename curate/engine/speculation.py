"""When a task is given to a second worker, as a pure function of how long its finished peers took.

    finished tasks of a stage ─▶ Peers ─▶ what a task should take ─┐
    seconds that one is at work already ───────────────────────────┴─▶ overdue: another worker begins it, too

Whichever of both commits first has done the task (fences.py), and the other is stopped: a node that is slow for a
reason of its own, as a disk that fails or a neighbor that computes, holds nobody up. Spark's rule is the same
(`spark.speculation.multiplier`, 3 since version 4), but for the bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from curate.engine.task import Attempt, Task

SPECULATION = "speculation"
"""What work that was done twice is booked as, and who says that it is."""
REMEMBERED = 999
"""Finished peers of a source that are looked at, the last ones: of hundreds of thousands all would say the same."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """From when on a task is overdue."""

    factor: float = 3.0
    """Times what is expected. Documents differ, and so do splits of the same size: less would double healthy ones."""
    min_seconds: float = 10.0
    """What a worker takes to start, to load its libraries and to begin anew is not worth it below that."""
    min_peers: int = 3


class _Took(NamedTuple):
    seconds: float
    per_byte: float


@dataclass(slots=True)
class Peers:
    """What finished tasks of one stage took, by their source: pages take twenty times as long a byte as rows."""

    rule: Overdue = field(default_factory=Overdue)
    _took: dict[str, deque[_Took]] = field(default_factory=dict)

    def add(self, task: Task, seconds: float) -> None:
        """One that a worker took so long for."""
        took = self._took.setdefault(source_of(task), deque(maxlen=REMEMBERED))
        took.append(_Took(seconds, seconds / max(task.size, 1)))

    def overdue(self, at_work: Mapping[str, tuple[Task, float]]) -> dict[str, float]:
        """Of tasks by any name, and the seconds that each is at work, those that take too long, the worst first: what
        each should have taken."""
        usual = {source: _medians(took) for source, took in self._took.items() if len(took) >= self.rule.min_peers}
        found = {
            name: expected_seconds(task, usual[source_of(task)])
            for name, (task, _) in at_work.items()
            if source_of(task) in usual
        }
        worst = sorted(found, key=lambda name: at_work[name][1] / max(found[name], 1e-9), reverse=True)
        return {name: found[name] for name in worst if self._is_overdue(at_work[name][1], found[name])}

    def _is_overdue(self, seconds: float, expected: float) -> bool:
        return seconds > max(self.rule.factor * expected, self.rule.min_seconds)


def expected_seconds(task: Task, usual: _Took) -> float:
    """As its peers, and in proportion where it is larger: a smaller one need not be faster, as tasks have costs that
    have nothing to do with bytes."""
    return max(usual.seconds, usual.per_byte * task.size)


def can_be_copied(attempt: Attempt) -> bool:
    """Not one that looks for a culprit: it is slow on purpose, and nobody's peer."""
    return attempt.confirm is None and not attempt.one_at_a_time


def source_of(task: Task) -> str:
    """A split is called by its source and a number; tasks of other names are all of one kind."""
    return task.key.rpartition("-")[0]


def _medians(took: deque[_Took]) -> _Took:
    return _Took(median(each.seconds for each in took), median(each.per_byte for each in took))
