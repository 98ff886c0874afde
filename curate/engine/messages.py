"""Assignments and answers as plain values: for a worker process, and for an engine whose workers are on other machines.

Assignment ─▶ command_for ─▶ {"function": …, "key": …, "attempt": …} ─▶ a worker (work.py)
Answer ◀───── answer_of ◀─── {"done": …}, {"failed": …} or {"broke": …} ◀──┘

Assignment ─▶ {"task": [...], "attempt": {...}, ...} ─▶ JSON ─▶ Assignment
Finished, Broke, Refused, Said, Spent ─▶ {"kind": "Finished", ...} ─▶ JSON ─▶ the same, of the assignment of its fence

Whoever speaks for workers loads this, and none of the libraries that they work with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate import errors
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Finished, Refused, Said, Spent
from curate.engine.task import Position, Task, attempt_from_json, attempt_to_json
from curate.errors import CurateError


def command_for(assignment: Assignment, cores: int = 1) -> dict[str, Any]:
    """What a worker is told: the task, and how to go through its split. One that is to have all cores gets `cores`."""
    task = assignment.task
    attempt = attempt_to_json(replace(assignment.attempt, cores=assignment.attempt.cores or cores))
    told = {"function": task.function, "stage": task.stage, "key": task.key, "attempt": attempt}
    return told | {"sample": assignment.is_sampled, "fence": assignment.fence}


def answer_of(assignment: Assignment, answer: Mapping[str, Any], log: Path) -> Answer:
    """What a worker has answered to a task; its traceback is in its log."""
    if "done" in answer:
        return Finished(assignment, answer["done"], answer["documents"], answer.get("samples", {}))
    if "failed" in answer:
        return Refused(assignment, error_of(answer))
    position = Position(**answer["position"])
    if position.is_idle:
        told = f"internal error in {assignment}: {answer['message']} (traceback in {log})"
        return Refused(assignment, CurateError(told))
    return Broke(assignment, position, answer["broke"], answer["message"])


def error_of(answer: Mapping[str, Any]) -> CurateError:
    """Of a worker's `failed`."""
    error: CurateError = getattr(errors, answer["failed"], CurateError)(*answer["arguments"])
    return error


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
