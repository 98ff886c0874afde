"""curate.engine.speculation and what the supervisor makes of it: a task that takes too long is begun by another worker,
one of both commits, and nobody is blamed for the other."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import LOST, Answer, Assignment, AtWork, Broke, Finished, Refused, Said
from curate.engine.fences import Fences
from curate.engine.job import Job, Made
from curate.engine.local import LocalEngine
from curate.engine.messages import answer_of, command_for
from curate.engine.posix import PosixStore
from curate.engine.progress import Progress
from curate.engine.records import read_one
from curate.engine.speculation import SPECULATION, Overdue, Peers
from curate.engine.supervisor import Supervisor
from curate.engine.task import Attempt, Position, Task
from curate.engine.work import work
from curate.errors import MachineError, RunLocked
from curate.recipe import Limits

QUICK = Overdue(factor=3.0, min_seconds=1.0, min_peers=2)
TASKS = '''
import os, time
from curate.engine.job import Made

def go_through(job, hurt):
    """Ten documents; those of the split that comes last may hurt."""
    seen, walk = [], job.walk
    for number in range(10):
        walk.at(number, step="hurt")
        if not walk.wants(number):
            continue
        if culprit := walk.culprit(number):
            seen.append(f"{number}:{culprit.reason}")
            continue
        with job.clock("work"):
            if job.key == "web-00003":
                hurt(number)
        seen.append(str(number))
    walk.idle()
    outputs = job.outputs()
    outputs.write(f"documents/{job.key}.txt", " ".join(seen).encode())
    return Made(outputs, {"read": len(seen)})

def begun(job):
    with (job.store.root / "begun").open("a+") as file:
        file.write(f"{os.getpid()} ")
        file.seek(0)
        return file.read().split()

def slow(job):
    """The first to come to document 3 stays there."""
    def hurt(number):
        if number == 3 and len(begun(job)) == 1:
            time.sleep(90)
    return go_through(job, hurt)

def poison(job):
    """Document 5 kills its worker, and the first to come there waits until a second one has come."""
    def hurt(number):
        if number == 5:
            came = begun(job)
            while len(came) == 1 and len((job.store.root / "begun").read_text().split()) < 2:
                time.sleep(0.01)
            os._exit(3)
    return go_through(job, hurt)
'''


def task(key: str, size: int = 100, function: str = f"{__name__}:hello") -> Task:
    return Task("toy", key, function, size)


def peers(*seconds: float, rule: Overdue = QUICK, size: int = 100) -> Peers:
    known = Peers(rule)
    for number, each in enumerate(seconds):
        known.add(task(f"web-{number:05}", size), each)
    return known


@pytest.mark.parametrize(
    ("seconds", "size", "expected"),
    [
        (5.9, 100, {}),
        (6.1, 100, {"it": 2.0}),
        (6.1, 10, {"it": 2.0}),  # a smaller one may take as long as the others
        (11.9, 200, {}),  # a larger one in proportion
        (12.1, 200, {"it": 4.0}),
    ],
)
def test_a_task_is_overdue_at_three_times_what_its_peers_took_by_bytes(
    seconds: float, size: int, expected: dict[str, float]
) -> None:
    known = peers(1.0, 2.0, 3.0)
    assert known.overdue({"it": (task("web-00009", size), seconds)}) == expected


def test_what_is_short_or_has_no_peers_is_not_overdue() -> None:
    assert peers(0.01, 0.01).overdue({"it": (task("web-00009"), 0.9)}) == {}
    assert peers(0.01, 0.01).overdue({"it": (task("web-00009"), 1.1)}) == {"it": 0.01}
    assert peers(0.01).overdue({"it": (task("web-00009"), 900.0)}) == {}
    assert peers(0.01, 0.01).overdue({"it": (task("books-00009"), 900.0)}) == {}


def test_the_worst_comes_first() -> None:
    at_work = {key: (task(f"web-{key}"), seconds) for key, seconds in (("1", 7.0), ("2", 70.0), ("3", 5.0), ("4", 9.0))}
    assert [*peers(1.0, 2.0, 3.0).overdue(at_work)] == ["2", "4", "1"]


@given(st.lists(st.floats(0.0, 1e6), min_size=3, max_size=30), st.integers(0, 10**9), st.integers(0, 10**12))
def test_a_task_like_its_peers_is_never_overdue(seconds: list[float], size: int, longer: int) -> None:
    known = peers(*seconds, size=size)
    median = sorted(seconds)[len(seconds) // 2]
    assert known.overdue({"it": (task("web-00099", size + longer), median)}) == {}


def hello(job: Job) -> Made:
    outputs = job.outputs()
    outputs.write(f"documents/{job.key}.txt", b"hello")
    return Made(outputs, {})


class ByHand:
    """An engine of two workers. The last of four tasks is overdue at once, and when its copy comes, both say what they
    are told to; all else is done in this process, as a worker does it."""

    workers = 2

    def __init__(self, store: PosixStore, said: Sequence[tuple[str, str]]) -> None:
        self.store, self.said = store, said
        self.last: list[Assignment] = []
        self.withdrawn: list[str] = []
        self.answers: list[Answer] = []

    def submit(self, assignment: Assignment) -> None:
        if assignment.task.key != "web-00003":
            self.answers.append(self.work(assignment))
            return
        self.last.append(assignment)
        if assignment.is_copy:
            self.answers += [self.say(*each) for each in self.said]
        elif len(self.last) > 1:
            self.answers.append(self.work(assignment))

    def say(self, who: str, what: str) -> Answer:
        assignment = self.last[who == "copy"]
        if what == "done":
            return self.work(assignment)
        if what == "full":
            return Refused(assignment, MachineError("the disk is full"))
        position = Position(4, 4, "hurt") if what == "crash" else Position()
        return Broke(assignment, position, LOST if what == "lost" else "crash", what)

    def work(self, assignment: Assignment) -> Answer:
        answer = work(self.store, command_for(assignment), Cursor.private(), Clock())
        return answer_of(assignment, answer, Path("no log"))

    def wait(self) -> Sequence[Answer]:
        answers, self.answers = self.answers, []
        return answers or [AtWork(0)]

    def doubtful(self) -> Mapping[str, float]:
        return {self.last[0].fence: 100.0} if len(self.last) == 1 else {}

    def withdraw(self, fence: str) -> None:
        self.withdrawn.append(fence)

    def close(self) -> None:
        pass


def done_by_hand(folder: Path, *said: tuple[str, str]) -> tuple[ByHand, list[str], dict[str, list[float]]]:
    """What the last task's attempts were and what was said, after its first two have said this."""
    engine, lines = ByHand(PosixStore(folder), said), list[str]()
    supervisor = Supervisor(engine.store, engine, Limits(), lambda shown: lines.extend(line_of(shown)), rule=QUICK)
    try:
        supervisor.run_stage([task(f"web-{number:05}", 100 - number) for number in range(4)])
    finally:
        supervisor.close()
    assert all(read_one(engine.store, "toy", f"web-{number:05}") for number in range(4))
    return engine, lines, supervisor.timing["toy"]["steps"]


