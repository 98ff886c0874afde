"""curate.engine.ahead: workers that load libraries before there is a run, are taken by it, and are not left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from curate.engine.ahead import MAX_AHEAD, workers_ahead
from curate.engine.choice import EngineChoice
from curate.engine.engines import begun_ahead
from curate.engine.local import LocalEngine
from curate.engine.posix import PosixStore
from curate.errors import CurateError, MachineError, RecipeError
from curate.pipeline.ahead import LOADS
from curate.recipe import Limits

SAYS = """
import os, sys
def loaded(store):
    return sorted({"polars", "numba"} & {*sys.modules})
def number(store):
    return os.getpid()
def fails(store):
    from curate.errors import RecipeError
    raise RecipeError("it has a fault")
def breaks(store):
    return 1 / 0
def dies(store):
    os._exit(7)
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
