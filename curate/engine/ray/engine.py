"""The engine of a Ray cluster: each node's agent gets as many tasks as it has workers, and loses them if it is silent.

supervisor ── submit ──▶ pending ─▶ an agent with a free worker ─▶ answers ─▶ wait
                            ▲            │ silent for half a minute, or gone
                            └── Broke ◀──┴─▶ fenced off: what it does from then on is not committed

Only words cross Ray; data goes through the run's store, which all nodes see. Ray retries and restarts nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from curate.engine.choice import EngineChoice
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Said, Spent
from curate.engine.fences import Fences
from curate.engine.messages import answer_from_json, assignment_to_json
from curate.engine.ray.agent import SILENCE_SECONDS
from curate.engine.ray.link import Link
from curate.engine.store import Store
from curate.engine.task import Position
from curate.errors import MachineError, UsageError
from curate.plugins import named_object
from curate.recipe import Limits

WATCH_SECONDS = 1.0
"""How long a wait for answers may be."""
START_SECONDS = 90.0
"""For a cluster to be started or found."""
NO_NODES_SECONDS = 60.0
"""Without a node that works on the run, after which it ends."""
SETTLE_SECONDS = 20.0
"""For a commit that was under way when its agent was given up."""
GOES_ON = "the same command goes on from here"


def ray_engine(store: Store, limits: Limits, choice: EngineChoice) -> RayEngine:
    """
    Raises:
        UsageError: Ray is not installed, or it cannot do what is asked of it.
    """
    if find_spec("ray") is None:
        raise UsageError('--engine ray needs Ray, which is not installed: pip install "curate-corpus[ray]"')
    if choice.workers == 0:
        raise UsageError("--workers 0 does all in this process, and --engine ray nothing; leave one of both out")
    if choice.ray_address and choice.ray_address.startswith("ray://"):
        raise UsageError(f"{choice.ray_address} is for Ray Client: start curate on a node, with --ray-address auto")
    return RayEngine(store, choice, limits)


@dataclass(slots=True)
class SeenAgent:
    """An agent as it is seen from here."""

    host: str
    node: str
    """As Ray calls it."""
    workers: int
    heard: float
    at_work: dict[str, Assignment] = field(default_factory=dict)
    """By the fences of the attempts."""
    began: dict[str, float] = field(default_factory=dict)
    documents: int = 0


@dataclass(slots=True)
class RayEngine:
    """A connection to a cluster, from the first task to `close`."""

    store: Store
    choice: EngineChoice
    limits: Limits
    silence: float = SILENCE_SECONDS
    _link: Link | None = None
    _began: float = 0.0
    """When the first of the tasks at work came."""
    _heard: float = 0.0
    """When the bridge has said anything last."""
    _had_agents: float = 0.0
    _agents: dict[int, SeenAgent] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)
    _opening: int = 1
    """Agents that are being started."""
    _has_worked: bool = False
    """Whether there has been one."""
    _pending: deque[Assignment] = field(default_factory=deque)
    _settling: dict[str, tuple[Broke, float]] = field(default_factory=dict)
    """Lost attempts that may be committing, by their fences, and until when they are waited for."""
    _spent: list[Spent] = field(default_factory=list)
    _counted: float = 0.0
    """Until when the waiting of workers is booked."""
    _told: float = 0.0
    _fences: Fences = field(init=False)

    def __post_init__(self) -> None:
        self._fences = Fences(self.store)

    @property
    def workers(self) -> int:
        return max(sum(agent.workers for agent in self._agents.values()), 1)

    def submit(self, assignment: Assignment) -> None:
        if not self._is_at_work():  # the time between two stages is nobody's
            self._counted = self._began = time.perf_counter()
            self._had_agents = time.monotonic()
        self._pending.append(assignment)
        self._hand_out()

    def wait(self) -> Sequence[Answer]:
        answers: list[Answer] = []
        if self._is_at_work():
            link = self._link or self._open()
            for message in link.read(WATCH_SECONDS):
                self._heard = time.monotonic()
                self._book_waiting()
                answers += self._listen(link, message)
            answers += self._watch(link)
            self._hand_out()
        answers += self._spent
        self._spent = []
        return answers

    def close(self) -> None:
        for agent in self._agents.values():
            self._book_unfinished(agent)
        for state in (self._agents, self._pending, self._settling, self._refused):
            state.clear()
        link, self._link = self._link, None
        if link is not None:
            self._fences.close()  # first: what commits after this moment is refused
            link.close()

    @property
    def _name(self) -> str:
        address = self.choice.ray_address
        return f"the Ray cluster at {address}" if address else "the Ray cluster of this run"

    def _is_at_work(self) -> bool:
        return bool(self._pending or self._settling) or any(agent.at_work for agent in self._agents.values())

    def _open(self) -> Link:
        settings = {
            "address": self.choice.ray_address,
            "workers": self.choice.workers,
            "is_insecure": self.choice.is_insecure,
            "store": self.store.address,
            "limits": dataclasses.asdict(self.limits),
            "facts_from": self.choice.facts,
            "facts": named_object(self.choice.facts)(self.store),
        }
        self._fences.open()
        self._link, self._opening, self._has_worked = Link.start(self.store, settings), 1, False
        self._had_agents = time.monotonic()
        # One that is being started has nothing to say for a while.
        self._heard = time.monotonic() + START_SECONDS - self.silence
        return self._link

    def _hand_out(self) -> None:
        """To the agents with the most free workers first, so that all nodes have work."""
        while self._pending and self._link is not None:
            free = {number: agent.workers - len(agent.at_work) for number, agent in self._agents.items()}
            number = max(free, key=lambda number: free[number], default=None)
            if number is None or free[number] <= 0:
                return
            self._give(number, self._pending.popleft())

    def _give(self, number: int, assignment: Assignment) -> None:
        assert self._link is not None
        self._book_waiting()
        fence, agent = self._fences.next(), self._agents[number]
        agent.at_work[fence], agent.began[fence] = assignment, time.perf_counter()
        self._link.send({"to": number, "give": assignment_to_json(replace(assignment, fence=fence))})

    def _listen(self, link: Link, message: Mapping[str, Any]) -> Iterator[Answer]:
        """What the bridge says."""
        if "failed" in message:
            kind = UsageError if self.choice.ray_address else MachineError
            hint = "; is its token in RAY_AUTH_TOKEN?" if "connect" in message["failed"] else ""
            raise kind(f"no way into {self._name}: {message['failed']}{hint} (more in {link.log})")
        if "alive" in message:
            self._opening = message["opening"]
        elif "joined" in message:
            self._join(message)
        elif "refused" in message:
            self._refused[message["refused"]] = message["why"]
            yield Said("ray", f"node {message['refused']} does not take part: {message['why']}")
        elif "lost" in message:
            yield from self._lose(message["lost"], message["why"])
        elif message["heard"] in self._agents:
            yield from self._hear(message["heard"], message["answers"])

    def _join(self, message: Mapping[str, Any]) -> None:
        now, workers = time.perf_counter(), message["workers"]
        # Of a stage's time what it was not there for: the stage counts it as a worker from its begin on.
        self._spent.append(Spent("cluster", (now - self._began) * workers))
        self._has_worked = True
        self._agents[message["joined"]] = SeenAgent(message["host"], message["node"], workers, time.monotonic())

    def _hear(self, number: int, messages: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        agent = self._agents[number]
        agent.heard = time.monotonic()
        for told in messages:
            if "ended" in told:
                yield from self._lose(number, told["ended"])
                return
            answer = answer_from_json(told, agent.at_work)
            if isinstance(answer, AtWork):
                agent.documents = answer.documents
            elif answer is not None:
                for known in (agent.at_work, agent.began):
                    known.pop(told.get("fence", ""), None)
                yield answer

    def _watch(self, link: Link) -> Iterator[Answer]:
        """What was not said: agents that are silent, a bridge that is gone, a cluster without nodes."""
        now = time.monotonic()
        silent = [number for number, agent in self._agents.items() if now - agent.heard > self.silence]
        for number in silent:
            link.send({"drop": number})
            yield from self._lose(number, f"it gave no sign of life for {self.silence:.0f} s")
        yield from self._settle()
        if now - self._told >= WATCH_SECONDS:
            self._told = now
            yield AtWork(sum(agent.documents for agent in self._agents.values() if agent.at_work))
        self._check_cluster(link)

    def _check_cluster(self, link: Link) -> None:
        """
        Raises:
            MachineError: it is gone, or no node has worked on the run for a while.
            UsageError: none of its nodes can.
        """
        now = time.monotonic()
        if link.is_gone or now - self._heard > self.silence:
            why = "has ended its connection" if link.is_gone else f"has not answered for {self.silence:.0f} s"
            raise MachineError(f"{self._name} {why} (its last words are in {link.log}); {GOES_ON}")
        if self._agents:
            self._had_agents = now
        elif self._refused and not self._opening and not self._has_worked:
            told = "; ".join(f"{host}: {why}" for host, why in self._refused.items())
            raise UsageError(f"no node of {self._name} can work on this run: {told}")
        elif now - self._had_agents > NO_NODES_SECONDS:
            raise MachineError(f"{self._name} has had no node for this run for {NO_NODES_SECONDS:.0f} s; {GOES_ON}")

    def _lose(self, number: int, why: str) -> Iterator[Answer]:
        """Its tasks are anyone's; no document is blamed."""
        agent = self._agents.pop(number, None)
        if agent is None:
            return
        self._book_unfinished(agent)
        yield Said("ray", f"node {agent.host} is lost: {why}")
        for fence, assignment in agent.at_work.items():
            broke = Broke(assignment, Position(), "lost", f"node {agent.host} was lost: {why}")
            if self._fences.revoke(fence):
                yield broke
            else:
                self._settling[fence] = broke, time.monotonic() + SETTLE_SECONDS

    def _settle(self) -> Iterator[Answer]:
        """A commit that was under way ends in a moment, or never will: whoever is told looks for its record."""
        for fence, (broke, until) in [*self._settling.items()]:
            if self._fences.revoke(fence) or time.monotonic() > until:
                del self._settling[fence]
                yield broke

    def _book_waiting(self) -> None:
        """Of workers without a task."""
        now = time.perf_counter()
        free = sum(agent.workers - len(agent.at_work) for agent in self._agents.values())
        if free > 0 and now > self._counted:
            self._spent.append(Spent("waiting", (now - self._counted) * free))
        self._counted = now

    def _book_unfinished(self, agent: SeenAgent) -> None:
        now = time.perf_counter()
        self._spent += [Spent("unfinished", now - agent.began[fence]) for fence in agent.at_work]
