"""When a step itself is at fault, and not the documents on which it breaks its worker.

another culprit was found ─▶ a step that breaks on nearly all, or on documents that pass alone ─▶ the run ends
                                             └─ one document, as there always are some ─▶ quarantined
"""

from __future__ import annotations

from collections.abc import Set

from curate.engine.culprit import hopeless
from curate.engine.engine import Assignment
from curate.engine.task import READ, Attempt, Position
from curate.errors import MachineError, UsageError

MANY = 10
"""Documents on which a user's step has broken its worker before their share says anything."""
MAX_HOPELESS = 3
"""Documents of a split that pass alone, and are given up all the same."""


def check_culprits(
    assignment: Assignment, attempt: Attempt, position: Position, own_steps: Set[str], max_errors: float
) -> None:
    """A step that breaks on nearly all, or more and more documents that pass alone: each would cost seconds, and the
    run would lose them all. `own_steps` are the user's code, `max_errors` the share of documents that they may lose.

    Raises:
        UsageError: a step of the user's breaks on too many.
        MachineError: one breaks on documents that pass alone.
    """
    step, last = position.step, attempt.quarantined.get(position.first)
    if last is None or step == READ:
        return
    told = f"{last.reason}: {last.detail}" if last.detail else last.reason
    broken = sum(culprit.step == step for culprit in attempt.quarantined.values())
    reached = position.first + 1
    if step in own_steps and broken >= MANY and broken > max_errors * reached:
        raise UsageError(
            f'step "{step}" broke its worker on {broken:,} of the first {reached:,} documents of '
            f"{assignment.task.key}, more than [limits] max_errors = {max_errors:g} allows; the last: {told}"
        )
    if hopeless(attempt) >= MAX_HOPELESS:
        raise MachineError(
            f'step "{step}" breaks its worker again and again, on documents that pass alone ({told}): does it keep '
            "something from one document to the next, or is a limit too low for a whole split?"
        )
