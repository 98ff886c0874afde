"""The engine on Ray on this machine: nodes killed in every stage, a link that is cut, what Ray and a driver cost.

    python benchmarks/ray_trial.py kills --trials 10          a node with a task of the stage is killed; the same bytes?
    python benchmarks/ray_trial.py cut                        the link to a node with a task is cut (network namespaces)
    python benchmarks/ray_trial.py stop                       a node is stopped for a minute, and comes back late
    python benchmarks/ray_trial.py overhead --trials 5        two nodes of one core against two workers, in turns
    python benchmarks/ray_trial.py memory 10000 100000        the driver's memory by the number of documents

Each compares all files with those of a run by this machine alone, and ends with 1 where one differs. Nodes are raylets
of one core each on this machine (ray_cluster.py); those of `cut` have an address each, and it needs the right to make
network namespaces.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from ray_cluster import LocalCluster, started

import curate
from curate.engine.choice import EngineChoice
from curate.engine.engine import Said
from curate.engine.posix import PosixStore
from curate.engine.progress import Progress
from curate.engine.ray.engine import RayEngine, ray_engine
from curate.pipeline.run import FACTS, checked, run_on
from curate.pipeline.stages import stages

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOT_COMPARED = ("timing.json", ".lock")
EVERY_STAGE = """
extends = "quickstart.toml"
name = "every-stage"
[decontaminate]
against = ["quiz.jsonl"]
[mix]
weights = { web = 0.6, books = 0.3, code = 0.1 }
materialize = true
"""
QUIZ = [
    {"question": "She had been a beauty in her youth, and at four and fifty was still", "answer": "a very fine woman"}
]
CRAWL = """
name = "shared-data"
seed = 17
[[source]]
name = "web"
read = "warc"
paths = ["{data}/web/prose.warc.gz", "{data}/neardup/web.warc.gz"]
steps = [
  {{ use = "language", keep = ["en", "de", "fr", "es"], min_score = 0.65 }},
  "gopher_repetition",
  {{ use = "gopher_quality", min_stop_words = 0 }},
  "toxicity",
]
[[source]]
name = "code"
read = "code"
paths = ["{data}/code.tar.gz"]
steps = []
{books}
[dedup]
[scrub]
entities = ["EMAIL_ADDRESS", "IP_ADDRESS"]
[tokenize]
tokenizer = {{ train = {{ vocab_size = 4096, sample_bytes = 1_000_000 }} }}
"""
BOOKS = """
[[source]]
name = "books"
read = "books"
paths = ["{data}/books.tar.gz"]
"""
ROWS = """
name = "rows"
[[source]]
name = "rows"
read = "tables"
paths = ["rows-*.jsonl"]
steps = [{ use = "where", expression = "byte_count > 20" }]
[dedup]
method = "exact"
[tokenize]
tokenizer = "bytes"
"""
HEAD = "10.77.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kills", "cut", "stop", "overhead", "memory"])
    parser.add_argument("documents", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--stages", nargs="*", help="for `kills` (default: all)")
    parser.add_argument("--data", type=Path, default=DATA, help="the shared data, for `overhead`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-ray-") as place:
        trial: Callable[[argparse.Namespace, Path], bool] = globals()[options.what]
        is_same = trial(options, Path(place))
    sys.exit(not is_same)


def kills(options: argparse.Namespace, place: Path) -> bool:
    recipe, expected = alone(place)
    wrong = 0
    with started(nodes=2) as cluster:
        for stage in options.stages or [stage.name for stage in stages(checked(recipe))]:
            same, lost, seconds = [], 0, []
            for number in range(options.trials):
                began = time.perf_counter()
                files, said = attacked(recipe, place / f"{stage}-{number}", cluster, stage, kill_and_replace)
                seconds.append(time.perf_counter() - began)
                same.append(files == expected)
                lost += any("is lost" in line for line in said)
            wrong += same.count(False)
            told = f"{sum(same)} of {len(same)} the same; {lost} seen as lost in mid-run"
            print(f"{stage:14} {told}; median {statistics.median(seconds):.1f} s", flush=True)
    return not wrong


def stop(options: argparse.Namespace, place: Path) -> bool:
    """SIGSTOP to a raylet, its agent and workers; SIGCONT after a minute, when others have done its task."""
    recipe, expected = alone(place)
    with started(nodes=2) as cluster:
        quiet = time.perf_counter()
        attacked(recipe, place / "quiet", cluster, "", kill_and_replace)
        began = time.perf_counter()
        files, said = attacked(recipe, place / "stopped", cluster, "filter", stop_for_a_minute)
        ended = time.perf_counter()
    print(f"quiet {began - quiet:.1f} s, with a node stopped {ended - began:.1f} s; the same: {files == expected}")
    print(f"files that differ: {sorted(name for name, _ in files.items() ^ expected.items())}")
    print(*said, sep="\n")
    return files == expected


def cut(options: argparse.Namespace, place: Path) -> bool:
    recipe, expected = alone(place)
    with namespaces(2) as (cluster, links):
        quiet = time.perf_counter()
        attacked(recipe, place / "quiet", cluster, "", kill_and_replace)
        began = time.perf_counter()

        def cut_link(cluster: LocalCluster, host: str, node: str) -> None:
            subprocess.run(["ip", "link", "set", links[host], "down"], check=True)

        files, said = attacked(recipe, place / "cut", cluster, "filter", cut_link)
        ended = time.perf_counter()
    print(f"quiet {began - quiet:.1f} s, with the link cut {ended - began:.1f} s; the same: {files == expected}")
    print(*said, sep="\n")
    return files == expected


def overhead(options: argparse.Namespace, place: Path) -> bool:
    """Crawls and code, and all of the shared data: crawls, books and code."""
    data = options.data.resolve()
    same = []
    for name, books in (("crawls-code", ""), ("crawls-books-code", BOOKS.format(data=data))):
        recipe = place / f"{name}.toml"
        recipe.write_text(CRAWL.format(data=data, books=books))
        print(name, flush=True)
        same.append(in_turns(recipe, place / name, options.trials))
    return all(same)


def in_turns(recipe: Path, place: Path, trials: int) -> bool:
    """By two workers and by two nodes, with the same two cores."""
    seconds: dict[str, list[float]] = {"local": [], "ray": []}
    cpu: dict[str, list[float]] = {"local": [], "ray": []}
    files = set()
    with started(nodes=2) as cluster:
        how = ["--engine", "ray", "--ray-address", cluster.address]
        environment = os.environ | cluster.environment
        for number in range(trials):
            for name, more in (("local", ["--workers", "2"]), ("ray", how)):
                out = place / f"{name}-{number}"
                began = time.perf_counter()
                subprocess.run(command(recipe, out, *more), env=environment, check=True, capture_output=True)
                seconds[name].append(time.perf_counter() - began)
                files.add(hashlib.sha256(json.dumps(files_of(out), sort_keys=True).encode()).hexdigest())
                timing = json.loads((out / "timing.json").read_text())
                cpu[name].append(timing["cpu"])
                told = f"CPU s {timing['cpu']:.1f}, explained {timing['explained']:.3f}"
                print(f"{name:6} wall s {seconds[name][-1]:6.1f}, {told}", flush=True)
    local, ray = (statistics.median(seconds[name]) for name in ("local", "ray"))
    print(f"median wall s: local {local:.1f}, ray {ray:.1f} ({ray / local - 1:+.1%}); the same: {len(files) == 1}")
    print(f"median CPU s of workers: {statistics.median(cpu['local']):.1f}, {statistics.median(cpu['ray']):.1f}")
    return len(files) == 1


def memory(options: argparse.Namespace, place: Path) -> bool:
    """The most that `curate run` and the bridge that it starts held; workers and Ray's own processes are not in it."""
    same = True
    with started(nodes=2) as cluster:
        environment = os.environ | cluster.environment
        for documents in options.documents:
            folder = place / str(documents)
            recipe = rows(folder, documents)
            how = ["--engine", "ray", "--ray-address", cluster.address]
            driver, bridge = peak(command(recipe, folder / "ray", *how), environment)
            subprocess.run(command(recipe, folder / "local", "--workers", "2"), check=True, capture_output=True)
            same &= files_of(folder / "ray") == files_of(folder / "local")
            print(
                f"{documents:>9,} documents: driver {driver:.0f} MB, bridge {bridge:.0f} MB; the same: {same}",
                flush=True,
            )
    return same


