"""The process between a driver and Ray: it has the connection, starts an agent on each node, and
passes on what is said.

driver ── {"run": …}, {"to": 3, "give": …}, {"drop": 3} ──▶ bridge ── Ray ──▶ an actor a node, which has an agent
       ◀── joined, heard, lost, refused, alive ──┘

Ray ends the process of a driver whose cluster is gone, sets its signals and starts its threads; this one may be ended.
Started as `python -m curate.engine.ray.bridge SETTINGS` (JSON). No retry and no restart of Ray's is used.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any, TextIO

from curate.engine.ray.connect import check_closed, connect, stranger
from curate.engine.worker import private_pipes

LOOK_SECONDS = 1.0
"""How often nodes are looked at, and the driver is told that the cluster is there."""
MAX_LOST = 3
"""Agents of one node that are lost before it gets no other."""
FORGIVEN_SECONDS = 600.0
"""That an agent has lived, after which those that were lost before it count no more."""

Told = dict[str, Any]


class Host:
    """The actor. It is sent as it stands, as the node may have another curate or none, and says so."""

    def __init__(self, version: str, workers: int, loads: str) -> None:
        import queue

        self.version, self.workers, self.loads = version, workers, loads
        self.agent: Any = None
        self.runs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def open(self) -> str:
        """{"workers": how many} or {"refused": why}, once `tell` has been called."""
        try:
            from curate.version import __version__
        except ImportError as error:
            return self._refused(f"curate cannot be imported ({error})")
        if __version__ != self.version:
            return self._refused(f"it has curate {__version__}, and the run has {self.version}")
        try:
            from curate.engine.ray.agent import Agent

            self.agent = Agent(self.workers, self.loads)
            self.agent.start()
            self.agent.open(json.loads(self.runs.get()))
        except Exception as error:
            return self._refused(f"{error}")
        return json.dumps({"workers": self.workers})

    def _refused(self, why: str) -> str:
        return json.dumps({"refused": why})

    def tell(self, run: str) -> None:
        self.runs.put(run)

    def give(self, assignment: str) -> None:
        self.agent.give(json.loads(assignment))

    def withdraw(self, fence: str) -> None:
        self.agent.withdraw(fence)

    def listen(self) -> str:
        return json.dumps(self.agent.listen())


@dataclass(slots=True)
class ClusterNode:
    """A node of the cluster as it is seen from here."""

    id: str
    host: str
    cores: int
    has_agent: bool = False
    lost: int = 0


@dataclass(slots=True)
class Hosted:
    """An actor that lives, or is about to, on a node."""

    number: int
    node: ClusterNode
    actor: Any
    since: float


@dataclass(slots=True)
class Bridge:
    """Nodes, their actors, and the calls that are on their way."""

    settings: Told
    answers: TextIO
    run: str = ""
    """What agents are told of the run before they open: empty until it has a plan."""
    _nodes: dict[str, ClusterNode] = field(default_factory=dict)
    _hosted: dict[int, Hosted] = field(default_factory=dict)
    _opening: dict[Any, Hosted] = field(default_factory=dict)
    _listening: dict[Any, Hosted] = field(default_factory=dict)
    _looked: float = 0.0
    _count: int = 0
    _speaking: threading.Lock = field(default_factory=threading.Lock)

    def serve(self) -> None:
        """For ever: whoever started this ends it."""
        import ray

        while True:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self.look()
            calls = [*self._opening, *self._listening]
            if not calls:
                time.sleep(LOOK_SECONDS)
                continue
            ray.wait(calls, timeout=LOOK_SECONDS)
            for call in ray.wait(calls, num_returns=len(calls), timeout=0)[0]:
                self._returned(call)

    def obey(self, line: str) -> None:
        """Of another thread than `serve`."""
        told = json.loads(line)
        if "run" in told:
            self._tell(json.dumps(told["run"]))
            return
        import ray

        hosted = self._hosted.get(told.get("to", told.get("drop")))
        if hosted is None:
            return  # it was lost in the meantime, and the driver hears of it
        if "give" in told:
            hosted.actor.give.remote(json.dumps(told["give"]))
        elif "withdraw" in told:
            hosted.actor.withdraw.remote(told["withdraw"])
        else:
            self._hosted.pop(hosted.number, None)
            self._free(hosted)
            with contextlib.suppress(Exception):
                ray.kill(hosted.actor)

    def _tell(self, run: str) -> None:
        """In this order, as `_open` has the other one: an agent may be told twice, but not missed."""
        self.run = run
        for hosted in [*self._opening.values()]:
            hosted.actor.tell.remote(run)

    def look(self) -> None:
        """New nodes get an agent, and those that have lost theirs another."""
        import ray

        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        for name, node in alive.items():
            cores = int(node["Resources"].get("CPU", 0))
            known = self._nodes.setdefault(name, ClusterNode(name, node["NodeManagerAddress"], cores))
            if known.cores and not known.has_agent and known.lost < MAX_LOST:
                self._open(known)
        self._looked = time.monotonic()
        self.say({"alive": len(alive), "opening": len(self._opening)})

    def _open(self, node: ClusterNode) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node.has_agent = True
        workers = min(self.settings["workers"] or node.cores, node.cores)
        options = {
            "num_cpus": workers,
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": 4,  # one call listens while others give
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False),
        }
        actor = ray.remote(Host).options(**options).remote(self.settings["version"], workers, self.settings["loads"])
        self._count += 1
        self._opening[actor.open.remote()] = Hosted(self._count, node, actor, time.monotonic())
        if self.run:
            actor.tell.remote(self.run)

    def _returned(self, call: Any) -> None:
        import ray

        is_opening = call in self._opening
        hosted = self._opening.pop(call) if is_opening else self._listening.pop(call)
        if not is_opening and hosted.number not in self._hosted:
            return  # it was dropped
        try:
            told = json.loads(ray.get(call))
        except Exception as error:
            self._lost(hosted, _first_line(error))
            return
        if is_opening and "refused" in told:
            self._refused(hosted, told["refused"])
        elif is_opening:
            self._hosted[hosted.number] = hosted
            node = {"host": hosted.node.host, "node": hosted.node.id}
            self.say({"joined": hosted.number, **node, "workers": told["workers"]})
        else:
            self.say({"heard": hosted.number, "answers": told})
        if hosted.number in self._hosted:
            self._listening[hosted.actor.listen.remote()] = hosted

    def _lost(self, hosted: Hosted, why: str) -> None:
        self._hosted.pop(hosted.number, None)
        self._free(hosted)
        self.say({"lost": hosted.number, "host": hosted.node.host, "why": why})
        if hosted.node.lost >= MAX_LOST:
            self.say({"refused": hosted.node.host, "why": f"its agent was lost {MAX_LOST} times; the last: {why}"})

    def _refused(self, hosted: Hosted, why: str) -> None:
        import ray

        hosted.node.lost = MAX_LOST  # and it keeps its "agent": what is wrong there stays wrong
        self.say({"refused": hosted.node.host, "why": why})
        ray.kill(hosted.actor)

    def _free(self, hosted: Hosted) -> None:
        before = 0 if time.monotonic() - hosted.since > FORGIVEN_SECONDS else hosted.node.lost
        hosted.node.has_agent, hosted.node.lost = False, before + 1

    def say(self, message: Told) -> None:
        with self._speaking:
            self.answers.write(json.dumps(message) + "\n")
            self.answers.flush()


def main() -> None:
    settings = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    pipe, answers = private_pipes()
    lines = io.TextIOWrapper(io.BufferedReader(pipe), encoding="utf-8")
    bridge = Bridge(settings, answers)
    # Ray puts a driver's folder before all others of a node's own path: in a checkout its curate would hide theirs.
    os.chdir(tempfile.gettempdir())
    try:
        asked = stranger(settings)  # first of all, while there is one thread
        threading.Thread(target=_obey_all, args=(bridge, lines), daemon=True).start()
        connect(settings)
        bridge.look()
        check_closed(asked)
    except Exception as error:
        bridge.say({"failed": _first_line(error)})
        os._exit(1)
    bridge.serve()


def _obey_all(bridge: Bridge, lines: TextIO) -> None:
    """Until the driver closes its side, or dies: then the agents end with this job, and a cluster of our own does."""
    for line in lines:
        bridge.obey(line)
    if not bridge.settings["address"]:
        import ray

        ray.shutdown()  # the cluster, too; another one ends a job whose driver is gone
    os._exit(0)


def _first_line(error: Exception) -> str:
    told = f"{error}".strip() or type(error).__name__
    return told.splitlines()[0][:500]


if __name__ == "__main__":
    main()
