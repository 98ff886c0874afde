"""What to try next after a worker broke: a pure function of what was tried and where it broke.

several documents at work  ─▶ the same split, these one at a time
one document               ─▶ it alone, to confirm ─┬─ breaks again: quarantined, the rest without it
                                                    ├─ is killed (by whom?): alone again, a few times
                                                    └─ passes: it was somebody else's kill; once more
one that outran its limit  ─▶ quarantined: its own time was measured, nobody else's
no record yet, in a reader ─▶ confirmed in the same way, and the rest of that file is given up
"""

from __future__ import annotations

from dataclasses import replace

from curate.engine.task import READ, Attempt, Culprit, Position

MEASURED = "timeout"
"""A reason that is measured on the document itself, so that it needs no second look."""
KILLED = "SIGKILL"
"""What may come from outside, however often; every other death is the process's own."""
MAX_KILLS = 3
"""A document that is to be confirmed is not blamed for the first kills: whoever kills workers may have met it twice."""
MAX_ACQUITTED = 2
"""A document that has passed alone so often, and breaks the worker again among the others, is given up all the same: a
run must come to its end."""


def after_break(attempt: Attempt, position: Position, reason: str, detail: str = "") -> Attempt:
    """The next attempt at a split whose worker broke with documents at work."""
    first, last = position.first, position.last
    if first != last:
        # the others stay: two batches that break only as a whole would else take turns for ever
        return replace(attempt, one_at_a_time=(*attempt.one_at_a_time, (first, last)), confirm=None)
    is_measured = reason == MEASURED and attempt.confirm is None
    is_hopeless = attempt.acquitted.get(first, 0) >= MAX_ACQUITTED and KILLED not in detail
    if attempt.confirm == first and KILLED in detail and attempt.kills < MAX_KILLS:
        return replace(attempt, kills=attempt.kills + 1)
    # The order matters: a kill while it is confirmed is let pass before anything is held against the document.
    if attempt.confirm == first or is_measured or is_hopeless:
        return _without(attempt, position, Culprit(reason, position.step, detail))
    return replace(attempt, confirm=first, kills=0)


def after_confirmation(attempt: Attempt) -> Attempt:
    """The document that was taken alone is innocent: its worker died of something else."""
    number = attempt.confirm
    assert number is not None, "a document was to be confirmed"
    acquitted = {**attempt.acquitted, number: attempt.acquitted.get(number, 0) + 1}
    return replace(attempt, confirm=None, kills=0, acquitted=acquitted)


def hopeless(attempt: Attempt) -> int:
    """How many documents were given up that have passed alone."""
    return sum(attempt.acquitted.get(number, 0) >= MAX_ACQUITTED for number in attempt.quarantined)


def _without(attempt: Attempt, position: Position, culprit: Culprit) -> Attempt:
    """Go on as before, without this document; where a reader found none, without the rest of its file."""
    if position.step == READ:
        # By how many records of the split came before: the reader gives the same ones again, and is stopped there.
        given_up = {**attempt.given_up, position.piece: (position.first, culprit)}
        return replace(attempt, given_up=given_up, confirm=None, kills=0)
    quarantined = {**attempt.quarantined, position.first: culprit}
    return replace(attempt, quarantined=quarantined, confirm=None, kills=0)
