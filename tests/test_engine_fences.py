"""curate.engine.fences, messages and ray.agent: what of an engine on a cluster can be held without one."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import Answer, Assignment, AtWork, Broke, Finished, Refused, Said, Spent
from curate.engine.fences import Fences, commits
from curate.engine.job import Job, Made
from curate.engine.messages import (
    answer_from_json,
    answer_of,
    answer_to_json,
    assignment_from_json,
    assignment_to_json,
    command_for,
)
from curate.engine.posix import PosixStore
from curate.engine.ray.agent import Agent, check_facts
from curate.engine.records import read_one
from curate.engine.task import ALL_CORES, Attempt, Culprit, Position, Task
from curate.engine.work import work
from curate.errors import MachineError, RottenFile, RunLocked, UsageError
from curate.recipe import Limits
from curate.run_files import PLAN


def hello(job: Job) -> Made:
    """A task of this file."""
    outputs = job.outputs()
    outputs.write("documents/hello.txt", f"{job.cores} cores".encode())
    return Made(outputs, {})


def assignment(fence: str = "", cores: int = 1) -> Assignment:
    return Assignment(Task("filter", "web-00000", f"{__name__}:hello"), Attempt(cores=cores), fence=fence)


def answer_to(store: PosixStore, asked: Assignment) -> Answer:
    return answer_of(asked, work(store, command_for(asked), Cursor.private(), Clock()), Path("no log"))


def test_of_an_attempt_that_was_given_up_nothing_is_committed(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    fences = Fences(store)
    fences.open()
    late, next_one = fences.next(), fences.next()
    assert fences.revoke(late)
    answer = answer_to(store, assignment(late))
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, RunLocked)
    assert read_one(store, "filter", "web-00000") is None
    assert not (tmp_path / "documents").exists()
    assert isinstance(answer_to(store, assignment(next_one)), Finished)
    assert read_one(store, "filter", "web-00000") is not None
    assert fences.revoke(next_one), "it is over, and whoever gives it up finds its record"


def test_an_attempt_cannot_be_given_up_while_it_commits(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    fences = Fences(store)
    fences.open()
    fence = fences.next()
    with commits(store, fence, "filter", "web-00000"):
        assert not fences.revoke(fence)
        with pytest.raises(RunLocked), commits(store, fence, "filter", "web-00000"):
            pass
    assert fences.revoke(fence)


def test_attempts_of_an_earlier_session_commit_nothing(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    former, later = Fences(store), Fences(store)
    former.open()
    late = former.next()
    later.open()
    assert isinstance(answer_to(store, assignment(late)), Refused)
    assert isinstance(answer_to(store, assignment(later.next())), Finished)
    left = later.next()
    later.close()
    assert isinstance(answer_to(store, assignment(left)), Refused)
    assert not list(store.names("work/fences"))


def test_without_a_fence_nobody_is_asked(tmp_path: Path) -> None:
    assert isinstance(answer_to(PosixStore(tmp_path), assignment()), Finished)
    assert not (tmp_path / "work" / "fences").exists()


words = st.text(max_size=20)
numbers = st.integers(0, 10**12)
positions = st.builds(Position, numbers, numbers, words, numbers, st.floats(0, allow_nan=False), numbers, numbers)
culprits = st.builds(Culprit, words, words, words)
attempts = st.builds(
    Attempt,
    st.dictionaries(numbers, culprits, max_size=3),
    st.dictionaries(numbers, st.tuples(numbers, culprits), max_size=3),
    st.none() | numbers,
    st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple),
    st.dictionaries(numbers, numbers, max_size=3),
    numbers,
    numbers,
)
assignments = st.builds(
    Assignment,
    st.builds(Task, words, words, words, numbers),
    attempts,
    numbers,
    st.booleans(),
    words,
    st.booleans(),
)
seconds = st.dictionaries(words, st.lists(st.floats(0, 1e9), min_size=2, max_size=2), max_size=3)


@given(assignments)
def test_an_assignment_comes_back_from_json(asked: Assignment) -> None:
    assert assignment_from_json(json.loads(json.dumps(assignment_to_json(asked)))) == asked


@given(assignments, st.data())
def test_an_answer_comes_back_from_json(asked: Assignment, data: st.DataObject) -> None:
    kinds = (
        st.builds(Finished, st.just(asked), seconds, numbers, st.dictionaries(words, numbers, max_size=3)),
        st.builds(Broke, st.just(asked), positions, words, words),
        st.builds(Said, words, words),
        st.builds(Spent, words, st.floats(0, 1e9), st.floats(0, 1e9)),
        st.builds(AtWork, numbers),
    )
    answer = data.draw(st.one_of(*kinds))
    told = json.loads(json.dumps(answer_to_json(answer)))
    assert answer_from_json(told, {asked.fence: asked}) == answer
    if isinstance(answer, Finished | Broke):
        assert answer_from_json(told, {}) is None


@pytest.mark.parametrize("error", [MachineError("full"), RottenFile("filter", "web-00000", "x"), UsageError("no")])
def test_a_refusal_comes_back_as_the_error_that_it_was(error: UsageError | MachineError) -> None:
    asked = assignment("f")
    told = json.loads(json.dumps(answer_to_json(Refused(asked, error))))
    answer = answer_from_json(told, {"f": asked})
    assert isinstance(answer, Refused)
    assert (type(answer.error), answer.error.args) == (type(error), error.args)


def test_a_machine_with_other_facts_is_told_of_both() -> None:
    there = {"curate": "0.1.0", "numpy": "2.1", "quality.bin": "abc"}
    check_facts(there, dict(there))
    with pytest.raises(UsageError, match=r"it has numpy 2\.2, and the run has 2\.1 \(and 1 more"):
        check_facts(there, {"curate": "0.1.0", "numpy": "2.2"})
    with pytest.raises(UsageError, match=r"it has mine\.py def, and the run has none"):
        check_facts(there, {**there, "mine.py": "def"})


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a driver tells its agents of a run, with facts that a function of a module says."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    says = "import sys\ndef facts(store):\n    return {'polars is loaded': str('polars' in sys.modules)}\n"
    (tmp_path / "said.py").write_text(says)
    store = PosixStore(tmp_path)
    store.write(PLAN, b"{}")
    facts = {"facts_from": "said:facts", "facts": {"polars is loaded": "False"}}
    return {"store": store.address, "limits": dataclasses.asdict(Limits()), **facts}


def test_an_agent_refuses_a_run_whose_facts_its_workers_do_not_find(tmp_path: Path, told: dict[str, Any]) -> None:
    agent = Agent(1, loads="curate.pipeline.ahead:load")
    agent.start()
    with pytest.raises(UsageError, match="it has polars is loaded True, and the run has False"):
        agent.open(told)
    nowhere = Agent(1)
    nowhere.start()
    with pytest.raises(UsageError, match="it does not see"):
        nowhere.open(told | {"store": PosixStore(tmp_path / "elsewhere").address})


def test_an_agent_lets_go_of_its_workers_when_its_driver_is_silent(tmp_path: Path, told: dict[str, Any]) -> None:
    agent = Agent(1, silence=3.0)
    fences = Fences(PosixStore(tmp_path))
    fences.open()
    agent.start()
    agent.open(told)
    (worker,) = psutil.Process().children()
    agent.give(assignment_to_json(assignment(fences.next(), ALL_CORES)))
    heard = listen_until(agent, "Finished", 60)
    assert [told["kind"] for told in heard if "fence" in told] == ["Finished"]
    assert (tmp_path / "documents" / "hello.txt").read_text() == "1 cores"
    time.sleep(5)
    assert "it heard nothing of its driver" in agent.listen()[-1]["ended"]
    assert not worker.is_running()


def listen_until(agent: Agent, kind: str, seconds: float) -> list[dict[str, object]]:
    heard: list[dict[str, object]] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until and not any(told.get("kind") == kind for told in heard):
        heard += agent.listen()
    return heard
