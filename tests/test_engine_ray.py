"""curate.engine.ray: nodes of a Ray cluster do a run to the bytes of one machine, also where nodes die under it, come
late, or have another curate. The cluster is on this machine: a head without cores, and nodes with one core each."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import curate
from curate.engine.choice import EngineChoice
from curate.engine.engine import Said
from curate.engine.posix import PosixStore
from curate.engine.progress import Progress
from curate.engine.ray.engine import RayEngine, ray_engine
from curate.errors import CurateError, MachineError, UsageError
from curate.pipeline.run import FACTS, checked, run_on

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "ray_cluster.py"
pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `ray`"),
    pytest.mark.skipif(not SCRIPT.exists(), reason="not in a checkout"),
]
NOT_COMPARED = ("timing.json", ".lock")
SLOW = """
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


@pytest.fixture(scope="module")
def ray_cluster() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ray_cluster", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cluster(ray_cluster: ModuleType) -> Iterator[Any]:
    with ray_cluster.started(nodes=2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def token(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "cluster" in request.fixturenames:
        monkeypatch.setenv("RAY_AUTH_TOKEN", request.getfixturevalue("cluster").token)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The quickstart by this machine alone."""
    out = tmp_path_factory.mktemp("local") / "run"
    return files_of(curate.run("quickstart", out=out, workers=1, keep_intermediate=False).folder)


def files_of(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def run_by(engine: RayEngine, show: Callable[[Any], None] = lambda said: None) -> dict[str, str]:
    run_on(checked("quickstart"), engine.store, engine, keep_intermediate=False, show=show)
    return files_of(Path(engine.store.address.partition(":")[2]))


def engine_on(cluster: Any, out: Path) -> RayEngine:
    choice = EngineChoice("ray", ray_address=cluster.address, facts=FACTS)
    return ray_engine(PosixStore(out), checked("quickstart").limits, choice)


def test_the_nodes_of_a_cluster_come_to_the_bytes_of_one_machine(
    cluster: Any, expected: dict[str, str], tmp_path: Path
) -> None:
    run = curate.run(
        "quickstart", out=tmp_path / "run", engine="ray", ray_address=cluster.address, keep_intermediate=False
    )
    assert files_of(run.folder) == expected
    assert {"cluster", "start", "waiting"} <= run.timing["stages"]["filter"]["steps"].keys()


def test_a_cluster_of_ones_own_does_so_too(expected: dict[str, str], tmp_path: Path) -> None:
    run = curate.run("quickstart", out=tmp_path / "run", workers=1, engine="ray", keep_intermediate=False)
    assert files_of(run.folder) == expected


@pytest.mark.parametrize("stage", ["filter", "dedup"])
def test_a_node_that_is_killed_over_a_task_costs_no_byte(
    stage: str, cluster: Any, expected: dict[str, str], tmp_path: Path
) -> None:
    engine = engine_on(cluster, tmp_path / "run")
    with signalled_at(stage, "kill", engine, cluster) as killed:
        files = run_by(engine)
    assert files == expected
    assert killed
    cluster.add()  # in its place


def test_a_node_that_stands_still_loses_its_task_and_comes_back_to_nothing(
    cluster: Any, expected: dict[str, str], tmp_path: Path
) -> None:
    engine, said = engine_on(cluster, tmp_path / "run"), list[Progress | Said]()
    engine.silence = 5.0
    with signalled_at("filter", "stop", engine, cluster) as stopped:
        files = run_by(engine, said.append)
    assert files == expected
    assert any(isinstance(line, Said) and "no sign of life for 5 s" in line.line for line in said)
    cluster.tell(f"go on {cluster.nodes.index(stopped[0])}")
    time.sleep(2)
    assert files_of(tmp_path / "run") == expected, "what it still does changes nothing"
    cluster.tell(f"kill {cluster.nodes.index(stopped[0])}")
    cluster.add()


SLOW_STEP = """
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


def test_what_takes_too_long_on_one_node_is_done_by_another_to_the_same_bytes(
    ray_cluster: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows").mkdir()
    for number in range(5):
        lines = (f'{{"text": "{number}: {at} of the rows"}}' + " " * 400_000 + "\n" for at in range(10))
        (tmp_path / "rows" / f"{number}.jsonl").write_text("".join(lines))
    (tmp_path / "slow.py").write_text(SLOW_STEP)
    recipe = tmp_path / "slow.toml"
    recipe.write_text(SLOW)
    monkeypatch.setenv("BEGUN", str(tmp_path / "begun"))
    said = list[Progress | Said]()
    with ray_cluster.started(nodes=2) as cluster:  # of its own, so that its nodes know this variable
        monkeypatch.setenv("RAY_AUTH_TOKEN", cluster.token)
        how = {"engine": "ray", "ray_address": cluster.address, "keep_intermediate": False, "fresh": True}
        run = curate.run(recipe, out=tmp_path / "ray", show=said.append, **how)
    assert any(isinstance(line, Said) and "rows-00004 has taken" in line.line for line in said)
    local = curate.run(recipe, out=tmp_path / "local", workers=1, keep_intermediate=False, fresh=True)
    assert files_of(run.folder) == files_of(local.folder)
    assert run.timing["stages"]["filter"]["steps"]["speculation"][0] > 9
    assert "unfinished" not in run.timing["stages"]["filter"]["steps"]


@contextlib.contextmanager
def signalled_at(stage: str, verb: str, engine: RayEngine, cluster: Any) -> Iterator[list[str]]:
    """The first node that is seen at a task of a stage gets a signal."""
    over, met = threading.Event(), list[str]()

    def watch() -> None:
        while not met and not over.wait(0.001):
            for agent in [*engine._agents.values()]:
                if any(assignment.task.stage == stage for assignment in [*agent.at_work.values()]):
                    cluster.tell(f"{verb} {cluster.nodes.index(agent.node)}")
                    met.append(agent.node)
                    break

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield met
    finally:
        over.set()
        watching.join()


def test_a_node_with_another_curate_is_refused_with_both_named(
    ray_cluster: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "curate"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    (other / "version.py").write_text('__version__ = "9.9"\n')
    with ray_cluster.started(nodes=0) as cluster:
        monkeypatch.setenv("RAY_AUTH_TOKEN", cluster.token)
        path = os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])
        cluster.add({"PYTHONPATH": path})
        with pytest.raises(UsageError, match=rf"it has curate 9\.9, and the run has {curate.__version__}"):
            curate.run("quickstart", out=tmp_path / "run", engine="ray", ray_address=cluster.address)


def test_the_end_of_the_head_ends_the_run_which_another_cluster_resumes(
    ray_cluster: ModuleType, cluster: Any, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ray_cluster.started(nodes=1) as short:
        monkeypatch.setenv("RAY_AUTH_TOKEN", short.token)
        engine = engine_on(short, tmp_path / "run")
        engine.silence = 3.0
        with pytest.raises(MachineError, match=r"the Ray cluster at .* has (ended|not answered).*goes on from here"):
            run_by(engine, lambda said: behead(short, said))
    monkeypatch.setenv("RAY_AUTH_TOKEN", cluster.token)
    assert run_by(engine_on(cluster, tmp_path / "run")) == expected


def behead(cluster: Any, said: Progress | Said) -> None:
    if isinstance(said, Progress):  # about every second, the first time while pages are read
        cluster.tell("kill head")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (EngineChoice("ray", workers=0), "--workers 0"),
        (EngineChoice("ray", ray_address="ray://head:10001"), "Ray Client"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(choice: EngineChoice, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        ray_engine(PosixStore(tmp_path), checked("quickstart").limits, choice)


def test_a_cluster_that_lets_in_whoever_comes_is_refused_unless_it_is_wanted(
    ray_cluster: ModuleType, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with ray_cluster.started(nodes=1, insecure=True) as cluster:
        how = {"out": tmp_path / "run", "engine": "ray", "ray_address": cluster.address, "keep_intermediate": False}
        with pytest.raises(CurateError, match="lets in whoever comes"):
            curate.run("quickstart", **how)
        assert files_of(curate.run("quickstart", insecure_cluster=True, **how).folder) == expected
