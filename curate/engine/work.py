"""One task, done: what a worker is told of it, what it does, and how its answer is read.

Assignment ─▶ command_for ─▶ {"function": …, "key": …, "attempt": …} ─▶ work ─▶ committed
Answer ◀───── answer_of ◀─── {"done": …}, {"failed": …} or {"broke": …} ◀──┘
"""

from __future__ import annotations

import dataclasses
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate import errors
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import Answer, Assignment, Broke, Finished, Refused
from curate.engine.fences import commits
from curate.engine.job import Job, Made, TaskFunction
from curate.engine.machine import machine_error
from curate.engine.records import commit
from curate.engine.sampler import Sampler
from curate.engine.store import Store, place_of
from curate.engine.task import Position, attempt_from_json, attempt_to_json
from curate.engine.walk import Walk, trust
from curate.errors import CurateError, DocumentError, described
from curate.plugins import named_object


def command_for(assignment: Assignment, cores: int = 1) -> dict[str, Any]:
    """What a worker is told: the task, and how to go through its split. One that is to have all cores gets `cores`."""
    task = assignment.task
    attempt = attempt_to_json(replace(assignment.attempt, cores=assignment.attempt.cores or cores))
    told = {"function": task.function, "stage": task.stage, "key": task.key, "attempt": attempt}
    return told | {"sample": assignment.is_sampled, "fence": assignment.fence}


def work(
    store: Store, command: Mapping[str, Any], cursor: Cursor, clock: Clock, *, check_files: Callable[[], None] = trust
) -> dict[str, Any]:
    """Run one task and commit what it made; its exceptions become answers, with the position where they were raised."""
    cursor.reset()
    walk = Walk(attempt_from_json(command["attempt"]), cursor, check_files)
    job = Job(store, command["stage"], command["key"], walk, clock, command["fence"])
    sampler = Sampler() if command["sample"] else None
    try:
        with clock("other"), sampler or nullcontext():
            with clock("load"):
                function: TaskFunction = named_object(command["function"])
            _commit(job, function(job), command["fence"])
    except DocumentError as error:
        return _broke("exception", error, cursor)
    except CurateError as error:
        return {"failed": type(error).__name__, "arguments": list(error.args)}
    except Exception as error:
        return _failure(error, store, cursor)
    done = {"done": clock.seconds(), "documents": cursor.read().documents}
    return done | {"samples": sampler.folded()} if sampler else done


def _commit(job: Job, made: Made | None, fence: str) -> None:
    job.walk.idle()  # what is committed belongs to no document, and has no limit of time
    if made is not None and not job.walk.is_confirming:
        with job.clock("write"), commits(job.store, fence, job.stage, job.key):
            commit(job.store, job.stage, job.key, made.outputs, made.counts)


def answer_of(assignment: Assignment, answer: Mapping[str, Any], log: Path) -> Answer:
    """What a worker has answered to a task; its traceback is in its log."""
    if "done" in answer:
        return Finished(assignment, answer["done"], answer["documents"], answer.get("samples", {}))
    if "failed" in answer:
        return Refused(assignment, getattr(errors, answer["failed"], CurateError)(*answer["arguments"]))
    position = Position(**answer["position"])
    if position.is_idle:
        told = f"internal error in {assignment}: {answer['message']} (traceback in {log})"
        return Refused(assignment, CurateError(told))
    return Broke(assignment, position, answer["broke"], answer["message"])


def _failure(error: Exception, store: Store, cursor: Cursor) -> dict[str, Any]:
    traceback.print_exc()
    sys.stderr.flush()
    if known := machine_error(error, place_of(store)):
        return {"failed": type(known).__name__, "arguments": list(known.args)}
    return _broke("memory" if isinstance(error, MemoryError) else "exception", error, cursor)


def _broke(reason: str, error: Exception, cursor: Cursor) -> dict[str, Any]:
    told = described(error)
    if isinstance(error, DocumentError):
        told = told.removeprefix(f"{type(error).__name__}: ")
    return {"broke": reason, "message": told, "position": dataclasses.asdict(cursor.read())}
