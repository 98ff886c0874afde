"""curate.pipeline.share and engine.leases: several processes that do one run together, to the bytes of one alone."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import curate
from curate.engine.inline import InlineEngine
from curate.engine.leases import Leases
from curate.engine.posix import PosixStore
from curate.errors import RunConflict, RunLocked, UsageError
from curate.pipeline.run import checked, run_share, silent
from curate.run_files import lease

TEXTS = [
    "The harbour lay quiet under a low grey sky, and nobody on the quay had spoken for an hour or more.",
    "A letter had come in the morning; she had read it twice, folded it, and put it into the kitchen drawer.",
    "When the mill burned down the owner built a larger one of stone, with two wheels instead of one.",
    "The recipe asks for four eggs, a pound of flour, and more patience than most cooks can find on a Monday.",
    "He counted the coins on the table again, and again there were eleven of them and not the promised twelve.",
    "Every spring the river took a little of the lower field, and every autumn he moved the fence by a yard.",
]
SOURCES = 6
SOURCE = """
[[source]]
name = "texts{number}"
read = "tables"
paths = ["texts/{number}.jsonl"]
steps = [{{ use = "where", expression = "byte_count > 20" }}]
"""
RECIPE = f"""
name = "shared"
seed = 3
{"".join(SOURCE.format(number=number) for number in range(SOURCES))}
[dedup]
method = "exact"
[tokenize]
tokenizer = "bytes"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Six sources of one split each, and some documents in several of them."""
    (tmp_path / "texts").mkdir()
    for number in range(SOURCES):
        rows = [{"text": f"{TEXTS[at % len(TEXTS)]} ({at})"} for at in range(number, number + 8)]
        content = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "texts" / f"{number}.jsonl").write_text(content)
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    return file


def test_processes_that_share_a_run_end_in_the_bytes_of_one_alone(recipe: Path, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    curate.run(recipe, out=alone, workers=0, fresh=True)
    ranks = [started(recipe, shared, rank, 3) for rank in range(3)]
    said = [rank.communicate(timeout=240)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0, 0], said
    assert files_of(shared) == files_of(alone)
    assert curate.verify(shared).is_sound
    stages = json.loads((shared / "timing.json").read_text())["stages"]
    assert {"filter", "dedup", "tokenize", "mix"} <= stages.keys()  # each process has added what it has done


def test_one_of_many_does_all_where_no_other_comes(recipe: Path, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    curate.run(recipe, out=alone, workers=0, fresh=True)
    curate.run(recipe, out=shared, workers=0, rank=6, world=7)
    assert files_of(shared) == files_of(alone)
    again = curate.run(recipe, out=shared, workers=0, rank=2, world=7)  # who comes late finds it done
    assert again.folder == shared
    assert files_of(shared) == files_of(alone)


def test_a_task_whose_holder_is_gone_is_done_by_another(recipe: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    store = PosixStore(shared)
    with store.lock():
        pass  # which makes the folder a run's
    for key in ("texts0-00000", "texts4-00000"):  # as somebody who was killed has left them
        assert store.claim(lease("filter", key), b"a machine that burned 1 0\n")
    began = time.monotonic()
    leases, engine = Leases(store, patience=0.6, heartbeat=0.1), InlineEngine(store)
    run_share(checked(recipe), store, engine, rank=0, world=2, keep_intermediate=True, show=silent, leases=leases)
    assert time.monotonic() - began > 0.5
    assert curate.Run(shared).manifest["counts"]["texts4"]["read"] == 8
    assert not list(shared.glob("work/leases/**/*.*"))


def test_a_run_that_is_shared_is_no_place_for_one_alone(recipe: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    with PosixStore(shared).lock(shared=True):
        with pytest.raises(RunLocked, match="another curate run"):
            curate.run(recipe, out=shared, workers=0)
        with PosixStore(shared).lock(shared=True):
            pass
    with PosixStore(shared).lock(), pytest.raises(RunLocked):
        curate.run(recipe, out=shared, workers=0, rank=0, world=2)


def test_ranks_with_another_recipe_are_refused(recipe: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    curate.run(recipe, out=shared, workers=0, rank=0, world=2)
    recipe.write_text(RECIPE.replace("> 20", "> 60"))
    with pytest.raises(RunConflict, match="another recipe"):
        curate.run(recipe, out=shared, workers=0, rank=1, world=2)


@pytest.mark.parametrize(("rank", "world"), [(2, 2), (-1, 3), (0, 0)])
def test_a_rank_beyond_the_world_is_refused(rank: int, world: int, recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="counted from 0"):
        curate.run(recipe, out=tmp_path / "shared", rank=rank, world=world)


def test_a_lease_is_given_to_one_and_kept_alive(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    one, other = Leases(store, 0.5, 0.1), Leases(store, 0.5, 0.1)
    with one.alive():
        assert one.take("filter", ["a", "b", "c"], 2) == ["a", "b"]
        assert other.take("filter", ["a", "b", "c"], 3) == ["c"]
        end = time.monotonic() + 1.5
        while time.monotonic() < end:  # three times as long as it takes to be thought dead
            assert other.take("filter", ["a"], 1) == []
            time.sleep(0.05)
        one.give_back("filter", ["b"])
        assert other.take("filter", ["a", "b"], 2) == ["b"]
    assert other.take("filter", ["a"], 1) == ["a"]


class FullOnce(PosixStore):
    """On a disk that is full until a moment ago."""

    full = True

    def write(self, name: str, content: bytes) -> None:
        if FullOnce.full:
            FullOnce.full = False
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(name, content)


def test_a_sign_of_life_that_finds_the_disk_full_is_not_the_last(tmp_path: Path) -> None:
    store = FullOnce(tmp_path)
    leases = Leases(store, patience=5.0, heartbeat=0.05)
    with leases.alive():
        assert leases.take("filter", ["a"], 1) == ["a"]
        first, end = store.read(lease("filter", "a")), time.monotonic() + 30
        while store.read(lease("filter", "a")) == first and time.monotonic() < end:
            time.sleep(0.02)
        assert not FullOnce.full
        assert store.read(lease("filter", "a")) != first


def started(recipe: Path, out: Path, rank: int, world: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--out", str(out), "--workers", "1", "--no-report"]
    command += ["--rank", str(rank), "--world", str(world)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def files_of(run: Path) -> dict[str, str]:
    """SHA-256 of everything below a run, but for its account of time."""
    return dict(_digests(run))


def _digests(run: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(run.rglob("*")):
        if path.is_file() and path.name not in ("timing.json", ".lock"):
            yield path.relative_to(run).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()
