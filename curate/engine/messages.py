"""Assignments and answers as plain values, for an engine whose workers are on other machines.

Assignment ─▶ {"task": [...], "attempt": {...}, ...} ─▶ JSON ─▶ Assignment
Finished, Broke, Refused, Said, Spent ─▶ {"kind": "Finished", ...} ─▶ JSON ─▶ the same, of the assignment of its fence
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from curate import errors
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Finished, Refused, Said, Spent
from curate.engine.task import Position, Task, attempt_from_json, attempt_to_json
from curate.errors import CurateError


def assignment_to_json(assignment: Assignment) -> dict[str, Any]:
    """All of it, as plain values."""
    return {
        "task": dataclasses.astuple(assignment.task),
        "attempt": attempt_to_json(assignment.attempt),
        "deaths": assignment.deaths,
        "is_sampled": assignment.is_sampled,
        "fence": assignment.fence,
        "is_copy": assignment.is_copy,
    }


def assignment_from_json(told: Mapping[str, Any]) -> Assignment:
    task, attempt = Task(*told["task"]), attempt_from_json(told["attempt"])
    return Assignment(task, attempt, told["deaths"], told["is_sampled"], told["fence"], told["is_copy"])


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An assignment is named by its fence: whoever submitted it has it."""
    match answer:
        case Finished(assignment, seconds, documents, samples):
            told = {"seconds": dict(seconds), "documents": documents, "samples": dict(samples)}
        case Broke(assignment, position, reason, detail):
            told = {"position": dataclasses.asdict(position), "reason": reason, "detail": detail}
        case Refused(assignment, error):
            told = {"error": type(error).__name__, "arguments": list(error.args)}
        case Said() | Spent() | AtWork():
            return {"kind": type(answer).__name__, **dataclasses.asdict(answer)}
    return {"kind": type(answer).__name__, "fence": assignment.fence, **told}


def answer_from_json(told: Mapping[str, Any], assignments: Mapping[str, Assignment]) -> Answer | None:
    """None for what is said of an assignment that is not among these, by their fences: it is somebody else's by now."""
    rest = {name: value for name, value in told.items() if name not in ("kind", "fence")}
    if "fence" not in told:
        answer: Answer = {"Said": Said, "Spent": Spent, "AtWork": AtWork}[told["kind"]](**rest)
        return answer
    assignment = assignments.get(told["fence"])
    if assignment is None:
        return None
    if told["kind"] == "Finished":
        return Finished(assignment, **rest)
    if told["kind"] == "Broke":
        return Broke(assignment, Position(**rest["position"]), rest["reason"], rest["detail"])
    return Refused(assignment, getattr(errors, rest["error"], CurateError)(*rest["arguments"]))
