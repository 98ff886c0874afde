"""What passes between the supervisor and its workers, as plain values that go to JSON and back.

Task ─▶ Attempt at it ─▶ worker ─▶ done │ failed │ broke at a Position ─▶ another Attempt
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOBODY = -1
"""The number of no document: nothing is at work that could be blamed."""
ALL_CORES = 0
"""Of an attempt that is to have all cores of the machine that it comes to."""
READ = "read"
"""The step in which a reader looks for the next record: what breaks there costs the rest of its file."""


@dataclass(frozen=True, slots=True)
class Task:
    """One split of one stage, and the function ("module:function") that does it."""

    stage: str
    key: str
    function: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """What is at work: documents first…last of the split, in this step, since `started` seconds of CPU time."""

    first: int = NOBODY
    last: int = NOBODY
    step: str = ""
    piece: int = NOBODY
    """Which of the split's files is being read."""
    started: float = 0.0
    documents: int = 0
    """Documents that are done, for the display of progress."""
    size: int = 0
    """Bytes of the documents at work: long ones may take longer."""

    @property
    def is_idle(self) -> bool:
        return self.first == NOBODY

    @property
    def has_limit(self) -> bool:
        """Whether it may take too long: not what belongs to no document, and not a kernel that is being compiled."""
        return not self.is_idle and self.started != math.inf


@dataclass(frozen=True, slots=True)
class Culprit:
    """A document, or the rest of a file, that breaks a worker: what it did, in which step, and what was said of it."""

    reason: str
    step: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a split is to be gone through this time.

    `quarantined` names documents by their number in the split that break a worker; they go into the ledger without
    being worked on. `given_up` names files by their number in the split that cannot be read to their end, and after
    how many records of the split. `confirm` asks for one document alone, to make sure that it is the culprit; nothing
    is committed then. Documents first…last of each span of `one_at_a_time` go through each step by themselves, to find
    which one breaks it. `cores` are how many threads the task may use: `ALL_CORES` that its machine has for the run,
    where it is alone in its stage.
    """

    quarantined: Mapping[int, Culprit] = field(default_factory=dict)
    given_up: Mapping[int, tuple[int, Culprit]] = field(default_factory=dict)
    confirm: int | None = None
    one_at_a_time: tuple[tuple[int, int], ...] = ()
    acquitted: Mapping[int, int] = field(default_factory=dict)
    """How often a document at which a worker broke has passed alone."""
    kills: int = 0
    """How often the worker that was to confirm a document was killed, which may have come from outside."""
    cores: int = 1

    @property
    def culprits(self) -> int:
        return len(self.quarantined) + len(self.given_up)

    @property
    def found(self) -> int:
        """What is known about the split: it grows with every try that was not in vain."""
        return self.culprits + len(self.one_at_a_time)


def attempt_to_json(attempt: Attempt) -> dict[str, Any]:
    """As plain values; the keys of JSON objects are strings, so numbered culprits become lists."""
    return {
        "quarantined": [[number, *dataclasses.astuple(culprit)] for number, culprit in attempt.quarantined.items()],
        "given_up": [
            [piece, after, *dataclasses.astuple(culprit)] for piece, (after, culprit) in attempt.given_up.items()
        ],
        "confirm": attempt.confirm,
        "one_at_a_time": attempt.one_at_a_time,
        "acquitted": list(attempt.acquitted.items()),
        "kills": attempt.kills,
        "cores": attempt.cores,
    }


def attempt_from_json(table: Mapping[str, Any]) -> Attempt:
    return Attempt(
        quarantined={number: Culprit(*told) for number, *told in table["quarantined"]},
        given_up={piece: (after, Culprit(*told)) for piece, after, *told in table["given_up"]},
        confirm=table["confirm"],
        one_at_a_time=tuple((first, last) for first, last in table["one_at_a_time"]),
        acquitted=dict(table["acquitted"]),
        kills=table["kills"],
        cores=table["cores"],
    )
