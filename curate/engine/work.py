"""One task, done: what a worker was told of it becomes committed files, or what has broken.

{"function": …, "key": …, "attempt": …} ─▶ work ─▶ committed          (messages.py has both sides' words)
{"done": …}, {"failed": …}, {"broke": …} ◀──┘
"""

from __future__ import annotations

import dataclasses
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.fences import commits
from curate.engine.job import Job, Made, TaskFunction
from curate.engine.machine import machine_error
from curate.engine.records import commit
from curate.engine.sampler import Sampler
from curate.engine.store import Store, place_of
from curate.engine.task import attempt_from_json
from curate.engine.walk import Walk, trust
from curate.errors import CurateError, DocumentError, described
from curate.plugins import named_object


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
