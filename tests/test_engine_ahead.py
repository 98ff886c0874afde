"""curate.engine.ahead: workers that load libraries before there is a run, are taken by it, and are not left behind."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import curate
from curate.engine.ahead import MAX_AHEAD, workers_ahead
from curate.engine.choice import EngineChoice
from curate.engine.clock import Clock
from curate.engine.engine import Assignment, Broke, Finished, Refused
from curate.engine.engines import begun_ahead
from curate.engine.fences import Fences
from curate.engine.idle import LULL_SECONDS, Idle
from curate.engine.local import LocalEngine
from curate.engine.posix import PosixStore
from curate.engine.process import WorkerProcess
from curate.engine.records import committed
from curate.engine.task import Attempt, Task
from curate.engine.uncollected import uncollected
from curate.errors import CurateError, MachineError, RecipeError
from curate.pipeline.ahead import LOADS
from curate.pipeline.tokenizer import open_given, run_tokenizer
from curate.recipe import Limits
from curate.tokenize.train import train_bpe

SAYS = """
import os, sys
def loaded(store):
    return sorted({"polars", "numba"} & {*sys.modules})
def number(store):
    return os.getpid()
def collects(store):
    import gc
    return gc.isenabled() and gc.get_freeze_count() > 0
def fails(store):
    from curate.errors import RecipeError
    raise RecipeError("it has a fault")
def breaks(store):
    return 1 / 0
def dies(store):
    os._exit(7)
def load():
    return pieces
def pieces(store):
    yield from iter(lambda: open(f"{store.root}/pieces", "a").write("one\\n"), None)
def loads_what_is_not_there():
    return missing
def missing(store):
    raise ModuleNotFoundError("no such library")
    yield
def takes_as_long_as_its_key_says(job):
    import time
    from curate.engine.job import Made
    time.sleep(float(job.key))
    return Made(job.outputs(), {"worker": os.getpid()})
"""

LOUD = """
name = "loud"
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = ["loud:shout"]
[tokenize]
tokenizer = "bytes"
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PosixStore:
    (tmp_path / "said.py").write_text(SAYS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return PosixStore(tmp_path / "run")


def test_a_worker_that_was_begun_ahead_has_loaded_when_it_is_taken_and_ends_if_it_is_not(store: PosixStore) -> None:
    with workers_ahead(EngineChoice(workers=2, loads=LOADS)) as begun:
        numbers = {process.pid for process in begun}
        engine = LocalEngine(store, 2, Limits(), begun=begun)
        assert "polars" in engine.ask("said:loaded")
        assert engine.ask("said:number") in numbers
        assert engine.ask("said:number") not in numbers, "there were two, and each has been asked"
        engine.close()
    with workers_ahead(EngineChoice(workers=2, loads=LOADS)) as begun:
        processes = [psutil.Process(process.pid) for process in begun]
    assert not any(process.is_running() for process in processes)


def test_a_worker_loads_nothing_ahead_unless_it_is_told_what(store: PosixStore) -> None:
    engine = LocalEngine(store, 1, Limits())
    assert engine.ask("said:loaded") == []
    engine.close()


def test_no_more_are_begun_ahead_than_a_small_run_has_work_for() -> None:
    with workers_ahead(EngineChoice(workers=64, loads="curate.version:none")) as begun:
        assert len(begun) == MAX_AHEAD
    with workers_ahead(EngineChoice(workers=0, loads=LOADS)) as begun:
        assert not begun
    with begun_ahead(EngineChoice(workers=1)) as nothing:
        assert nothing == []


def test_one_that_has_died_meanwhile_is_not_taken(store: PosixStore) -> None:
    with workers_ahead(EngineChoice(workers=1, loads=LOADS)) as begun:
        (process,) = begun
        process.kill()
        process.wait()
        engine = LocalEngine(store, 1, Limits(), begun=begun)
        assert engine.ask("said:number") != process.pid
        engine.close()


def test_what_a_function_of_a_run_raises_comes_back_as_it_is(store: PosixStore) -> None:
    engine = LocalEngine(store, 1, Limits())
    with pytest.raises(RecipeError, match="it has a fault"):
        engine.ask("said:fails")
    with pytest.raises(CurateError, match="ZeroDivisionError"):
        engine.ask("said:breaks")
    with pytest.raises(MachineError, match="a worker has died before it could say anything"):
        engine.ask("said:dies")
    engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="where a file is open is asked of /proc")
