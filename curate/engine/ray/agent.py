"""What a node of a cluster does for a run: it has a local engine, gives it what the driver sends, and keeps answers.

driver ── open(run) ─────────▶ agent ─▶ local engine ─▶ a worker says what is not to differ: is it the same there?
       ── give(assignment) ──▶       ─▶              ─▶ workers              their limits and memory are watched here
       ── withdraw(fence) ───▶
       ◀── listen() ────────── answers ◀──────┘
       ── nothing for half a minute ──▶ its workers are let go: the driver has given their tasks to others
"""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curate.engine.ahead import workers_ahead
from curate.engine.choice import EngineChoice
from curate.engine.engine import Answer, Assignment, Spent
from curate.engine.fences import check_open
from curate.engine.local import LocalEngine
from curate.engine.messages import answer_to_json, assignment_from_json
from curate.engine.ray.link import SILENCE_SECONDS
from curate.engine.speculation import SPECULATION
from curate.engine.store import place_of
from curate.engine.stores import open_store
from curate.errors import CurateError, UsageError, described
from curate.recipe import Limits
from curate.run_files import PLAN

LISTEN_SECONDS = 1.0
"""How long a call waits for an answer: each is a sign of life, too."""

Told = dict[str, Any]


def check_facts(there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """
    Raises:
        UsageError: one of them is another one; names both.
    """
    differing = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if differing:
        name = differing[0]
        more = f" (and {len(differing) - 1} more that differ)" if len(differing) > 1 else ""
        raise UsageError(f"it has {_named(name, here)}, and the run has {there.get(name, 'none')}{more}")


def _named(name: str, facts: Mapping[str, str]) -> str:
    return f"{name} {facts[name]}" if name in facts else f"no {name}"


@dataclass(slots=True)
class Agent:
    """The local engine of a node, and the thread that has it to itself: a worker process dies with the thread that has
    started it."""

    workers: int
    loads: str = ""
    """What workers load before there is a run: `EngineChoice.loads`."""
    silence: float = SILENCE_SECONDS
    _runs: queue.SimpleQueue[Told] = field(default_factory=queue.SimpleQueue)
    _opened: queue.SimpleQueue[Exception | None] = field(default_factory=queue.SimpleQueue)
    _given: queue.SimpleQueue[Assignment | str] = field(default_factory=queue.SimpleQueue)
    """Or the fence of what is to be stopped."""
    _answers: queue.SimpleQueue[Told] = field(default_factory=queue.SimpleQueue)
    _called: float = field(default_factory=time.monotonic)
    _at_work: set[str] = field(default_factory=set)
    """By their fences."""
    _woken: int = -1
    _wake: int = -1

    def start(self) -> None:
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        threading.Thread(target=self._live, daemon=True).start()

    def open(self, told: Told) -> None:
        """For the run that a driver tells of: `store` (an address), `limits`, and the `facts` that must hold here as
        they do there, as the function `facts_from` says them.

        Raises:
            UsageError: something here is another one, or the run is not seen from here.
            CurateError: it is damaged, or one of the recipe's files is not here.
        """
        self._runs.put(told)
        error = self._opened.get()
        if error is not None:
            raise error

    def give(self, told: Mapping[str, Any]) -> None:
        """One more assignment, from any thread."""
        self._put(assignment_from_json(told))

    def withdraw(self, fence: str) -> None:
        """Stop what has this fence, from any thread."""
        self._put(fence)

    def _put(self, given: Assignment | str) -> None:
        self._called = time.monotonic()
        self._given.put(given)
        os.write(self._wake, b"!")

    def listen(self) -> list[Told]:
        """What has happened since, after a second at the latest; at last `ended`, and why."""
        self._called = time.monotonic()
        heard = []
        with contextlib.suppress(queue.Empty):
            heard.append(self._answers.get(timeout=LISTEN_SECONDS))
            while True:
                heard.append(self._answers.get_nowait())
        return heard

    def _live(self) -> None:
        """The thread: workers load while there is no run yet; then it serves one. Why it ends is heard by who waits for
        it to open, or by who listens."""
        try:
            with workers_ahead(EngineChoice(workers=self.workers, loads=self.loads)) as begun:
                told = self._runs.get()
                with contextlib.closing(self._engine_for(told, begun)) as engine:
                    # Of a worker, which needs the same libraries for its tasks: this process has none of them.
                    check_facts(told["facts"], engine.ask(told["facts_from"]))
                    self._called = time.monotonic()
                    self._opened.put(None)
                    self._serve(engine)
            self._answers.put({"ended": f"it heard nothing of its driver for {self.silence:.0f} s"})
        except Exception as error:
            self._opened.put(error)
            why = f"{error}" if isinstance(error, CurateError) else described(error)
            self._answers.put({"ended": why})

    def _engine_for(self, told: Told, begun: list[subprocess.Popen[bytes]]) -> LocalEngine:
        store = open_store(told["store"])
        if store.stamp(PLAN) is None:
            raise UsageError(f"it does not see {place_of(store)}, where the run is")
        place, limits = f"{platform.node()}.{os.getpid()}.", Limits(**told["limits"])
        return LocalEngine(store, self.workers, limits, place=place, wake=self._woken, begun=begun)

    def _serve(self, engine: LocalEngine) -> None:
        """Until nobody has called for too long.

        Raises:
            CurateError: this machine fails.
        """
        while time.monotonic() - self._called < self.silence:
            self._take(engine)
            for answer in engine.wait():
                self._keep(answer)

    def _take(self, engine: LocalEngine) -> None:
        """What was given, for which an agent that has nothing to do waits a second."""
        with contextlib.suppress(queue.Empty):
            self._do(engine, self._given.get(block=not self._at_work, timeout=LISTEN_SECONDS))
            while True:
                self._do(engine, self._given.get_nowait())
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 1 << 16)

    def _do(self, engine: LocalEngine, given: Assignment | str) -> None:
        if isinstance(given, str):
            self._at_work.discard(given)
            engine.withdraw(given)
        else:
            check_open(engine.store, given.fence)  # of a run that has ended meanwhile nothing is begun
            self._at_work.add(given.fence)
            engine.submit(given)

    def _keep(self, answer: Answer) -> None:
        # The driver knows better how long it has let a worker wait, or work on what another has done.
        if isinstance(answer, Spent) and answer.step == SPECULATION:
            answer = replace(answer, wall=0.0)
        told = answer_to_json(answer)
        self._at_work.discard(told.get("fence", ""))
        if not (isinstance(answer, Spent) and answer.step == "waiting"):
            self._answers.put(told)