def alone(place: Path) -> tuple[Path, dict[str, str]]:
    """A recipe with every stage, and the files that this machine makes of it by itself."""
    folder = place / "inputs"
    shutil.copytree(Path(curate.__file__).parent / "recipes" / "quickstart", folder)
    recipe = folder / "every-stage.toml"
    recipe.write_text(EVERY_STAGE)
    (folder / "quiz.jsonl").write_text("".join(json.dumps(item) + "\n" for item in QUIZ))
    curate.run(recipe, out=place / "alone", workers=2, keep_intermediate=False, fresh=True)
    return recipe, files_of(place / "alone")


Attack = Callable[[LocalCluster, str, str], None]
"""On the node of a host and of Ray's name."""


def attacked(
    recipe: Path, out: Path, cluster: LocalCluster, stage: str, attack: Attack
) -> tuple[dict[str, str], list[str]]:
    """The files of a run, of which the first node seen at a task of a stage was attacked; and what was said."""
    os.environ |= cluster.environment
    said: list[str] = []

    def show(progress: Progress | Said) -> None:
        if isinstance(progress, Said):
            said.append(progress.line)

    choice = EngineChoice("ray", ray_address=cluster.address, facts=FACTS)
    engine = ray_engine(PosixStore(out), checked(recipe).limits, choice)
    over = threading.Event()
    attacker = threading.Thread(target=watch, args=(engine, stage, over, lambda *at: attack(cluster, *at)))
    attacker.start()
    try:
        run_on(checked(recipe), engine.store, engine, keep_intermediate=False, show=show)
    finally:
        over.set()
        attacker.join()
    return files_of(out), said


