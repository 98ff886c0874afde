"""The engine of a Ray cluster: each node's agent gets as many tasks as it has workers, and loses them if it is silent.

supervisor ── submit ──▶ pending ─▶ an agent with a free worker ─▶ answers ─▶ wait
                            ▲            │ silent for half a minute, or gone
                            └── Broke ◀──┘   its supervisor fences it off (fences.py): it commits nothing then

Only words cross Ray; data goes through the run's store, which all nodes see. Ray retries and restarts nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.engine.choice import EngineChoice
from curate.engine.engine import LOST, Answer, Assignment, AtWork, Broke, Refused, Said, Spent
from curate.engine.messages import answer_from_json, assignment_to_json
from curate.engine.ray.link import SILENCE_SECONDS, Link, check_choice
from curate.engine.ray.seen_agent import SeenAgent
from curate.engine.speculation import SPECULATION
from curate.engine.store import Store
from curate.engine.task import Position
from curate.errors import MachineError, RunLocked, UsageError
from curate.plugins import named_object
from curate.recipe import Limits

WATCH_SECONDS = 1.0
"""How long a wait for answers may be."""
START_SECONDS = 90.0
"""For a cluster to be started or found."""
NO_NODES_SECONDS = 60.0
"""Without a node that works on the run, after which it ends."""
GOES_ON = "the same command goes on from here"


def ray_engine(store: Store, limits: Limits, choice: EngineChoice) -> RayEngine:
    """
    Raises:
        UsageError: Ray is not installed, or it cannot do what is asked of it.
    """
    check_choice(choice)
    return RayEngine(store, choice, limits)


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
    _spent: list[Spent] = field(default_factory=list)
    _counted: float = 0.0
    """Until when the waiting of workers is booked."""
    _told: float = 0.0

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

    def doubtful(self) -> Mapping[str, float]:
        """What another node could do as well: on its own one an attempt would be as slow once more."""
        now = time.perf_counter()
        times = Counter(fence for agent in self._agents.values() for fence in agent.at_work)
        times.update(assignment.fence for assignment in self._pending)
        free = {number for number, agent in self._agents.items() if agent.free > 0 and agent.is_lively}
        return {
            fence: now - began
            for number, agent in self._agents.items()
            for fence, began in agent.began.items()
            if times[fence] == 1 and free - {number}
        }

    def withdraw(self, fence: str) -> None:
        self._pending = deque(assignment for assignment in self._pending if assignment.fence != fence)
        self._book_waiting()
        for number, agent in self._agents.items():
            if fence in agent.at_work:
                self._book_speculation(agent, fence)
                agent.forget(fence)
                if self._link is not None:
                    self._link.send({"to": number, "withdraw": fence})

    def close(self) -> None:
        for agent in self._agents.values():
            self._book_unfinished(agent)
        for state in (self._agents, self._pending, self._refused):
            state.clear()
        link, self._link = self._link, None
        if link is not None:
            link.close()

    @property
    def _name(self) -> str:
        address = self.choice.ray_address
        return f"the Ray cluster at {address}" if address else "the Ray cluster of this run"

    def _is_at_work(self) -> bool:
        return bool(self._pending) or any(agent.at_work for agent in self._agents.values())

    def _open(self) -> Link:
        """The connection that was begun ahead; another one where that has been used."""
        ahead = self.choice.ahead
        self._link = link = ahead if isinstance(ahead, Link) and not ahead.is_closed else Link.start(self.choice)
        link.log = self.store.scratch / "workers" / "ray.log"
        told = {"store": self.store.address, "limits": dataclasses.asdict(self.limits)}
        link.send(
            {"run": told | {"facts_from": self.choice.facts, "facts": named_object(self.choice.facts)(self.store)}}
        )
        self._opening, self._has_worked, self._had_agents = 1, False, time.monotonic()
        # One that is being started has nothing to say for a while.
        self._heard = time.monotonic() + START_SECONDS - self.silence
        return link

    def _hand_out(self) -> None:
        """As many as there are free workers for."""
        for _ in range(len(self._pending)):
            assignment = self._pending.popleft()
            number = self._best_for(assignment)
            if number is None:
                self._pending.append(assignment)  # a copy, for which another node is to come free; or nobody is free
            else:
                self._give(number, assignment)

    def _best_for(self, assignment: Assignment) -> int | None:
        """The agent with the most free workers, so that all nodes have work; none that is at it already."""
        if self._link is None:
            return None
        able = {
            number: (agent.is_lively, agent.free)
            for number, agent in self._agents.items()
            if agent.free > 0 and assignment.fence not in agent.at_work
        }
        return max(able, key=lambda number: able[number], default=None)

    def _give(self, number: int, assignment: Assignment) -> None:
        assert self._link is not None
        self._book_waiting()
        fence, agent = assignment.fence, self._agents[number]
        agent.at_work[fence], agent.began[fence] = assignment, time.perf_counter()
        self._link.send({"to": number, "give": assignment_to_json(assignment)})

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
                if isinstance(answer, Refused) and isinstance(answer.error, RunLocked):
                    self._book_speculation(agent, told["fence"])  # somebody else has done it
                agent.forget(told.get("fence", ""))
                yield answer

    def _watch(self, link: Link) -> Iterator[Answer]:
        """What was not said: agents that are silent, a bridge that is gone, a cluster without nodes."""
        now = time.monotonic()
        silent = [number for number, agent in self._agents.items() if now - agent.heard > self.silence]
        for number in silent:
            link.send({"drop": number})
            yield from self._lose(number, f"it gave no sign of life for {self.silence:.0f} s")
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
        for assignment in agent.at_work.values():
            yield Broke(assignment, Position(), LOST, f"node {agent.host} was lost: {why}")

    def _book_waiting(self) -> None:
        """Of workers without a task."""
        now = time.perf_counter()
        free = sum(agent.free for agent in self._agents.values())
        if free > 0 and now > self._counted:
            self._spent.append(Spent("waiting", (now - self._counted) * free))
        self._counted = now

    def _book_speculation(self, agent: SeenAgent, fence: str) -> None:
        self._spent.append(Spent(SPECULATION, time.perf_counter() - agent.began[fence]))

    def _book_unfinished(self, agent: SeenAgent) -> None:
        now = time.perf_counter()
        self._spent += [Spent("unfinished", now - agent.began[fence]) for fence in agent.at_work]
