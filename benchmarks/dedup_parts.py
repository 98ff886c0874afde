"""`dedup` of drawn signatures by one process, and in parts by four: the same clusters, and the memory of each process.

    planted clusters ─▶ signature files of a run whose `filter` is done ─┬▶ dedup, one process ────▶ duplicates.parquet
                                                                         └▶ dedup, four processes ─▶ the same bytes?

    python benchmarks/dedup_parts.py --documents 10000000

Four of ten documents are in clusters of 2 to 50, whose members agree with the first in each row of the signature with
probability 0.9 and lie in sixteen splits. `verify = 0`, as there are no texts. Memory is the peak of the largest
worker. 10 million documents take 6 GB on disk, and 5 more while they are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from dedup_scale import BANDS, draw_signatures

from curate.dedup.minhash import band_keys, band_names, pack_signatures
from curate.engine.outputs import Outputs
from curate.engine.posix import PosixStore
from curate.engine.records import commit, committed, forget
from curate.engine.supervisor import Supervisor
from curate.pipeline.begin import begin
from curate.pipeline.mend import do_and_mend
from curate.pipeline.parts import ASKED, RANGE_DOCUMENTS, forget_parts
from curate.pipeline.run import checked, engine_of, silent
from curate.pipeline.stages import stages
from curate.run_files import DUPLICATES, filtered

SPLIT_DOCUMENTS = 50_000
TOGETHER = 16
"""Splits whose documents share clusters."""
RECIPE = '[dedup]\nmethod = "minhash"\nverify = 0\n[tokenize]\ntokenizer = "bytes"\n'
SOURCE = '[[source]]\nname = "s{number:04}"\nread = "tables"\npaths = ["{number:04}.jsonl"]\n'


def main() -> None:
    options = parse_options()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, options.processes)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        prepare(Path(work), options.documents)
        os.sync()  # what was drawn is not written while it is read
        heads = ("processes", "CPU s", "wall s", "MB each", "bytes a document", "removed")
        print(f"{options.documents:,} documents\n" + "".join(f"{head:>18}" for head in heads))
        found = [side(options, work, processes) for processes in (1, options.processes)]
        same = "the same" if found[0]["sha256"] == found[1]["sha256"] else "ANOTHER"
        share = found[1]["memory"] / found[0]["memory"]
        print(f"{DUPLICATES}: {same} bytes; memory of a process: {share:.2f} of that of one alone")
        for stage, (wall, cpu) in found[1]["stages"].items():
            print(f"{stage:>18}{wall:>10.1f} s wall{cpu:>10.1f} s CPU")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2_000_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where the run is drawn (default: the temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def side(options: argparse.Namespace, work: str, processes: int) -> dict[str, float]:
    """In a process of its own, whose children are the workers."""
    command = [sys.executable, __file__, "--measure", work, "--processes", str(processes)]
    ranges = 0 if processes == 1 else -(-options.documents // RANGE_DOCUMENTS)
    found: dict[str, float] = json.loads(
        subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, ASKED: str(ranges)}
        ).stdout
    )
    each = found["memory"] / options.documents
    cells = (f"{processes}", f"{found['cpu']:.1f}", f"{found['wall']:.1f}", f"{found['memory'] / 1e6:.0f}")
    print("".join(f"{cell:>18}" for cell in (*cells, f"{each:.0f}", f"{found['removed']:,}")), flush=True)
    return found


def prepare(work: Path, documents: int) -> None:
    """The folder of a run of which all is done up to `dedup`."""
    splits = -(-documents // SPLIT_DOCUMENTS)
    for number in range(splits):
        (work / f"{number:04}.jsonl").write_text('{"text": "a line"}\n')
    recipe = work / "recipe.toml"
    recipe.write_text('name = "parts"\n' + "".join(SOURCE.format(number=number) for number in range(splits)) + RECIPE)
    store = PosixStore(work / "run")
    keys = [*begin(store, checked(recipe)).splits.keys()]
    for first in range(0, splits, TOGETHER):
        count = min(TOGETHER * SPLIT_DOCUMENTS, documents - first * SPLIT_DOCUMENTS)
        table = draw(count, first)
        for key, start in zip(keys[first:], range(0, count, SPLIT_DOCUMENTS), strict=False):
            part = table[start : start + SPLIT_DOCUMENTS]
            outputs = Outputs(store.workspace(key))
            with outputs.open(filtered(key, "signatures")) as file:
                part.write_parquet(file, compression="uncompressed")
            commit(store, "filter", key, outputs, {"kept": part.height})


def draw(count: int, first: int) -> pl.DataFrame:
    rng = np.random.default_rng(first)
    signatures, _ = draw_signatures(count, rng)
    signatures = signatures[rng.permutation(count)]
    keys = band_keys(signatures, bands=BANDS)
    ids = pl.Series("id", first * SPLIT_DOCUMENTS + np.arange(count)).cast(pl.String).str.zfill(12)
    return pl.DataFrame(
        {"id": "https://a.example/" + ids, "source": pl.repeat("web", count, eager=True)}
        | {"length": rng.integers(200, 20_000, count)}
        | {name: keys[:, band] for band, name in enumerate(band_names(BANDS))}
        | {"signature": pack_signatures(signatures)}
    )


def measure(work: Path, processes: int) -> dict[str, object]:
    store, recipe = PosixStore(work / "run"), checked(work / "recipe.toml")
    forget(store, "dedup", "all")
    forget_parts(store)
    supervisor = Supervisor(store, engine_of(store, processes, recipe.limits), recipe.limits, silent)
    asked = [stage for stage in stages(recipe) if stage.name in ("filter", "dedup")]
    wall = time.perf_counter()
    do_and_mend(supervisor, recipe, begin(store, recipe), asked)
    supervisor.close()
    wall, done = time.perf_counter() - wall, committed(store, "dedup", "all")
    steps = {name: sum(cpu for _, cpu in stage["steps"].values()) for name, stage in supervisor.timing.items()}
    return {
        "wall": wall,
        "cpu": sum(steps.values()),
        "memory": children(),
        "removed": done.counts["removed"],
        "sha256": done.outputs[DUPLICATES]["sha256"],
        "outputs": dict(done.outputs),
        "stages": {name: (supervisor.timing[name]["wall"], cpu) for name, cpu in steps.items()},
    }


def children() -> int:
    """The most memory that one worker had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