def watch(engine: RayEngine, stage: str, over: threading.Event, attack: Callable[[str, str], None]) -> None:
    while not over.wait(0.001):
        for agent in [*engine._agents.values()]:
            if any(assignment.task.stage == stage for assignment in [*agent.at_work.values()]):
                attack(agent.host, agent.node)
                return


def kill_and_replace(cluster: LocalCluster, host: str, node: str) -> None:
    cluster.tell(f"kill {cluster.nodes.index(node)}")
    cluster.add()


def stop_for_a_minute(cluster: LocalCluster, host: str, node: str) -> None:
    number = cluster.nodes.index(node)
    cluster.tell(f"stop {number}")
    time.sleep(60)
    cluster.tell(f"go on {number}")


@contextlib.contextmanager
def namespaces(nodes: int) -> Iterator[tuple[LocalCluster, dict[str, str]]]:
    """A head here and each node in a network namespace of its own; and by their addresses the links to them."""
    token = os.urandom(32).hex()
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0"}
    links = {f"10.77.0.{number + 2}": f"curate-ray{number}" for number in range(nodes)}
    processes = []
    try:
        shell(
            "ip link add curate-ray type bridge", f"ip addr add {HEAD}/24 dev curate-ray", "ip link set curate-ray up"
        )
        head = ray_start(HEAD, "--head", "--port=6390", "--num-cpus=0", "--include-dashboard=false")
        processes.append(ray_started(head, environment))
        for host, link in links.items():
            shell(
                f"ip netns add {link}",
                f"ip link add {link} type veth peer name eth0 netns {link}",
                f"ip link set {link} master curate-ray up",
                f"ip -n {link} addr add {host}/24 dev eth0",
                f"ip -n {link} link set eth0 up",
                f"ip -n {link} link set lo up",
            )
            inside = ["ip", "netns", "exec", link, *ray_start(host, f"--address={HEAD}:6390", "--num-cpus=1")]
            processes.append(ray_started(inside, environment))
        yield LocalCluster(processes[0], f"{HEAD}:6390", token), links
    finally:
        for process in processes:
            end(process)
        for link in links.values():
            subprocess.run(["ip", "link", "del", link], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "del", link], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "curate-ray"], check=False, capture_output=True)


def ray_started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """One after the other: they write into the same folder of the session."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    if not any("Ray runtime started" in line for line in process.stdout):
        raise SystemExit("a node did not start")
    return process


def ray_start(host: str, *more: str) -> list[str]:
    quiet = [f"--node-ip-address={host}", "--object-store-memory=83886080", "--disable-usage-stats", "--block"]
    return [sys.executable, "-m", "ray.scripts.scripts", "start", *quiet, *more]


def end(process: subprocess.Popen[str]) -> None:
    for child in [*psutil.Process(process.pid).children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def shell(*lines: str) -> None:
    for line in lines:
        subprocess.run(line.split(), check=True)


def command(recipe: Path, out: Path, *more: str) -> list[str]:
    run = [sys.executable, "-m", "curate", "run", str(recipe), "--out", str(out), "--no-report", "--fresh"]
    return [*run, "--discard-intermediate", *more]


def rows(folder: Path, documents: int) -> Path:
    """Files of 5,000 rows, and their recipe."""
    folder.mkdir()
    for first in range(0, documents, 5000):
        texts = (f"Row {n} of the table says that {hashlib.sha256(str(n).encode()).hexdigest()}." for n in range(5000))
        lines = (json.dumps({"text": f"{first}: {text}"}) + "\n" for text in texts)
        (folder / f"rows-{first:08}.jsonl").write_text("".join(lines))
    (folder / "rows.toml").write_text(ROWS)
    return folder / "rows.toml"


def peak(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """MB that a process and its one child have held at most; each tells its own peak."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        driver = bridge = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error, IndexError, FileNotFoundError, ProcessLookupError):
                driver = max(driver, high_water(watched.pid))
                bridge = max(bridge, high_water(watched.children()[0].pid))
            time.sleep(0.05)
        if process.returncode:
            raise SystemExit(f"exit code {process.returncode}")
    return driver / 1000, bridge / 1000


def high_water(number: int) -> int:
    """kB that a process has held at most."""
    status = Path(f"/proc/{number}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def files_of(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


if __name__ == "__main__":
    main()
