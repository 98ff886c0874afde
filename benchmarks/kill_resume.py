"""Kill a run with SIGKILL at random moments, resume it until it is done, compare every output file with a quiet run.

quiet run ─▶ sha256 of every file ──────────────────────────────┐
start ─▶ wait ─▶ SIGKILL (a worker, or all) ─▶ resume … done ─▶ same? ─▶ one line a trial, exit 1 on a difference
runs with 1, 2, 4 workers ──────────────────────────────────────┘
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
WARC = HERE.parents[1] / "shared" / "data" / "neardup" / "web.warc.gz"

RECIPE = """\
name = "kill-resume"
seed = 17

[[source]]
name = "web"
read = "warc"
paths = ["input/*"]
steps = [{ use = "language", keep = ["en"], min_score = 0.65 }, "gopher_repetition", "gopher_quality"]

[dedup]
method = ["exact", "minhash"]

[scrub]
entities = ["EMAIL_ADDRESS", "IP_ADDRESS"]

[tokenize]
tokenizer = { train = { vocab_size = 4096, sample_bytes = 1_000_000 } }
"""

NOT_COMPARED = ("timing.json", "report.html", ".lock")
"""Of a finished run: the account of time, and the file that a run holds its folder with. `work/` is gone by then."""

RESUMABLE = (5, 130)
"""Exit codes after which the same command goes on: workers that keep dying look like a broken machine."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one killed run went through, and in which files it differs from the quiet one."""

    kills: list[str]
    starts: int
    differences: list[str]


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="curate-kill-resume-") as temporary:
        work = Path(temporary)
        recipe = options.recipe or make_recipe(options.warc, options.copies, work)
        started = time.perf_counter()
        expected = quiet_run(recipe, work / "quiet", options.workers)
        seconds = time.perf_counter() - started
        print(f"quiet run: {len(expected)} files, {seconds:.1f} s, {options.workers} workers", flush=True)
        bad = compare_worker_counts(recipe, work, expected, options)
        bad += kill_trials(recipe, work, expected, seconds, options)
    sys.exit(1 if bad else 0)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path, nargs="*", default=[WARC], help="input of the built-in recipe")
    parser.add_argument("--recipe", type=Path, help="run this recipe instead, on its own inputs")
    parser.add_argument("--copies", type=int, default=3, help="how often each input file is there")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--max-kills", type=int, default=5, help="per trial; then the run may finish")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of who is killed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker-counts", default="1,2,4", help="undisturbed runs to compare; empty: none")
    return parser.parse_args()


def make_recipe(warcs: list[Path], copies: int, work: Path) -> Path:
    """The built-in recipe beside its inputs: several files, so that there are several splits."""
    (work / "input").mkdir()
    for warc in warcs:
        for number in range(copies):
            shutil.copy2(warc, work / "input" / f"{number:02}-{warc.name}")
    recipe = work / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def quiet_run(recipe: Path, out: Path, workers: int) -> dict[str, str]:
    process = start(recipe, out, workers)
    if process.wait() != 0:
        sys.exit(f"the undisturbed run ended with exit code {process.returncode}:\n{read_log(out)}")
    return digests(out)


def compare_worker_counts(recipe: Path, work: Path, expected: dict[str, str], options: argparse.Namespace) -> int:
    """How many worker counts give other bytes."""
    bad = 0
    for workers in (int(word) for word in options.worker_counts.split(",") if word):
        out = work / f"workers-{workers}"
        differences = differing(expected, quiet_run(recipe, out, workers))
        print(f"{workers} workers: {verdict(differences)}", flush=True)
        bad += bool(differences)
        shutil.rmtree(out)
    return bad


def kill_trials(recipe: Path, work: Path, expected: dict[str, str], seconds: float, options: argparse.Namespace) -> int:
    """How many trials end with other bytes; the moments of the kills spread over the time that is left to run."""
    trials = []
    for number in range(options.trials):
        out = work / f"trial-{number}"
        random_source = random.Random(f"{options.seed}/{number}")
        trial = kill_and_resume(recipe, out, expected, seconds, random_source, options)
        trials.append(trial)
        kills = ", ".join(trial.kills) or "none"
        print(f"trial {number}: {verdict(trial.differences)}; {trial.starts} starts; kills: {kills}", flush=True)
        if not trial.differences:
            shutil.rmtree(out)
    bad = sum(bool(trial.differences) for trial in trials)
    killed = sum(len(trial.kills) for trial in trials)
    print(f"{len(trials) - bad} of {len(trials)} trials byte-identical over {killed} kills")
    return bad


def kill_and_resume(
    recipe: Path,
    out: Path,
    expected: dict[str, str],
    seconds: float,
    chance: random.Random,
    options: argparse.Namespace,
) -> Trial:
    """Start, kill, start again, until a start is left to finish."""
    kills: list[str] = []
    starts = 0
    while True:
        process = start(recipe, out, options.workers)
        starts += 1
        while len(kills) < options.max_kills and process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, seconds / 2))
                break
            kills.append(kill(process, chance))
        code = process.wait()
        if code == 0:
            return Trial(kills, starts, differing(expected, digests(out)))
        if code not in (-signal.SIGKILL, *RESUMABLE):
            return Trial(kills, starts, [f"exit code {code}: {read_log(out)[-500:]}"])


def kill(process: subprocess.Popen[bytes], chance: random.Random) -> str:
    """SIGKILL to one child of the run, which it must survive, or to its whole process group."""
    children = sorted(psutil.Process(process.pid).children(recursive=True), key=lambda child: child.pid)
    victim = chance.choice(["worker", "all"])
    if victim == "worker" and children:
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(children).kill()
        return "worker"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for child in children:  # those that made a group of their own
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    return "all"


def start(recipe: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """`curate run` as the leader of a new process group; its messages go beside its folder."""
    curate = Path(sys.executable).with_name("curate")
    command: list[str | Path] = [curate, "run", recipe, "--fresh", "--out", out, "--workers", str(workers)]
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def read_log(out: Path) -> str:
    return out.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of every file of a finished run, by its path."""
    paths = (path for path in sorted(run.rglob("*")) if path.is_file())
    names = ((path, path.relative_to(run).as_posix()) for path in paths)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for path, name in names if name not in NOT_COMPARED}


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names of files that are missing, too many, or other."""
    return sorted(name for name in expected | found if expected.get(name) != found.get(name))


def verdict(differences: list[str]) -> str:
    return "identical" if not differences else f"DIFFERENT {json.dumps(differences[:10])} ({len(differences)} in all)"


if __name__ == "__main__":
    main()