def line_of(shown: Progress | Said) -> list[str]:
    return [f"{shown.step}: {shown.line}"] if isinstance(shown, Said) else []


@pytest.mark.parametrize("first", ["copy", "original"])
def test_who_commits_first_has_done_it_and_the_other_is_stopped(first: str, tmp_path: Path) -> None:
    engine, lines, _ = done_by_hand(tmp_path, (first, "done"))
    original, copy = engine.last
    assert (original.fence, original.is_copy, copy.is_copy) == (copy.fence, False, True)
    assert engine.withdrawn == [original.fence]
    (line,) = lines
    assert line.startswith("speculation: toy of web-00003 has taken 100 s, and its peers 0.0 s")


def test_the_commit_of_who_comes_late_is_refused(tmp_path: Path) -> None:
    engine, _, steps = done_by_hand(tmp_path, ("copy", "done"), ("original", "done"))
    stamp = engine.store.stamp("documents/web-00003.txt")
    answer = engine.work(engine.last[0])
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, RunLocked)
    assert engine.store.stamp("documents/web-00003.txt") == stamp
    assert SPECULATION not in steps, "a worker books what a refusal has cost"


def test_of_two_with_one_fence_the_second_commits_nothing(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    fences = Fences(store)
    fences.open()
    original = Assignment(task("web-00000"), Attempt(), fence=fences.next())
    engine = ByHand(store, ())
    assert isinstance(engine.work(replace(original, is_copy=True)), Finished)
    stamp = store.stamp("documents/web-00000.txt")
    late = engine.work(original)
    assert isinstance(late, Refused)
    assert "another worker has done its task" in str(late.error)
    assert store.stamp("documents/web-00000.txt") == stamp


@pytest.mark.parametrize("how", ["dies", "lost"])
@pytest.mark.parametrize("first", ["copy", "original"])
def test_one_of_two_that_dies_of_no_document_leaves_the_task_to_the_other(first: str, how: str, tmp_path: Path) -> None:
    engine, _, _ = done_by_hand(tmp_path, (first, how), ("original" if first == "copy" else "copy", "done"))
    assert len(engine.last) == 2, "nobody had to begin anew"
    assert engine.withdrawn == []


def test_where_both_are_lost_the_task_is_begun_anew_as_after_one_death(tmp_path: Path) -> None:
    engine, _, _ = done_by_hand(tmp_path, ("copy", "lost"), ("original", "lost"))
    again = engine.last[2]
    assert again.fence != engine.last[0].fence
    assert (again.deaths, again.is_copy, again.attempt.culprits) == (1, False, 0)
    assert isinstance(engine.work(engine.last[0]), Refused), "the fence of the lost is closed"


@pytest.mark.parametrize("first", ["copy", "original"])
def test_a_document_that_breaks_one_of_two_is_looked_into_and_the_other_stopped(first: str, tmp_path: Path) -> None:
    engine, _, _ = done_by_hand(tmp_path, (first, "crash"))
    assert engine.withdrawn == [engine.last[0].fence]
    assert engine.last[2].attempt.confirm == 4
    assert not engine.last[2].is_copy


def test_one_that_had_committed_when_the_other_broke_has_done_it(tmp_path: Path) -> None:
    engine, _, steps = done_by_hand(tmp_path, ("original", "crash"), ("copy", "done"))
    assert len(engine.last) == 2
    assert steps[SPECULATION][0] > 0, "two answers in one moment: the second one's time is booked"


def test_what_fails_for_another_reason_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="the disk is full"):
        done_by_hand(tmp_path, ("copy", "full"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "speculated_tasks.py").write_text(TASKS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "modules"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def done_by_two(run: Path, function: str) -> tuple[list[str], dict[str, Any]]:
    store, lines = PosixStore(run), list[str]()
    limits = Limits(document_seconds=3000.0)
    show = lambda shown: lines.extend(line_of(shown))  # noqa: E731
    supervisor = Supervisor(store, LocalEngine(store, 2, limits), limits, show, rule=QUICK)
    try:
        supervisor.run_stage([task(f"web-{number:05}", 100, f"speculated_tasks:{function}") for number in range(4)])
    finally:
        supervisor.close()
    return lines, supervisor.timing["toy"]


def test_a_split_that_is_slow_at_one_worker_is_done_by_another_to_the_same_bytes(run: Path) -> None:
    lines, timing = done_by_two(run, "slow")
    texts = [(run / "documents" / f"web-{number:05}.txt").read_text() for number in range(4)]
    assert texts == ["0 1 2 3 4 5 6 7 8 9"] * 4
    assert [line.split(" has taken")[0] for line in lines] == ["speculation: toy of web-00003"]
    first, second = (int(pid) for pid in (run / "begun").read_text().split())
    assert first != second
    assert not psutil.pid_exists(first), "it was stopped"
    assert timing["steps"][SPECULATION][0] > 1.0
    assert "unfinished" not in timing["steps"]
    assert not list(run.glob("work/fences/**/*"))


def test_the_document_that_kills_both_is_found_and_only_it_is_lost(run: Path) -> None:
    lines, _ = done_by_two(run, "poison")
    assert len(lines) == 1
    assert (run / "documents" / "web-00003.txt").read_text() == "0 1 2 3 4 5:crash 6 7 8 9"
    # Both, one of which the other's death may have stopped, and once more alone, to confirm it.
    assert len((run / "begun").read_text().split()) == 3


RECIPE = """
name = "slow"
[limits]
document_seconds = 3000
[[source]]
name = "rows"
read = "tables"
paths = ["rows/*.jsonl"]
steps = ["slow:slow_once"]
[dedup]
[tokenize]
tokenizer = "bytes"
"""
STEP = """
import os, time
from pathlib import Path
import curate

@curate.filter
def slow_once(document):
    begun = Path(os.environ["BEGUN"])
    if document.text.startswith("4: 3 ") and not begun.exists():
        begun.touch()
        time.sleep(90)
    return "7" not in document.text
"""


def test_a_run_whose_split_is_slow_once_ends_in_the_bytes_of_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEGUN", str(tmp_path / "begun"))
    (tmp_path / "rows").mkdir()
    for number in range(5):
        rows = [{"text": f"{number}: {at} of the rows that somebody has typed"} for at in range(10)]
        lines = (json.dumps(row) + " " * 400_000 + "\n" for row in rows)  # so large that each file is a split
        (tmp_path / "rows" / f"{number}.jsonl").write_text("".join(lines))
    (tmp_path / "slow.py").write_text(STEP)
    recipe = tmp_path / "slow.toml"
    recipe.write_text(RECIPE)
    said = list[str]()
    how = {"workers": 2, "keep_intermediate": False, "fresh": True}
    slow = curate.run(recipe, out=tmp_path / "slow", show=lambda shown: said.extend(line_of(shown)), **how)
    assert any("rows-00004 has taken" in line for line in said)
    calm = curate.run(recipe, out=tmp_path / "calm", **how)
    assert files_of(slow.folder) == files_of(calm.folder)
    assert slow.timing["stages"]["filter"]["steps"][SPECULATION][0] > 9
    assert slow.timing["explained"] > 0.9


def files_of(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("timing.json", ".lock")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
