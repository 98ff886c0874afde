"""Many processes that do one run together, some of them killed and begun again: the bytes of a run alone, or not.

    python benchmarks/share_trial.py quickstart --world 64 --kills 6

Each rank is a process of its own (`curate run … --rank I --world N --workers 0`), all are begun at once, and `--kills`
of them, chosen by `--seed`, are killed at random moments; the first half of those comes again. Prints how many files
differ from those of the run alone, and the CPU time of both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOT_COMPARED = ("timing.json", ".lock")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--world", type=int, default=64)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        alone, shared = Path(place) / "alone", Path(place) / "shared"
        before = os.times()
        subprocess.run(command(options.recipe, alone, 0, 1), check=True, capture_output=True)
        between = os.times()
        codes = share(options.recipe, shared, options.world, options.kills, random.Random(options.seed))
        after = os.times()
        one, other = digests(alone), digests(shared)
        differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        print(f"{options.world} processes, {options.kills} killed; exit codes {codes}")
        print(f"{len(one)} files, {len(differing)} differ {differing[:5]}")
        print(f"CPU s alone {cpu(before, between):.1f}, shared {cpu(between, after):.1f}")
    sys.exit(bool(differing))


def command(recipe: str, out: Path, rank: int, world: int) -> list[str]:
    run = [sys.executable, "-m", "curate", "run", recipe, "--out", str(out), "--workers", "0", "--no-report"]
    return [*run, "--fresh", "--rank", str(rank), "--world", str(world)]


def share(recipe: str, out: Path, world: int, kills: int, chance: random.Random) -> dict[int, int]:
    """All ranks at once; how often each exit code came."""
    started = {rank: start(recipe, out, rank, world) for rank in range(world)}
    for number, rank in enumerate(chance.sample(range(world), kills)):
        time.sleep(chance.uniform(0.5, 8.0))
        started[rank].kill()
        started[rank].wait()
        if number % 2 == 0:
            started[rank] = start(recipe, out, rank, world)
    codes = [process.wait() for process in started.values()]
    return {code: codes.count(code) for code in sorted(set(codes))}


def start(recipe: str, out: Path, rank: int, world: int) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command(recipe, out, rank, world), stdout=quiet, stderr=quiet)


def digests(run: Path) -> dict[str, str]:
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in NOT_COMPARED)
    return {path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def cpu(one: os.times_result, other: os.times_result) -> float:
    return other.children_user + other.children_system - one.children_user - one.children_system


if __name__ == "__main__":
    main()
