"""Another engine and another store, each written from the outside against its protocol, run the quickstart to the same
bytes: threads for processes, and a dictionary for a folder."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import curate
from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.engine import Answer, Assignment, AtWork, Engine
from curate.engine.inline import InlineEngine
from curate.engine.messages import answer_of, command_for
from curate.engine.posix import PosixStore
from curate.engine.store import Stamp, Store
from curate.engine.work import work
from curate.errors import RunLocked
from curate.pipeline.run import checked, run_on

NOT_COMPARED = ("timing.json", ".lock", "kernels.lock")


class Threads:
    """An engine: each task in a thread of its own. Nobody is watched over, and what raises is found all the same."""

    workers = 2

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at_work = 0
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def submit(self, assignment: Assignment) -> None:
        self.at_work += 1
        threading.Thread(target=self._do, args=[assignment], daemon=True).start()

    def _do(self, assignment: Assignment) -> None:
        answer = work(self.store, command_for(assignment), Cursor.private(), Clock())
        self.answers.put(answer_of(assignment, answer, Path("no log")))

    def wait(self) -> Sequence[Answer]:
        if not self.at_work:
            return []
        try:
            answer = self.answers.get(timeout=1)
        except queue.Empty:
            return [AtWork(0)]
        self.at_work -= 1
        return [answer]

    def close(self) -> None:
        self.at_work = 0


class Memory:
    """A store: a dictionary of bytes, and copies of what somebody wants to read as a file."""

    address = "memory:run"

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.files: dict[str, bytes] = {}
        self.reads: Counter[str] = Counter()
        self.lock_of_run, self.at_work = threading.Lock(), threading.Lock()

    def stamp(self, name: str) -> Stamp | None:
        content = self.files.get(name)
        return None if content is None else Stamp(len(content), hashlib.sha256(content).hexdigest())

    def names(self, below: str) -> Iterator[str]:
        return (name for name in list(self.files) if name.startswith(f"{below}/"))

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(name)
        self.reads[name] += 1
        return self.files[name]

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        return self.read(name)[start:stop]

    def fetch(self, name: str) -> Path:
        content, path = self.read(name), self.scratch / "fetched" / name
        with self.at_work:
            if not path.is_file() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return path

    def write(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def claim(self, name: str, content: bytes) -> bool:
        with self.at_work:
            return self.files.setdefault(name, content) is content

    def workspace(self, label: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=label, dir=self.scratch))

    def put(self, workspace: Path, names: Mapping[str, str | None]) -> None:
        for name, origin in names.items():
            self.files[name] = (workspace / name).read_bytes() if origin is None else self.files[origin]
        shutil.rmtree(workspace)

    def remove(self, name: str) -> None:
        for other in [other for other in self.files if other == name or other.startswith(f"{name}/")]:
            del self.files[other]

    def tidy(self) -> None:
        pass

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        if not self.lock_of_run.acquire(blocking=False):
            raise RunLocked("the dictionary is held")
        try:
            yield
        finally:
            self.lock_of_run.release()

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        with self.at_work:
            yield


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in NOT_COMPARED}


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The quickstart by processes of this machine, in a folder of it."""
    out = tmp_path_factory.mktemp("local") / "run"
    return digests(files_of(curate.run("quickstart", out=out, workers=1, keep_intermediate=False).folder))


def run_by(store: Store, engine: Engine) -> None:
    run_on(checked("quickstart"), store, engine, keep_intermediate=False, show=lambda progress: None)


def test_threads_come_to_the_same_bytes_as_processes(expected: dict[str, str], tmp_path: Path) -> None:
    store = PosixStore(tmp_path / "run")
    run_by(store, Threads(store))
    assert digests(files_of(tmp_path / "run")) == expected


def test_a_dictionary_holds_the_same_bytes_as_a_folder(expected: dict[str, str], tmp_path: Path) -> None:
    store = Memory(tmp_path)
    run_by(store, InlineEngine(store))
    assert digests(store.files) == expected
    outputs = [name for name in store.files if name.startswith(("documents/", "ledger/"))]
    assert outputs
    assert not any(store.reads[name] for name in outputs), "what is written is not read again to be hashed"


def test_threads_over_a_dictionary_too(expected: dict[str, str], tmp_path: Path) -> None:
    store = Memory(tmp_path)
    run_by(store, Threads(store))
    assert digests(store.files) == expected
