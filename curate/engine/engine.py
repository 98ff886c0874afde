"""What runs tasks: three methods, which `local` answers with processes, `inline` without any, and others may otherwise.

    supervisor ── submit(Assignment) ──▶ engine ── wait() ──▶ Finished │ Broke │ Refused │ Said │ Spent │ AtWork

An engine never decides what to try next. It brings an attempt to a worker, gives it a `Job`, commits what it made, and
says what became of it; of an attempt that broke, at which position that was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from curate.engine.task import Attempt, Position, Task
from curate.errors import CurateError


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task, how it is to be gone through this time, and how many workers have died over it for no known reason."""

    task: Task
    attempt: Attempt
    deaths: int = 0
    is_sampled: bool = False
    """Whether its worker is to tell where its CPU time goes."""
    fence: str = ""
    """The name that it must claim to commit (fences.py), where another may be at the same task; empty: nobody can. No
    two that are given at a time have the same, but for one and its copy."""
    is_copy: bool = False
    """Whether another worker is at the same (speculation.py)."""

    @property
    def name(self) -> str:
        """Its fence, where it has one: of a task that was given to others the earlier attempt is still heard of."""
        return self.fence or self.task.key

    def __str__(self) -> str:
        return f"{self.task.stage} of {self.task.key}"


@dataclass(frozen=True, slots=True)
class Finished:
    """Committed; or the one document that was to be confirmed has passed. `seconds` by step: wall and CPU. `samples`:
    CPU microseconds by folded stack, if they were asked for."""

    assignment: Assignment
    seconds: Mapping[str, list[float]]
    documents: int
    samples: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broke:
    """The worker raised, died, or was killed for its time or memory. An idle position: nobody was at work."""

    assignment: Assignment
    position: Position
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The task will not go on, whatever is tried, and says why."""

    assignment: Assignment
    error: CurateError


@dataclass(frozen=True, slots=True)
class Said:
    """A line that a task printed, and the step that did."""

    step: str
    line: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Time of a worker that belongs to no answer: its start, its waiting, work that came to nothing."""

    step: str
    wall: float
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class AtWork:
    """About every second: how many documents are done in tasks that are not finished."""

    documents: int


LOST = "lost"
"""The reason of a `Broke` whose worker may live on, out of reach."""

Answer = Finished | Broke | Refused | Said | Spent | AtWork


class Engine(Protocol):
    @property
    def workers(self) -> int:
        """How many tasks it can be at, at once, which may be more or fewer later; 0: one, in this process, and nobody
        watches over it."""

    def submit(self, assignment: Assignment) -> None:
        """Take one more, of at most `workers` at once."""

    def wait(self) -> Sequence[Answer]:
        """What has happened since, in order; after about a second at the latest, and at once where nothing is at work.

        Raises:
            MachineError: its workers cannot be had.
        """

    def close(self) -> None:
        """Let go of everything, at once: what is not committed did not happen. `wait` still tells the time it took."""


@runtime_checkable
class StoppingEngine(Engine, Protocol):
    """One that can stop a single task, so that a second worker may be given it as well."""

    def doubtful(self) -> Mapping[str, float]:
        """By their fences the attempts that a free worker could do as well, with the seconds that each is at work: none
        that has a copy, or whose copy would be no better off."""

    def withdraw(self, fence: str) -> None:
        """Stop whoever is at it still, attempt and copy; nothing more is heard of them but the time that it took."""
