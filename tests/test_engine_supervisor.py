"""Workers that die, hang, grow and raise, and what the supervisor makes of them. The tasks are real functions in real
processes; each writes which documents it got through."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from curate.engine.cursor import Cursor
from curate.engine.engine import Said
from curate.engine.inline import InlineEngine
from curate.engine.local import LocalEngine
from curate.engine.posix import PosixStore
from curate.engine.progress import Progress
from curate.engine.supervisor import Supervisor
from curate.engine.task import Task
from curate.errors import CurateError, Interrupted, MachineError, UsageError
from curate.recipe import Limits

LIMITS = Limits()
TASKS = '''
import ctypes, errno, os, signal, time
import polars as pl
from pathlib import Path
import curate.engine.work as work_of_one
from curate.engine.job import Made
from curate.errors import UsageError

def made(job, seen):
    outputs = job.outputs()
    outputs.write(f"documents/{job.key}.txt", " ".join(seen).encode())
    return Made(outputs, {"read": len(seen)})

def go_through(job, hurt=lambda number: None):
    """Ten documents, one at a time; each may hurt."""
    seen, walk = [], job.walk
    for number in range(10):
        walk.at(number, step="hurt")
        if not walk.wants(number):
            continue
        if culprit := walk.culprit(number):
            seen.append(f"{number}:{culprit.reason}")
            continue
        with job.clock("work"):
            hurt(number)
        seen.append(str(number))
    walk.idle()
    return made(job, seen)

def fine(job):
    return go_through(job)

def segfault(job):
    return go_through(job, lambda number: ctypes.string_at(0) if number == 3 else None)

def hang(job):
    def hurt(number):
        while number == 4:
            pass
    return go_through(job, hurt)

def grow(job):
    def hurt(number):
        blocks = []
        while number == 5:
            blocks.append(b"x" * 20_000_000)
            time.sleep(0.01)
    return go_through(job, hurt)

def raises(job):
    def hurt(number):
        if number in (2, 7):
            raise ValueError("this document")
    return go_through(job, hurt)

def sleeps(job):
    return go_through(job, lambda number: time.sleep(3600) if number == 4 else None)

def closes(job):
    return go_through(job, lambda number: os.closerange(0, 200) if number == 5 else None)

def only_in_company(job):
    """Document 7 breaks the worker if others came before it."""
    came = []
    def hurt(number):
        came.append(number)
        if number == 7 and len(came) > 1:
            os._exit(9)
    return go_through(job, hurt)

def keeps(job, kept=[]):
    """Every document passes alone, but something stays of each."""
    return go_through(job, lambda number: kept.append(b"x" * 100_000_000) or time.sleep(len(kept) > 2))

def dies_always(job):
    return go_through(job, lambda number: os._exit(4))

def batches(job):
    """Two batches that are too much as a whole, whichever came before."""
    documents = pl.DataFrame({"text": list("01234567890123456789")})
    for stretch, part in job.walk.through(documents, max_documents=2, max_bytes=100):
        stretch.at("hurt")
        if part.height > 1:
            os._exit(7)
    return fine(job)

def reads(job):
    """Two files of five records; the reader of the first hangs at its third."""
    seen, number, walk = [], 0, job.walk
    for piece in range(2):
        for record in range(6):
            if culprit := walk.given_up(piece, number):
                seen.append(f"rest:{culprit.reason}:{culprit.step}")
                number += 1
                break
            walk.reading(number, piece)
            while (piece, record) == (0, 2):
                pass
            if record == 5:
                break
            if walk.wants(number):
                seen.append(f"{piece}.{record}")
            number += 1
    walk.idle()
    return made(job, seen)

def prints(job):
    def hurt(number):
        if number in (3, 4):
            print(f"document {number}\\nis fine")
    return go_through(job, hurt)

def slow(job):
    return go_through(job, lambda number: time.sleep(0.05))

def ctrl_c(job):
    """Interrupted once, at document 3 of b."""
    run = job.store.root
    def hurt(number):
        if job.key == "b" and number == 3 and not (run / "first").exists():
            (run / "first").touch()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
    return go_through(job, hurt)

def unlucky(job):
    """Killed from outside twice: at document 3, and on the way to 3 when it is to be confirmed."""
    run, walk = job.store.root, job.walk
    for when, number in (("first", 3), ("second", 1)):
        if walk.attempt.confirm == (None if when == "first" else 3) and not (run / when).exists():
            (run / when).touch()
            walk.at(number, step="hurt")
            os.kill(os.getpid(), signal.SIGKILL)
    return go_through(job)

def dies_committed(job):
    """Killed between its commit and its answer."""
    with (job.store.root / "attempts").open("a") as attempts:
        attempts.write("x")
    commit = work_of_one.commit
    def commit_and_die(*rest):
        commit(*rest)
        os.kill(os.getpid(), signal.SIGKILL)
    work_of_one.commit = commit_and_die
    return fine(job)

def full_disk(job):
    raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

def refuses(job):
    raise UsageError("cannot do this")

def broken(job):
    job.walk.idle()
    raise KeyError("a bug of ours")

def batch(job):
    """All ten at once, unless some are to be looked at closely; document 6 exits."""
    seen, walk = [], job.walk
    for stretch, part in walk.through(pl.DataFrame({"text": list("0123456789")}), max_documents=100, max_bytes=100):
        stretch.at("hurt")
        if "6" in part["text"]:
            os._exit(7)
        seen += part["text"].to_list()
    seen += [f"{number}:{culprit.reason}" for number, culprit in walk.attempt.quarantined.items()]
    seen.sort()
    walk.idle()
    return made(job, seen)
'''


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "toy_tasks.py").write_text(TASKS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def work(run: Path, function: str, *, keys: tuple[str, ...] = ("a",), workers: int = 1, **limits: float) -> Supervisor:
    supervisor = supervised(run, workers, Limits(**limits))  # type: ignore[arg-type]
    try:
        supervisor.run_stage([Task("toy", key, f"toy_tasks:{function}") for key in keys])
    finally:
        supervisor.close()
    return supervisor


def supervised(
    run: Path,
    workers: int,
    limits: Limits = LIMITS,
    *,
    own_steps: frozenset[str] = frozenset(),
    show: Callable[[Progress | Said], object] = lambda progress: None,
) -> Supervisor:
    store = PosixStore(run)
    engine = LocalEngine(store, workers, limits) if workers else InlineEngine(store)
    return Supervisor(store, engine, limits, show, own_steps)  # type: ignore[arg-type]


def text(run: Path, key: str = "a") -> str:
    return (run / "documents" / f"{key}.txt").read_text()


def test_all_tasks_are_done_once_whatever_the_number_of_workers(run: Path) -> None:
    supervisor = work(run, "fine", keys=("a", "b", "c"), workers=2)
    assert [text(run, key) for key in "abc"] == ["0 1 2 3 4 5 6 7 8 9"] * 3
    assert {path.stem for path in (run / "done" / "toy").iterdir()} == {"a", "b", "c"}
    steps = supervisor.timing["toy"]["steps"]
    assert steps["work"][0] >= 0
    assert {"start", "waiting", "other"} <= steps.keys()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("segfault", "0 1 2 3:crash 4 5 6 7 8 9"),
        ("hang", "0 1 2 3 4:timeout 5 6 7 8 9"),
        ("grow", "0 1 2 3 4 5:memory 6 7 8 9"),
        ("raises", "0 1 2:exception 3 4 5 6 7:exception 8 9"),
        ("batch", "0 1 2 3 4 5 6:crash 7 8 9"),
        ("sleeps", "0 1 2 3 4:timeout 5 6 7 8 9"),
        ("closes", "0 1 2 3 4 5:crash 6 7 8 9"),
        ("only_in_company", "0 1 2 3 4 5 6 7:crash 8 9"),
        ("reads", "0.0 0.1 rest:timeout:read 1.0 1.1 1.2 1.3 1.4"),
    ],
)
def test_the_document_that_breaks_a_worker_is_found_and_only_it_is_lost(
    run: Path, function: str, expected: str
) -> None:
    work(run, function, document_seconds=10.0 if function == "grow" else 0.5, worker_memory=600 << 20)
    assert text(run) == expected


def test_batches_that_are_too_much_as_a_whole_are_taken_apart_however_many_they_are(run: Path) -> None:
    work(run, "batches")
    assert text(run) == "0 1 2 3 4 5 6 7 8 9"


def test_a_worker_that_keeps_something_of_each_document_stops_the_run_before_it_loses_many(run: Path) -> None:
    with pytest.raises(MachineError, match=r'"hurt" breaks its worker again and again.*memory: \d+ MB'):
        work(run, "keeps", document_seconds=60.0, worker_memory=250 << 20)


def test_a_users_step_that_breaks_its_worker_on_every_document_stops_the_run(run: Path) -> None:
    supervisor = supervised(run, 1, own_steps=frozenset({"hurt"}))
    with pytest.raises(UsageError, match=r'"hurt" broke its worker on 10 of the first 10 documents of a.*exit code 4'):
        supervisor.run_stage([Task("toy", "a", "toy_tasks:dies_always")])
    supervisor.close()


def test_without_workers_all_is_done_in_this_process(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(run.parent / "modules")
    before = psutil.Process().children(recursive=True)
    supervisor = work(run, "raises", keys=("a", "b"), workers=0)
    assert psutil.Process().children(recursive=True) == before
    assert text(run) == text(run, "b") == "0 1 2:exception 3 4 5 6 7:exception 8 9"
    assert "ValueError: this document" in (run / "work" / "workers" / "0.log").read_text()
    assert supervisor.timing["toy"]["steps"].keys() == {"load", "work", "write", "other"}


def test_without_workers_an_interrupt_ends_the_run_resumably(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(run.parent / "modules")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born without it
    try:
        with pytest.raises(Interrupted):
            work(run, "ctrl_c", keys=("a", "b"), workers=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert {path.stem for path in (run / "done" / "toy").iterdir()} == {"a"}
    work(run, "ctrl_c", keys=("b",), workers=0)
    assert [text(run, key) for key in "ab"] == ["0 1 2 3 4 5 6 7 8 9"] * 2


def test_a_worker_killed_from_outside_costs_no_document(run: Path) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            at_work = [path for path in run.glob("work/workers/*.cursor") if Cursor.shared(path).read().first >= 3]
            if at_work:
                child = psutil.Process().children()[0]
                child.send_signal(signal.SIGKILL)
                killed.append(child.pid)
            time.sleep(0.01)

    thread = threading.Thread(target=kill_one)
    thread.start()
    work(run, "slow")
    thread.join()
    assert killed
    assert text(run) == "0 1 2 3 4 5 6 7 8 9"


def test_a_worker_killed_twice_from_outside_costs_no_document(run: Path) -> None:
    work(run, "unlucky")
    assert (run / "second").exists()
    assert text(run) == "0 1 2 3 4 5 6 7 8 9"


def test_what_is_committed_is_not_done_again_when_its_worker_dies_before_it_answers(run: Path) -> None:
    work(run, "dies_committed", keys=("a", "b"))
    assert (run / "attempts").read_text() == "xx"
    assert [text(run, key) for key in "ab"] == ["0 1 2 3 4 5 6 7 8 9"] * 2


def test_a_full_disk_is_the_machines_fault_and_names_the_place(run: Path) -> None:
    with pytest.raises(MachineError, match="the disk is full: somewhere"):
        work(run, "full_disk")
    assert not (run / "done").exists()


def test_a_refusal_comes_through_with_its_class_and_words(run: Path) -> None:
    with pytest.raises(UsageError, match="cannot do this"):
        work(run, "refuses")


def test_a_bug_of_our_own_is_not_blamed_on_a_document(run: Path) -> None:
    with pytest.raises(CurateError, match=r"internal error in toy of a: KeyError.*\.log"):
        work(run, "broken")


def test_sigterm_ends_a_stage_resumably_and_leaves_no_worker(run: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    sent: list[int] = []

    def terminate_once_at_work(progress: Progress | Said) -> None:
        if isinstance(progress, Progress) and progress.documents and not sent:
            sent.append(progress.documents)
            os.kill(os.getpid(), signal.SIGTERM)

    supervisor = supervised(run, 2, show=terminate_once_at_work)
    with pytest.raises(Interrupted):
        supervisor.run_stage([Task("toy", f"k{number}", "toy_tasks:slow") for number in range(40)])
    supervisor.close()
    assert set(psutil.Process().children(recursive=True)) <= before
    done = (
        {json.loads(path.read_text())["key"] for path in (run / "done" / "toy").glob("*.json")}
        if (run / "done").exists()
        else set()
    )
    timing = supervisor.timing["toy"]
    assert timing["wall"] > 0
    assert timing["steps"]["unfinished"][0] > 0
    assert len(done) < 40
    for key in done:
        assert text(run, key) == "0 1 2 3 4 5 6 7 8 9"


def test_what_a_task_prints_is_shown_with_the_step_that_printed_it(run: Path) -> None:
    shown: list[Progress | Said] = []
    supervisor = supervised(run, 1, show=shown.append)
    try:
        supervisor.run_stage([Task("toy", "a", "toy_tasks:prints")])
    finally:
        supervisor.close()
    said = [(each.step, each.line) for each in shown if isinstance(each, Said)]
    assert said == [("hurt", "document 3"), ("hurt", "is fine"), ("hurt", "document 4"), ("hurt", "is fine")]


def test_progress_is_shown_up_to_the_end(run: Path) -> None:
    seen: list[Progress] = []
    supervisor = supervised(run, 1, show=lambda shown: seen.append(shown) if isinstance(shown, Progress) else None)
    try:
        supervisor.run_stage([Task("toy", key, "toy_tasks:fine", size=10) for key in "ab"])
    finally:
        supervisor.close()
    assert (seen[-1].tasks_done, seen[-1].tasks, seen[-1].bytes_done, seen[-1].bytes) == (2, 2, 20, 20)
