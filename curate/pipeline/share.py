"""One process of several that do a run together, over one folder or store: an array of jobs without an engine.

plan (whoever is first) ─▶ each stage: tasks that are not done ─▶ leases ─▶ some are mine ─▶ done ─┐
                                  ▲                         └─ all are at others: wait ◀───────────┤
                                  └──────────────────────────────────────────────────────────────◀─┘
all is done ─▶ the last one out writes the manifest; the others wait for it

Any of them may come late, never, twice, or be killed: what it was at is anyone's after a minute. So the number of a
process says no more than where it begins to look for work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from curate.engine.leases import Leases
from curate.engine.records import keys_done
from curate.engine.store import Store
from curate.engine.supervisor import Supervisor
from curate.engine.task import Task
from curate.errors import RunLocked
from curate.run_files import MANIFEST

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between two looks at what others have done, the last one from then on."""
PAUSE_AT_END = 1.0
"""Seconds between two looks whether the others are gone, or have written the manifest."""
AHEAD = 4
"""Tasks that a process takes for each worker while there are many: the fewer, the less others wait at the end."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One process, the `number` of `world`, and how it finds work."""

    supervisor: Supervisor
    leases: Leases
    number: int
    world: int

    def do(self, tasks: Sequence[Task]) -> None:
        """See to it that all tasks of a stage get done, by whomever; returns when they are."""
        store, looks = self.supervisor.store, 0
        while left := _not_done(store, tasks):
            mine = self._take(left)
            if mine:
                self._work(mine)
                looks = 0
            else:
                self._wait(PAUSES[min(looks, len(PAUSES) - 1)])
                looks += 1

    def _take(self, left: Sequence[Task]) -> list[Task]:
        workers = max(self.supervisor.engine.workers, 1)
        most = max(workers, min(AHEAD * workers, len(left) // (2 * self.world)))
        # The largest first, as in a run alone; each rank begins with others, so that they seldom want the same.
        by_size = sorted(left, key=lambda task: (-task.size, task.key))
        order = [*by_size[self.number :: self.world], *by_size]
        keys = dict.fromkeys(task.key for task in order)
        taken = set(self.leases.take(left[0].stage, keys, most))
        return [task for task in by_size if task.key in taken]

    def _work(self, mine: Sequence[Task]) -> None:
        try:
            # Somebody may have finished one, and given it back, since we looked.
            self.supervisor.run_stage(_not_done(self.supervisor.store, mine))
        finally:
            self.leases.give_back(mine[0].stage, [task.key for task in mine])

    def _wait(self, seconds: float) -> None:
        began = time.perf_counter()
        time.sleep(seconds)
        waited = self.supervisor.timing.setdefault(
            "waiting", {"wall": 0.0, "workers": 1, "steps": {"wait": [0.0, 0.0]}}
        )
        spent = time.perf_counter() - began
        waited["wall"] += spent
        waited["steps"]["wait"][0] += spent


def finish_last(store: Store, finish: Callable[[], None]) -> None:
    """Wait until the run is complete; whoever finds itself alone with it completes it."""
    while store.stamp(MANIFEST) is None:
        try:
            with store.lock():
                if store.stamp(MANIFEST) is None:
                    finish()
        except RunLocked:
            time.sleep(PAUSE_AT_END)


def _not_done(store: Store, tasks: Sequence[Task]) -> list[Task]:
    if not tasks:
        return []
    done = keys_done(store, tasks[0].stage)
    return [task for task in tasks if task.key not in done]
