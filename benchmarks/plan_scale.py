"""A run over a whole snapshot of Common Crawl, 700,000 splits: what a worker costs that finds its own, and what going
on costs once all are done.

700,000 made-up splits ─▶ plan on disk ─▶ fresh process: one split ─▶ milliseconds, MB
                       └─▶ 700,000 records ─▶ fresh process: which tasks are left? ─▶ seconds
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from curate.engine.plan import FileRange, InputFile, Plan, PlannedSplits, Split
from curate.engine.plan_file import write_plan
from curate.engine.posix import PosixStore
from curate.engine.sealed import sealed_bytes
from curate.run_files import done_record

FIND = """
import json, resource, sys, time
from curate.engine.plan_file import read_plan
from pathlib import Path
from curate.engine.posix import PosixStore
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
plan = read_plan(PosixStore(Path(sys.argv[1])))
opened, times = time.perf_counter() - started, []
for key in sys.argv[2:]:
    started = time.perf_counter()
    assert plan.split(key).key == key
    times.append(time.perf_counter() - started)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"opened": opened, "found": times, "grown_mb": (memory - before) / 1024}))
"""
GO_ON = """
import sys, time
from curate.engine.plan_file import check_splits, read_plan
from pathlib import Path
from curate.engine.posix import PosixStore
from curate.engine.records import keys_done
store = PosixStore(Path(sys.argv[1]))
started = time.perf_counter()
store.tidy()
check_splits(store)
done = keys_done(store, "filter")
left = [key for key in read_plan(store).splits.keys() if key not in done]
print(time.perf_counter() - started, len(left))
"""


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="curate-plan-") as temporary:
        store = PosixStore(Path(temporary))
        splits = made_up_splits(options.splits)
        started = time.perf_counter()
        write_plan(store, Plan("digest", "0", "/data", splits))
        print(f"plan of {len(splits):,} splits written in {time.perf_counter() - started:.1f} s", flush=True)
        keys = [split.key for split in random.Random(1).sample(splits, 200)]
        told = json.loads(in_fresh_process(FIND, temporary, *keys))
        first, later = told["found"][0], statistics.median(told["found"][1:])
        print(f"a worker opens it in {told['opened'] * 1e3:.1f} ms and grows by {told['grown_mb']:.1f} MB")
        print(
            f"and finds a split in {first * 1e3:.3f} ms the first time, {later * 1e3:.3f} ms (median) then", flush=True
        )
        write_records(store, splits[: options.splits - options.left])
        seconds, left = in_fresh_process(GO_ON, temporary).split()
        print(f"going on: {left} tasks are left, known after {float(seconds):.1f} s")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=700_000)
    parser.add_argument("--left", type=int, default=10, help="of which no record says that they are done")
    return parser.parse_args()


def made_up_splits(count: int) -> PlannedSplits:
    """Each a range of one of 90,000 WARC files, as they are called and as large as they are."""
    size = 1 << 30
    splits = []
    for number in range(count):
        name = f"crawl-data/CC-MAIN-2026-10/segments/{number // 9:012}.00/warc/CC-MAIN-2026-{number // 8:05}.warc.gz"
        file = InputFile(name, f"s3://commoncrawl/{name}", size, "1767225600000000000")
        part = FileRange(file, size // 8 * (number % 8), size // 8 * (number % 8 + 1))
        splits.append(Split(f"web-{number:05}", "web", number, (part,), size // 8))
    return PlannedSplits(splits)


def write_records(store: PosixStore, splits: PlannedSplits) -> None:
    """As commits write them, but without syncs, which would take an hour."""
    digest = "0" * 64
    for split in splits:
        outputs = {f"work/filter/{split.key}.ledger.parquet": {"size": 1, "sha256": digest}}
        path = store.root / done_record("filter", split.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sealed_bytes({"stage": "filter", "key": split.key, "outputs": outputs, "counts": {}}))


def in_fresh_process(program: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