def test_what_a_worker_prints_goes_to_the_log_of_its_run_though_it_was_begun_before(tmp_path: Path) -> None:
    # A name that is put together: one that stands in a step's code is a file of the plan.
    says = "import os\n\ndef shout(document):\n    open('errors', 'w').write(os.readlink(f'/proc/self/fd/{1 + 1}'))\n"
    (tmp_path / "loud.py").write_text(f"{says}    return True\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "One row."}\n')
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(LOUD)
    command = [
        sys.executable,
        "-m",
        "curate",
        "run",
        recipe,
        "--out",
        tmp_path / "run",
        "--workers",
        "1",
        "--no-report",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "errors").read_text().startswith(str(tmp_path / "run" / "work" / "workers" / "0.log"))


def test_who_has_no_work_loads_piece_by_piece_and_hears_between_two_of_them(store: PosixStore) -> None:
    with taken("said:load", store) as worker:
        while not (store.root / "pieces").exists():
            assert worker.process.poll() is None
        # There is no end of the pieces: who does not look between them never answers.
        assert asked(worker, "said:number") == worker.process.pid


def test_a_worker_works_on_where_nothing_can_be_loaded_for_its_idle_time(store: PosixStore) -> None:
    with taken("said:loads_what_is_not_there", store) as worker:
        time.sleep(5 * LULL_SECONDS)
        assert asked(worker, "said:number") == worker.process.pid


@contextlib.contextmanager
def taken(loads: str, store: PosixStore) -> Iterator[WorkerProcess]:
    """A worker that was begun ahead, taken for a run."""
    with workers_ahead(EngineChoice(workers=1, loads=loads)) as begun:
        worker = WorkerProcess.start(store, "0", begun.pop())
        yield worker
        worker.kill()


def asked(worker: WorkerProcess, function: str) -> Any:
    worker.tell({"ask": function})
    while not worker.hung_up:
        for answer in worker.read():
            if "said_of_run" in answer:
                return answer["said_of_run"]
    raise AssertionError("it has died")


def test_of_two_without_work_the_one_that_has_just_ended_some_gets_the_next(store: PosixStore) -> None:
    """The other may be loading something that takes long."""
    engine, fences = LocalEngine(store, 2, Limits()), Fences(store)
    fences.open()
    assert engine.ask("said:number") != engine.ask("said:number"), "both are there before there is work"
    for keys in (["0.3", "0.9"], ["0"], ["0.31", "0.91"], ["0.01"]):
        for key in keys:
            task = Task("filter", key, "said:takes_as_long_as_its_key_says")
            engine.submit(Assignment(task, Attempt(), fence=fences.next()))
        while keys:
            answers = engine.wait()
            assert not any(isinstance(answer, Refused | Broke) for answer in answers), answers
            keys = keys[sum(isinstance(answer, Finished) for answer in answers) :]
    engine.close()
    did = {key: committed(store, "filter", key).counts["worker"] for key in ("0.9", "0", "0.91", "0.01")}
    assert did["0.9"] != did["0.91"]
    assert (did["0"], did["0.01"]) == (did["0.9"], did["0.91"])


def test_what_idle_time_costs_is_in_the_account_of_the_next_task_once(store: PosixStore) -> None:
    def burns() -> Iterator[None]:
        began = time.process_time()
        while time.process_time() - began < 0.05:
            pass
        yield

    reads, writes = os.pipe()
    with io.FileIO(reads) as nothing, io.FileIO(writes, "w"):
        idle = Idle(burns())
        idle.until_told(nothing)
    clock = Clock()
    clock.took("load", idle.taken())
    [wall, cpu] = clock.seconds()["load"]
    assert wall == 0.0, "the supervisor has booked the time on the wall as waiting"
    assert cpu >= 0.05
    assert idle.taken() == 0.0


def test_an_idle_worker_opens_the_tokenizer_that_its_run_will_use(tmp_path: Path) -> None:
    """Before it is a part of the run, under another name and beside the same configuration."""
    text = train_bpe(["One sentence is enough."] * 9, vocab_size=300, end_of_text="<eos>")
    (tmp_path / "own.json").write_text(text)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<eos>"}')
    (tmp_path / "rows.jsonl").write_text('{"text": "One sentence is enough, twice."}\n')
    (tmp_path / "given.toml").write_text(LOUD.replace('"bytes"', '"own.json"').replace('steps = ["loud:shout"]', ""))
    run = curate.run(tmp_path / "given.toml", out=tmp_path / "run", workers=0)
    ahead, own = open_given(run.recipe), run_tokenizer(run.store, run.recipe)
    assert ahead is not None
    assert own.backend is ahead.backend
    assert own.name == "tokenizer.json"
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<eos>", "pad_token": "a"}')
    changed = open_given(run.recipe)
    assert changed is not None
    assert changed.backend is not own.backend, "what stands beside a file has a say in what is a control token"


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_of_garbage_is_as_it_was_after_what_was_loaded_without_it(is_on: bool) -> None:
    (gc.enable if is_on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == is_on
    finally:
        gc.enable()


def test_a_worker_collects_garbage_again_once_it_has_loaded(store: PosixStore) -> None:
    with taken("said:load", store) as worker:
        assert asked(worker, "said:collects")
