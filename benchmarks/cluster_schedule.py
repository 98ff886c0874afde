"""Tasks on the cores of many nodes that fail and lag: who does what when, event by event.

free cores, earliest first ─▶ a task that was lost, else the next one ─▶ done, or lost with its node
                                        ▲                                       │ a minute without a sign of life
                                        └───────────────────────────────────────┘

It knows what engines here do and no more: leases that are given up after `patience`, looks at the others at growing
pauses, stages one after the other, tasks on slow nodes that others begin, too, once they have nothing else to do.
"""

from __future__ import annotations

import heapq
import itertools
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

FOREVER = float("inf")
MIN_SECONDS = 10.0
"""Below which no task is overdue."""
MIN_PEERS = 3
"""A stage's only task has nobody to be compared with."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Bytes and seconds. `network` of a node, which its cores share. A node fails every `between_failures` seconds on
    average and is back after `repair`, or never; a share of the nodes takes `slow_factor` times as long for all it
    does. `pauses` between two looks at what others have done; the last one from then on."""

    nodes: int
    cores: int
    network: float = FOREVER
    start: float = 0.0
    between_failures: float = FOREVER
    repair: float = FOREVER
    patience: float = 60.0
    slow_share: float = 0.0
    slow_factor: float = 1.0
    copied_after: float = FOREVER
    """Times as long as a task should take, after which a free core begins it, too (curate/engine/speculation.py)."""
    pauses: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    failures: tuple[tuple[int, float], ...] = ()
    """Besides those by chance: nodes that fail for good, and when."""


@dataclass(slots=True)
class Nodes:
    """What has become of the nodes: when each can begin, when it fails next, how slow it is."""

    cluster: Cluster
    chance: random.Random
    ready: list[float] = field(default_factory=list)
    fails: list[float] = field(default_factory=list)
    slowness: list[float] = field(default_factory=list)
    failed: int = 0

    def __post_init__(self) -> None:
        count, given = self.cluster.nodes, dict(self.cluster.failures)
        self.ready = [self.cluster.start] * count
        self.fails = [min(self._lasts(), given.get(node, FOREVER)) for node in range(count)]
        slow = set(self.chance.sample(range(count), round(count * self.cluster.slow_share)))
        self.slowness = [self.cluster.slow_factor if node in slow else 1.0 for node in range(count)]

    def fail(self, node: int) -> None:
        """It is back when it is repaired and has begun anew."""
        self.failed += 1
        self.ready[node] = self.fails[node] + self.cluster.repair + self.cluster.start
        self.fails[node] = self.ready[node] + self._lasts()

    def _lasts(self) -> float:
        mean = self.cluster.between_failures
        return FOREVER if mean == FOREVER else self.chance.expovariate(1 / mean)


@dataclass(frozen=True, slots=True)
class Done:
    """Of a stage: when its last task was done, and core seconds at work and lost."""

    end: float
    busy: float
    lost: float


def run_stage(nodes: Nodes, tasks: Sequence[float]) -> Done:
    """Tasks of so many seconds each on a core that is not slow; the nodes are ready for the next stage then.

    Raises:
        RuntimeError: every node is gone for good.
    """
    stage = _Stage(nodes, iter(sorted(tasks, reverse=True)))  # the longest first, as the engines do
    while stage.done < len(tasks):
        now, node, core = heapq.heappop(stage.free)
        if now == FOREVER:
            raise RuntimeError("every node is gone for good")
        while now >= nodes.fails[node]:  # also those that nobody met, as it had nothing to do
            nodes.fail(node)
        if now < nodes.ready[node]:
            heapq.heappush(stage.free, (nodes.ready[node], node, core))
        else:
            stage.go_on(now, node, core)
    if nodes.cluster.copied_after < FOREVER:
        stage.end = end_with_copies(stage.ran, nodes.cluster.copied_after)
    for node, since in enumerate(stage.idle_since):
        nodes.ready[node] = max(nodes.ready[node], _sees(since, stage.end, nodes.cluster.pauses))
    return Done(stage.end, stage.busy, stage.lost)


class Ran(NamedTuple):
    """A task that was done: from when to when, and what it takes on a core that is not slow."""

    began: float
    finished: float
    seconds: float


def end_with_copies(ran: Sequence[Ran], factor: float) -> float:
    """When the last task is done, or its copy, which begins when it is overdue and a core has nothing else to do."""
    if len(ran) <= MIN_PEERS:
        return max((task.finished for task in ran), default=0.0)
    last = max(task.began for task in ran)
    free = min((task.finished for task in ran if task.finished > last), default=last)
    usual = statistics.median(task.finished - task.began for task in ran)
    ends = (
        min(task.finished, max(free, task.began + max(factor * max(usual, task.seconds), MIN_SECONDS)) + task.seconds)
        for task in ran
    )
    return max(ends)


class _Stage:
    """`free` cores and since when, those of them that are `idle` as all tasks are at others, and tasks that were lost
    with a node and when others know it."""

    def __init__(self, nodes: Nodes, waiting: Iterator[float]) -> None:
        cluster = nodes.cluster
        self.nodes, self.waiting = nodes, waiting
        self.free = [(nodes.ready[node], node, core) for node in range(cluster.nodes) for core in range(cluster.cores)]
        heapq.heapify(self.free)
        self.idle: list[tuple[int, int]] = []
        self.lost_tasks: list[tuple[float, float]] = []
        self.ran: list[Ran] = []
        self.idle_since = [*nodes.ready]
        self.done, self.end, self.busy, self.lost = 0, 0.0, 0.0, 0.0

    def go_on(self, now: float, node: int, core: int) -> None:
        """What a core does that is free now."""
        task = _next_task(self.lost_tasks, self.waiting, now)
        if task is None and self.lost_tasks:
            heapq.heappush(self.free, (self.lost_tasks[0][0], node, core))
        elif task is None:
            self.idle.append((node, core))
        elif now + task * self.nodes.slowness[node] > self.nodes.fails[node]:
            self._lose(now, node, core, task)
        else:
            finish = now + task * self.nodes.slowness[node]
            self.ran.append(Ran(now, finish, task))
            self.done, self.busy, self.end = self.done + 1, self.busy + finish - now, max(self.end, finish)
            self.idle_since[node] = max(self.idle_since[node], finish)
            heapq.heappush(self.free, (finish, node, core))

    def _lose(self, now: float, node: int, core: int, task: float) -> None:
        fails = self.nodes.fails[node]
        self.lost += fails - now
        known = fails + self.nodes.cluster.patience
        heapq.heappush(self.lost_tasks, (known, task))
        heapq.heappush(self.free, (fails, node, core))
        for idle in self.idle:
            heapq.heappush(self.free, (known, *idle))
        self.idle.clear()


def _next_task(lost: list[tuple[float, float]], waiting: Iterator[float], now: float) -> float | None:
    if lost and lost[0][0] <= now:
        return heapq.heappop(lost)[1]
    return next(waiting, None)


def _sees(idle_since: float, end: float, pauses: Sequence[float]) -> float:
    """When a node that has had nothing to do since then looks for the first time after the end."""
    look = idle_since
    for pause in itertools.chain(pauses, itertools.repeat(pauses[-1])):
        if look >= end:
            return look
        look += pause
    raise AssertionError("pauses repeat for ever")
