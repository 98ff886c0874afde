"""curate.engine.worker and machine: what a task prints and raises, as its supervisor hears it."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import Assignment, Broke, Refused
from curate.engine.job import Job
from curate.engine.machine import machine_errors
from curate.engine.messages import answer_of, command_for
from curate.engine.posix import PosixStore
from curate.engine.task import Attempt, Position, Task
from curate.engine.work import work
from curate.engine.worker import MAX_LINE, TaskOutput
from curate.errors import DocumentError, MachineError, UsageError


def heard(answers: io.StringIO) -> list[tuple[str, str]]:
    told = map(json.loads, answers.getvalue().splitlines())
    return [(line["said"], line["step"]) for line in told]


def test_whole_lines_are_told_with_the_step_that_printed_them_however_they_are_written() -> None:
    answers, cursor = io.StringIO(), Cursor.private()
    said = TaskOutput(answers, cursor)
    cursor.at(0, step="mine")
    said.write(b"one\ntw")
    assert heard(answers) == [("one", "mine")]
    cursor.at(1, step="other")
    said.write(b"o\r\n\xff\n")
    assert heard(answers)[1:] == [("two", "other"), ("\\xff", "other")]


def test_a_line_without_end_is_told_at_the_end_of_the_task_or_once_it_is_too_long() -> None:
    answers, cursor = io.StringIO(), Cursor.private()
    said = TaskOutput(answers, cursor)
    said.write(b"x" * MAX_LINE)
    assert heard(answers) == []
    said.write(b"x")
    assert heard(answers) == [("x" * (MAX_LINE + 1), "")]
    said.write(b"rest")
    said.flush_rest()
    said.flush_rest()
    assert [text for text, _ in heard(answers)[1:]] == ["rest"]


def test_who_closes_the_output_does_not_close_it_for_the_next_task() -> None:
    answers = io.StringIO()
    said = TaskOutput(answers, Cursor.private())
    said.write(b"first")
    said.close()
    said.write(b"second\n")
    assert [text for text, _ in heard(answers)] == ["first", "second"]
    assert said.writable()
    assert said.fileno() == 1


def run(function: str, tmp_path: Path) -> tuple[Assignment, dict[str, Any]]:
    """What a worker answers to a task of this function of this file."""
    assignment = Assignment(Task("filter", "web-00000", f"{__name__}:{function}"), Attempt())
    return assignment, work(PosixStore(tmp_path), command_for(assignment), Cursor.private(), Clock())


def disk_full(job: Job) -> None:
    raise OSError(errno.ENOSPC, "No space left", "here")


def bad_recipe(job: Job) -> None:
    raise UsageError("no such thing")


def bad_document(job: Job) -> None:
    job.walk.at(7, step="mine")
    raise DocumentError("seven")


def no_memory(job: Job) -> None:
    job.walk.at(7, step="mine")
    raise MemoryError


def own_mistake(job: Job) -> None:
    raise KeyError("ours")


@pytest.mark.parametrize(("function", "kind"), [("disk_full", MachineError), ("bad_recipe", UsageError)])
def test_what_is_no_documents_fault_ends_the_run_as_the_error_that_it_was(
    function: str, kind: type[Exception], tmp_path: Path
) -> None:
    assignment, answer = run(function, tmp_path)
    refused = answer_of(assignment, answer, tmp_path / "log")
    assert isinstance(refused, Refused)
    assert type(refused.error) is kind


@pytest.mark.parametrize(
    ("function", "reason", "told"), [("bad_document", "exception", "seven"), ("no_memory", "memory", "MemoryError")]
)
def test_an_exception_names_the_document_at_work(function: str, reason: str, told: str, tmp_path: Path) -> None:
    assignment, answer = run(function, tmp_path)
    broke = answer_of(assignment, json.loads(json.dumps(answer)), tmp_path / "log")
    assert isinstance(broke, Broke)
    assert (broke.reason, broke.position.first, broke.position.step) == (reason, 7, "mine")
    assert told in broke.detail


def test_an_exception_without_a_document_is_ours_and_says_where_its_traceback_is(tmp_path: Path) -> None:
    assignment, answer = run("own_mistake", tmp_path)
    assert Position(**answer["position"]).is_idle
    refused = answer_of(assignment, answer, tmp_path / "log")
    assert isinstance(refused, Refused)
    assert str(tmp_path / "log") in str(refused.error)


def test_the_machines_failures_are_resumable_and_others_stay_what_they_are() -> None:
    with pytest.raises(MachineError, match="the disk is full: the run"), machine_errors("the run"):
        raise ValueError("polars says: No space left on device (os error 28)")
    with pytest.raises(ZeroDivisionError), machine_errors("the run"):
        raise ZeroDivisionError
    with pytest.raises(UsageError, match="wrong"), machine_errors("the run"):
        raise UsageError("wrong")
